/* What the tests of the program format share: random byte strings, and programs compared by operands. */
#ifndef KMEM_PROGRAM_FIXTURE_H
#define KMEM_PROGRAM_FIXTURE_H

#include "fuzz/text/text.h"
#include "tests/unit/test.h"

#define RANDOM_TRIAL_COUNT  20000
#define RANDOM_SIZE_MAXIMUM ((size_t)400) /* bytes */
#define ENCODED_MAXIMUM     (RANDOM_SIZE_MAXIMUM + PROGRAM_HEADER_SIZE_MAXIMUM + PROGRAM_OPERATION_SIZE_MAXIMUM)

/* Marsaglia's xorshift: every test starts it afresh, so that each fails alone as it does among the others. */
static uint64_t random_state;

static inline void start_random(void) {
    random_state = UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t random_next(void) {
    return next_random(&random_state);
}

/* Fills bytes at random and returns how many, 0 to RANDOM_SIZE_MAXIMUM. Half are of format 1. */
static inline size_t random_bytes(uint8_t *bytes) {
    const size_t size = (size_t)(random_next() % (RANDOM_SIZE_MAXIMUM + 1));
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(random_next() >> 32);
    }
    if (random_next() % 2 == 0 && size > 0) {
        bytes[0] = 1;
    }
    return size;
}

static inline void assert_headers_equal(const struct program_header *a, const struct program_header *b) {
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->page_size, b->page_size);
    assert_int_equal(a->page_count, b->page_count);
    assert_int_equal(a->growth_limit, b->growth_limit);
    assert_int_equal(a->slot_count, b->slot_count);
    assert_int_equal(a->refused_asks, b->refused_asks);
    assert_int_equal(a->disabled_kinds, b->disabled_kinds);
}

static inline void assert_operations_equal(struct operation a, struct operation b) {
    assert_int_equal(a.kind, b.kind);
    assert_int_equal(a.slot, b.slot);
    assert_int_equal(a.size.base, b.size.base);
    assert_int_equal(a.size.amount, b.size.amount);
    assert_int_equal(a.choice, b.choice);
    assert_int_equal(a.through, b.through);
    assert_true(a.alignment == b.alignment);
    assert_int_equal(a.step, b.step);
}

static inline void assert_programs_equal(const struct program *a, const struct program *b) {
    assert_headers_equal(&a->header, &b->header);
    assert_int_equal(a->operation_count, b->operation_count);
    for (size_t i = 0; i < a->operation_count; i++) {
        assert_operations_equal(program_operation(a, i), program_operation(b, i));
    }
}

static inline void assert_header_in_range(const struct program_header *header) {
    assert_true(header->page_size >= program_format(header->version)->page_size_minimum);
    assert_true(header->page_size <= 4096);
    assert_int_equal(header->page_size & (header->page_size - 1), 0);
    assert_true(header->page_count >= 1 && header->page_count <= 512);
    assert_true(header->growth_limit <= 63);
    assert_true(header->page_count + header->growth_limit <= 512);
    assert_true(header->slot_count >= 16 && header->slot_count <= 4096);
    assert_int_equal(header->slot_count & (header->slot_count - 1), 0);
    assert_true(header->disabled_kinds < (1u << program_format(header->version)->kind_count) - 1);
}

static inline void assert_size_in_range(struct size_operand size) {
    assert_true((unsigned)size.base < SIZE_BASE_COUNT);
    if (size.base == SIZE_BASE_LITERAL) {
        assert_true(size.amount >= 0 && size.amount <= 0xffffff);
    } else {
        assert_true(size.amount >= -128 && size.amount <= (size.base == SIZE_BASE_MAXIMUM ? 0 : 127));
    }
}

static inline void assert_operation_in_range(struct operation operation,
                                             const struct program_header *header) {
    const struct program_format *const format = program_format(header->version);
    const enum operation_kind kind = operation.kind;
    assert_true((unsigned)kind < format->kind_count);
    assert_true(operation_takes(kind, OPERAND_SLOT) ? operation.slot < header->slot_count
                                                    : operation.slot == 0);
    assert_size_in_range(operation.size);
    assert_true(operation_has_size(&operation) ||
                (operation.size.base == SIZE_BASE_LITERAL && operation.size.amount == 0));
    const bool counts = operation_takes(kind, OPERAND_COUNT);
    assert_true(counts ? operation.choice < PROGRAM_COUNT_COUNT : operation.choice == 0);
    const bool aligns = operation_takes(kind, OPERAND_ALIGNMENT);
    assert_true(aligns ? format->has_alignment(operation.alignment) : operation.alignment == 0);
    assert_true(operation.step <= (operation_takes(kind, OPERAND_STEP) ? format->step_maximum : 0));
    assert_true((unsigned)operation.through < THROUGH_COUNT);
    assert_true(operation_takes_through(kind, operation.through) || operation.through == THROUGH_FREE);
}

