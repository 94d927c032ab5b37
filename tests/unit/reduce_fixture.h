/* What the tests of the reducer share: programs as text, predicates that watch what they are asked, and a
 * check of minimality that knows nothing of how the reducer works. */
#ifndef KMEM_REDUCE_FIXTURE_H
#define KMEM_REDUCE_FIXTURE_H

#include "fuzz/search/reduce.h"
#include "fuzz/text/text.h"
#include "tests/unit/test.h"

#define CAPACITY ((size_t)8192) /* bytes: no test's program is larger */

static inline struct program parse(const char *text) {
    static uint8_t kept[CAPACITY];
    uint8_t *bytes;
    size_t size;
    struct text_error error = {0, 0, ""};
    if (!text_parse((const uint8_t *)text, strlen(text), &bytes, &size, &error)) {
        fail_msg("%zu:%zu: %s", error.line, error.column, error.message);
    }
    assert_true(size <= sizeof kept);
    memcpy(kept, bytes, size);
    free(bytes);
    return program_decode(kept, size);
}

static inline void assert_text(const struct program *program, const char *expected) {
    size_t size;
    char *const text = text_make(program, &size);
    assert_string_equal(text, expected);
    free(text);
}

/* A predicate that needs no context. In its condition, COUNT(of) is how many operations this holds of. */
#define PREDICATE_IS(name, condition)                                                                        \
    static bool name(__attribute__((unused)) void *context,                                                  \
                     __attribute__((unused)) const struct program *program) {                                \
        return condition;                                                                                    \
    }

#define COUNT(of)                                                                                            \
    __extension__({                                                                                          \
        size_t count_ = 0;                                                                                   \
        for (size_t i = 0; i < program->operation_count; i++) {                                              \
            const struct operation operation = program_operation(program, i);                                \
            count_ += (of);                                                                                  \
        }                                                                                                    \
        count_;                                                                                              \
    })

static inline size_t count_kind(const struct program *program, enum operation_kind kind) {
    return COUNT(operation.kind == kind);
}

static inline int32_t amount_of(const struct program *program, size_t index) {
    return program_operation(program, index).size.amount;
}

static inline unsigned slot_of(const struct program *program, size_t index) {
    return program_operation(program, index).slot;
}

/* A predicate, and what is required of what asks it. */
struct asked {
    reduce_predicate *fails;
    void *context;
    size_t count;
    uint8_t smallest[CAPACITY]; /* of those that failed */
    size_t smallest_size;       /* 0: none yet */
};

/* Asks, and requires that the program is canonical, and smaller than every one that has failed. */
static inline bool ask(void *context, const struct program *program) {
    struct asked *const asked = context;
    uint8_t canonical[CAPACITY];
    assert_true(program_encoded_size(program) <= sizeof canonical);
    program_encode(program, canonical);
    assert_int_equal(program->size, program_encoded_size(program));
    assert_memory_equal(canonical, program->bytes, program->size);
    if (asked->smallest_size != 0) {
        const struct program smallest = program_decode(asked->smallest, asked->smallest_size);
        assert_true(reduce_order(program, &smallest) < 0);
        assert_true(reduce_order(&smallest, program) > 0);
    }
    asked->count++;
    if (!asked->fails(asked->context, program)) {
        return false;
    }
    memcpy(asked->smallest, program->bytes, program->size);
    asked->smallest_size = program->size;
    return true;
}

/* Reduces a program that fails. The result lasts until the next call. */
static inline struct program reduce_with(const struct program *program, reduce_predicate *fails,
                                         void *context) {
    static uint8_t kept[CAPACITY];
    static struct asked asked;
    asked = (struct asked){.fails = fails, .context = context};
    struct reduction reduction = {.fails = ask, .context = &asked, .replay_limit = SIZE_MAX};
    assert_int_equal(reduce(program, &reduction), REDUCE_DONE);
    assert_int_equal(reduction.replay_count, asked.count);
    assert_int_equal(reduction.size, asked.smallest_size);
    assert_memory_equal(reduction.bytes, asked.smallest, reduction.size);
    memcpy(kept, reduction.bytes, reduction.size);
    free(reduction.bytes);
    return program_decode(kept, reduction.size);
}

