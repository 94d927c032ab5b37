/* What the tests of the executor share: one executor over an arena and tables in static storage, and runs of
 * operations written as text. */
#ifndef KMEM_EXECUTOR_FIXTURE_H
#define KMEM_EXECUTOR_FIXTURE_H

#include "fuzz/execute/executor.h"
#include "fuzz/execute/pattern.h"
#include "fuzz/report/explain.h"
#include "src/port.h"
#include "tests/unit/faulty_subject.h"
#include "tests/unit/text_fixture.h"

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

/* A value of a verdict as its oracle means it: a refusal's name, NULL, or a number, which may be below 0. */
static inline const char *value_text(unsigned oracle, uint64_t value, char text[32]) {
    if (oracle == ORACLE_REFUSAL_NAMED || oracle == ORACLE_DAMAGE_REPORTED) {
        return explain_refusal(value);
    }
    (void)snprintf(text, 32, "%lld", (long long)value);
    return oracle == ORACLE_PLACEMENT && value == UINT64_MAX ? "NULL" : text;
}

/* expected: "sound", or the oracle's id, the offset, and the values expected and observed. */
static inline void assert_verdict(struct verdict verdict, const char *expected) {
    char first[32];
    char second[32];
    assert_string_equal(verdict_is_sound(verdict)
                            ? "sound"
                            : words("%s %lld %s %s", oracle_id(verdict.oracle), (long long)verdict.offset,
                                    value_text(verdict.oracle, verdict.expected, first),
                                    value_text(verdict.oracle, verdict.observed, second)),
                        expected);
}

static inline void assert_sound(struct verdict verdict) {
    assert_verdict(verdict, "sound");
}

static inline struct verdict step(struct operation operation) {
    return executor_step(&executor, &operation);
}

static inline struct verdict perform_all(const struct operation *operations, size_t count) {
    struct verdict verdict = verdict_sound();
    for (size_t i = 0; i < count && verdict_is_sound(verdict); i++) {
        verdict = executor_step(&executor, &operations[i]);
    }
    return verdict;
}

static inline struct verdict perform(const char *text) {
    const struct operations operations = operations_of(text);
    return perform_all(operations.list, operations.count);
}

/* A run on a small heap in which this has been done. It need not be ended: each test prepares the arena. */
static inline void have(const char *text) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(perform(text));
}

/* This project's heap with members of its view to be changed, run with every oracle on. */
static inline struct subject_view *own_view(void) {
    static struct subject subject;
    static struct subject_view view;
    view = *subject_kmem.view;
    subject = subject_kmem;
    subject.view = &view;
    make_executor(&subject, first_arena, ORACLE_ALL);
    return &view;
}

/* Recovery and end. */
static inline struct verdict finish(struct verdict verdict) {
    if (verdict_is_sound(verdict)) {
        verdict = executor_recover(&executor);
    }
    executor_end(&executor, !verdict_is_sound(verdict));
    return verdict;
}

/* Start, a step for each operation, recovery, end: as executor_run, of operations that need no bytes. */
static inline struct verdict run_all(const struct program_header *header, const struct operation *operations,
                                     size_t count) {
    const struct verdict verdict = executor_start(&executor, header);
    return finish(verdict_is_sound(verdict) ? perform_all(operations, count) : verdict);
}

static inline struct verdict run(const struct program_header *header, const char *text) {
    const struct operations operations = operations_of(text);
    return run_all(header, operations.list, operations.count);
}

#endif