/* Are these what the text form says of a heap, or of an operation? */

static inline void assert_header_reads(const struct program_header *header, const char *expected) {
    uint8_t bytes[PROGRAM_HEADER_SIZE_MAXIMUM];
    char line[256];
    size_t size;
    program_encode_header(header, bytes);
    const struct program program = program_decode(bytes, program_size(header->version, 0));
    char *const text = text_make(&program, &size);
    (void)snprintf(line, sizeof line, "kmem-program %u\nheap %s\n", (unsigned)header->version, expected);
    assert_non_null(text);
    assert_string_equal(text, line);
    free(text);
}

static inline void assert_operation_reads(const struct operation *operation, const char *expected) {
    char text[TEXT_OPERATION_SIZE];
    assert_string_equal(text_operation(operation, text), expected);
}

/* Bytes, what they mean as text, and how that is written. */
struct pinned {
    uint8_t bytes[PROGRAM_HEADER_SIZE_MAXIMUM];
    const char *text;
    uint8_t canonical[PROGRAM_HEADER_SIZE_MAXIMUM];
};

static inline struct program_header decode_header(const uint8_t *bytes) {
    return program_decode(bytes, program_size(bytes[0], 0)).header;
}

/* The operation that these bytes mean on 32-byte pages, in format 2 64 of them, with as many slots as there
 * can be. */
static inline struct operation operation_meant(unsigned version, const uint8_t *operation) {
    uint8_t bytes[PROGRAM_HEADER_SIZE_MAXIMUM + PROGRAM_OPERATION_SIZE_MAXIMUM] = {1, 'L', [6] = 8};
    const size_t front = program_size(version, 0);
    const size_t size = program_size(version, 1);
    if (version == 2) {
        memcpy(bytes, (const uint8_t[]){2, 'L', 6, 60}, 4);
    }
    memcpy(bytes + front, operation, size - front);
    const struct program program = program_decode(bytes, size);
    assert_int_equal(program.operation_count, 1);
    assert_int_equal(program.header.page_size, 32);
    assert_int_equal(program.header.page_count, version == 2 ? 64 : 1);
    return program_operation(&program, 0);
}

static inline void assert_header_pinned(const struct pinned *pinned) {
    uint8_t canonical[PROGRAM_HEADER_SIZE_MAXIMUM] = {0};
    const struct program_header header = decode_header(pinned->bytes);
    assert_header_reads(&header, pinned->text);
    program_encode_header(&header, canonical);
    assert_memory_equal(canonical, pinned->canonical, sizeof canonical);
}

static inline void assert_operation_pinned(unsigned version, const struct pinned *pinned) {
    uint8_t canonical[PROGRAM_HEADER_SIZE_MAXIMUM] = {0};
    const struct operation operation = operation_meant(version, pinned->bytes);
    assert_operation_reads(&operation, pinned->text);
    program_format(version)->encode_operation(&operation, canonical);
    assert_memory_equal(canonical, pinned->canonical, sizeof canonical);
    assert_operations_equal(operation_meant(version, canonical), operation);
}

static inline void assert_header_survives(const struct program_header *header) {
    uint8_t bytes[PROGRAM_HEADER_SIZE_MAXIMUM];
    program_encode_header(header, bytes);
    const struct program_header read = decode_header(bytes);
    assert_headers_equal(&read, header);
}

/* Every geometry that the format documents can be written and read. */
static inline void assert_geometries_survive(unsigned version) {
    struct program_header header = {.slot_count = 16, .version = version};
    for (header.page_size = program_format(version)->page_size_minimum; header.page_size <= 4096;
         header.page_size *= 2) {
        for (header.page_count = 1; header.page_count <= 512; header.page_count++) {
            header.growth_limit = header.page_count <= 449 ? 63 : 512 - header.page_count;
            assert_header_survives(&header);
            header.growth_limit = header.page_count % (header.growth_limit + 1);
            assert_header_survives(&header);
        }
    }
    header = (struct program_header){.page_size = 32, .page_count = 1, .version = version};
    for (header.slot_count = 16; header.slot_count <= 4096; header.slot_count *= 2) {
        assert_header_survives(&header);
    }
}

/* A test that draws random bytes. */
#define RANDOM_TEST(name) TEST_WITH(name, start_random, NULL)

#endif