static inline void assert_reduced(const char *text, reduce_predicate *fails, const char *expected) {
    const struct program program = parse(text);
    const struct program reduced = reduce_with(&program, fails, NULL);
    assert_text(&reduced, expected);
}

struct variant {
    struct program_header header;
    struct operation operations[CAPACITY / 4];
    size_t count;
};

static inline struct variant variant_of(const struct program *program) {
    static struct variant variant;
    variant.header = program->header;
    variant.count = program->operation_count;
    for (size_t i = 0; i < variant.count; i++) {
        variant.operations[i] = program_operation(program, i);
    }
    return variant;
}

static inline void assert_passes(const struct variant *variant, const struct program *minimal,
                                 reduce_predicate *fails, void *context) {
    uint8_t bytes[CAPACITY];
    program_encode_header(&variant->header, bytes);
    for (size_t i = 0; i < variant->count; i++) {
        program_encode_operation(&variant->header, i, &variant->operations[i], bytes);
    }
    const struct program program =
        program_decode(bytes, program_size(variant->header.version, variant->count));
    if (reduce_order(&program, minimal) < 0 && fails(context, &program)) {
        text_print(minimal, stderr);
        fprintf(stderr, "is not minimal: this fails as well:\n");
        text_print(&program, stderr);
        fail();
    }
}

/* Requires that no operation can go, no literal size be less, no number of the heap line be less, and no
 * kind, alignment, count, step or slot be a lower one. */
static inline void assert_minimal(const struct program *minimal, reduce_predicate *fails, void *context) {
    static struct variant variant;
    for (size_t gone = 0; gone < minimal->operation_count; gone++) {
        variant = variant_of(minimal);
        variant.count--;
        for (size_t i = gone; i < variant.count; i++) {
            variant.operations[i] = program_operation(minimal, i + 1);
        }
        assert_passes(&variant, minimal, fails, context);
    }
    for (size_t i = 0; i < minimal->operation_count; i++) {
        const struct operation operation = program_operation(minimal, i);
#define ASSERT_EACH_LOWER(member, type, highest)                                                             \
    for (uint32_t value = 0; value < (uint32_t)(highest) && value < 256; value++) {                          \
        variant = variant_of(minimal);                                                                       \
        variant.operations[i].member = (type)value;                                                          \
        assert_passes(&variant, minimal, fails, context);                                                    \
    }
        if (operation.size.base == SIZE_BASE_LITERAL) {
            ASSERT_EACH_LOWER(size.amount, int32_t, operation.size.amount)
        }
        ASSERT_EACH_LOWER(alignment, uint64_t, operation.alignment)
        ASSERT_EACH_LOWER(choice, uint8_t, operation.choice)
        ASSERT_EACH_LOWER(step, uint32_t, operation.step)
        ASSERT_EACH_LOWER(slot, uint16_t, operation.slot)
        ASSERT_EACH_LOWER(kind, enum operation_kind, operation.kind)
    }
#define ASSERT_EACH_LOWER_SETTING(member, type, lowest)                                                      \
    for (size_t value = (lowest); value < minimal->header.member; value++) {                                 \
        variant = variant_of(minimal);                                                                       \
        variant.header.member = (type)value;                                                                 \
        assert_passes(&variant, minimal, fails, context);                                                    \
    }
    const size_t smallest_page = program_format(minimal->header.version)->page_size_minimum;
    ASSERT_EACH_LOWER_SETTING(page_count, size_t, 1)
    ASSERT_EACH_LOWER_SETTING(growth_limit, size_t, 0)
    for (size_t value = 1; value < PROGRAM_SLOT_COUNT_MAXIMUM; value *= 2) {
        variant = variant_of(minimal);
        variant.header.page_size =
            value >= smallest_page && value < variant.header.page_size ? value : variant.header.page_size;
        assert_passes(&variant, minimal, fails, context);
        variant = variant_of(minimal);
        variant.header.slot_count = value >= PROGRAM_SLOT_COUNT_MINIMUM && value < variant.header.slot_count
                                        ? value
                                        : variant.header.slot_count;
        assert_passes(&variant, minimal, fails, context);
        variant = variant_of(minimal);
        variant.header.refused_asks &= (uint16_t)~value;
        assert_passes(&variant, minimal, fails, context);
    }
}

#endif
