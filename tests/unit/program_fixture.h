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

/* A test that draws random bytes. */
#define RANDOM_TEST(name) TEST_WITH(name, start_random, NULL)

#endif
