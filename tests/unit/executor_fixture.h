/* What the tests of the executor share: one executor over an arena and tables in static storage, and programs
 * written as lists of operations. */
#ifndef KMEM_EXECUTOR_FIXTURE_H
#define KMEM_EXECUTOR_FIXTURE_H

#include "fuzz/execute/executor.h"
#include "fuzz/execute/pattern.h"
#include "src/port.h"
#include "tests/unit/test.h"

/* Bytes. No test's region and the page in front of it are larger, and no alignment: so that placements are
 * those of any other arena. */
#define TEST_CAPACITY ((size_t)65536)
#define SLOT_CAPACITY 1024

/* Two arenas at different addresses, each with room for its guards on either side. */
_Alignas(TEST_CAPACITY) static unsigned char arena_memory[5 * TEST_CAPACITY];
static const struct arena first_arena = {.base = arena_memory + TEST_CAPACITY, .capacity = TEST_CAPACITY};
static const struct arena second_arena = {.base = arena_memory + 3 * TEST_CAPACITY,
                                          .capacity = TEST_CAPACITY};

EXECUTOR_TABLES(tables, SLOT_CAPACITY);
static struct executor executor;

/* Most tests run on 256 bytes that can grow by 128. */
static const struct program_header small_heap = {
    .page_size = 64, .page_count = 4, .growth_limit = 2, .slot_count = 16};

static inline void make_executor(const struct subject *subject, struct arena arena, uint64_t oracles) {
    executor = (struct executor){.subject = subject, .arena = arena, .tables = tables, .oracles = oracles};
    executor_prepare(&executor);
}

/* This project's heap, every oracle on. */
static inline void start_executor(void) {
    make_executor(&subject_kmem, first_arena, ORACLE_ALL);
}

#define EXECUTOR_TEST(name) TEST_WITH(name, start_executor, NULL)

/* Operations. */

static inline struct size_operand size_of(enum size_base base, int32_t amount) {
    return (struct size_operand){.base = base, .amount = amount};
}

static inline struct operation sized(enum operation_kind kind, unsigned slot, int32_t size) {
    return (struct operation){.kind = kind, .slot = (uint16_t)slot, .size = size_of(SIZE_BASE_LITERAL, size)};
}

#define ALLOC(slot, size)   sized(OPERATION_ALLOC, (slot), (size))
#define ZALLOC(slot, size)  sized(OPERATION_ZALLOC, (slot), (size))
#define REALLOC(slot, size) sized(OPERATION_REALLOC, (slot), (size))
#define FREE(slot)          sized(OPERATION_FREE, (slot), 0)
#define COALESCE            sized(OPERATION_COALESCE, 0, 0)
#define NULL_FREE           sized(OPERATION_NULL_FREE, 0, 0)
#define REFUSE              sized(OPERATION_REFUSE, 0, 0)
#define DOUBLE(slot)        sized(OPERATION_DOUBLE, (slot), 0)
#define USABLE(slot)        sized(OPERATION_USABLE, (slot), 0)

static inline struct operation chosen(enum operation_kind kind, unsigned slot, unsigned choice,
                                      int32_t size) {
    struct operation operation = sized(kind, slot, size);
    operation.choice = (uint8_t)choice;
    return operation;
}

/* Choices are indices: 2 is a count of 3, 11 is 2^61 + 1. */
#define CALLOC(slot, choice, size) chosen(OPERATION_CALLOC, (slot), (choice), (size))

static inline struct operation aligned(unsigned slot, uint64_t alignment, int32_t size) {
    struct operation operation = sized(OPERATION_ALIGNED, slot, size);
    operation.alignment = alignment;
    return operation;
}

#define ALIGNED(slot, alignment, size) aligned((slot), (alignment), (size))

static inline struct operation stepped(enum operation_kind kind, unsigned slot, uint32_t step) {
    struct operation operation = sized(kind, slot, 0);
    operation.step = step;
    return operation;
}

#define INTERIOR(slot, step)   stepped(OPERATION_INTERIOR, (slot), (step))
#define MISALIGNED(slot, step) stepped(OPERATION_MISALIGNED, (slot), (step))
#define FOREIGN(step)          stepped(OPERATION_FOREIGN, 0, (step))

static inline struct operation through(enum through call, int32_t size, struct operation operation) {
    operation.through = call;
    operation.size = size_of(SIZE_BASE_LITERAL, size);
    return operation;
}

static inline struct operation through_realloc(struct operation operation) {
    return through(THROUGH_REALLOC, PROGRAM_MISUSED_REQUEST, operation);
}

static inline struct operation through_usable(struct operation operation) {
    return through(THROUGH_USABLE, 0, operation);
}

/* step: as docs/programs.md has it. */
static inline struct operation damage(unsigned slot, uint32_t step, enum through call, int32_t size) {
    return through(call, size, stepped(OPERATION_DAMAGE, slot, step));
}

/* Runs. */

static inline struct verdict perform(const struct operation *operations, size_t count) {
    struct verdict verdict = verdict_sound();
    for (size_t i = 0; i < count && verdict_is_sound(verdict); i++) {
        verdict = executor_step(&executor, &operations[i]);
    }
    return verdict;
}

/* Start, a step for each operation, recovery, end: as executor_run, of operations that need no bytes. */
static inline struct verdict run(const struct program_header *header, const struct operation *operations,
                                 size_t count) {
    struct verdict verdict = executor_start(&executor, header);
    if (verdict_is_sound(verdict)) {
        verdict = perform(operations, count);
    }
    if (verdict_is_sound(verdict)) {
        verdict = executor_recover(&executor);
    }
    executor_end(&executor, !verdict_is_sound(verdict));
    return verdict;
}

static inline void assert_verdict(struct verdict verdict, struct verdict expected) {
    assert_string_equal(verdict_is_sound(verdict) ? "sound" : oracle_id(verdict.oracle),
                        verdict_is_sound(expected) ? "sound" : oracle_id(expected.oracle));
    assert_int_equal(verdict.offset, expected.offset);
    assert_int_equal(verdict.expected, expected.expected);
    assert_int_equal(verdict.observed, expected.observed);
}

static inline void assert_sound(struct verdict verdict) {
    assert_verdict(verdict, verdict_sound());
}

#endif
