/* What the oracles' negative tests share: a fault, the verdict that must name it, and the same with oracles
 * switched on and off. */
#ifndef KMEM_ORACLE_FIXTURE_H
#define KMEM_ORACLE_FIXTURE_H

#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

/* A program that is sound on a sound heap, a fault, and what must come of it. In verdicts "written(1,7)"
 * stands for byte 7 of what step 1 writes to its payload, and "layout(2)" for the layout with the first 2 of
 * THREE. */
struct scenario {
    const char *name;
    const char *fault;
    const char *program;
    const char *verdict; /* with every oracle on (but those in `without`), and with its own alone */
    const char *then;    /* with every oracle on but its own (and those in `without`); NULL: "sound" */
    uint64_t without;    /* ORACLE_BITs switched off throughout */
    size_t slot_count;   /* 0 for those of small_heap */
};

/* The heap most scenarios start from, and the call that follows is number 3:
 *
 *     0        32        64         112                256
 *     | slot 0 | slot 1  | slot 2   | free             |
 */
#define THREE "alloc 0 24; alloc 1 24; alloc 2 40"

/* The same in the slots of a set's second word, of two. */
#define TWO_WORDS_OF_SLOTS ((size_t)128)
#define THREE_HIGH         "alloc 64 24; alloc 100 24; alloc 127 40"

static inline uint64_t layout_of(size_t live_count) {
    static const struct live_block live[] = {{0, 32}, {32, 32}, {64, 48}};
    make_executor(&subject_kmem, first_arena, ORACLE_ALL);
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, live, live_count));
    const uint64_t layout = executor.census.layout;
    executor_end(&executor, false);
    return layout;
}

/* The text of a verdict with numbers in place of what stands for them. */
static inline void assert_verdict_reads(struct verdict verdict, const char *expected) {
    char text[128] = "";
    while (*expected != '\0') {
        char *const end = text + strlen(text);
        const size_t room = sizeof text - strlen(text);
        size_t step;
        size_t index;
        int length = 0;
        if (sscanf(expected, "written(%zu,%zu)%n", &step, &index, &length) == 2 && length != 0) {
            (void)snprintf(end, room, "%u", (unsigned)pattern_byte(pattern_tag(step), index));
        } else if (sscanf(expected, "layout(%zu)%n", &step, &length) == 1 && length != 0) {
            (void)snprintf(end, room, "%lld", (long long)layout_of(step));
        } else {
            length = 1;
            (void)snprintf(end, room, "%c", *expected);
        }
        expected += length;
    }
    assert_verdict(verdict, text);
}

static inline struct verdict run_faulty(const char *fault, const char *program, uint64_t oracles,
                                        size_t slot_count) {
    make_executor(&subject_faulty, first_arena, oracles);
    faulty_subject_fault = fault_of(fault);
    struct program_header header = small_heap;
    header.slot_count = slot_count == 0 ? header.slot_count : slot_count;
    return run(&header, program);
}

/* Every claim a scenario makes: the program is sound without the fault; its oracle names the fault among all
 * others and alone; and without it the next one does, or none. */
static inline void assert_caught(const struct scenario *scenario) {
    const uint64_t all = ORACLE_ALL & ~scenario->without;
    assert_sound(run_faulty(NULL, scenario->program, ORACLE_ALL, scenario->slot_count));
    const struct verdict verdict = run_faulty(scenario->fault, scenario->program, all, scenario->slot_count);
    const uint64_t own = ORACLE_BIT(verdict.oracle);
    assert_verdict_reads(verdict, scenario->verdict);
    assert_verdict_reads(run_faulty(scenario->fault, scenario->program, own, scenario->slot_count),
                         scenario->verdict);
    assert_verdict_reads(run_faulty(scenario->fault, scenario->program, all & ~own, scenario->slot_count),
                         scenario->then == NULL ? "sound" : scenario->then);
}

#endif
