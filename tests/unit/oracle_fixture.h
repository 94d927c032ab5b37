/* What the oracles' negative tests share: a fault, the verdict that must name it, and the same with oracles
 * switched on and off. */
#ifndef KMEM_ORACLE_FIXTURE_H
#define KMEM_ORACLE_FIXTURE_H

#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

#define OPERATION_MAXIMUM 12

/* A program that is sound on a sound heap, a fault, and what must come of it. */
struct scenario {
    struct fault fault;
    struct operation operations[OPERATION_MAXIMUM];
    size_t count;
    struct verdict verdict; /* with every oracle on (but those in `without`), and with its own alone */
    struct verdict then;    /* with every oracle on but its own (and those in `without`) */
    uint64_t without;       /* ORACLE_BITs switched off throughout */
    size_t slot_count;      /* 0 for those of small_heap */
};

static inline struct verdict run_scenario(const struct scenario *scenario, uint64_t oracles) {
    make_executor(&subject_faulty, first_arena, oracles);
    faulty_subject_fault = scenario->fault;
    struct program_header header = small_heap;
    header.slot_count = scenario->slot_count == 0 ? header.slot_count : scenario->slot_count;
    return run(&header, scenario->operations, scenario->count);
}

/* Every claim a scenario makes: the program is sound without the fault; its oracle names the fault among all
 * others and alone; and without it the next one does, or none. */
static inline void assert_caught(struct scenario scenario) {
    const uint64_t all = ORACLE_ALL & ~scenario.without;
    const uint64_t own = ORACLE_BIT(scenario.verdict.oracle);
    const struct fault fault = scenario.fault;
    scenario.fault = (struct fault){.action = FAULT_NONE};
    assert_sound(run_scenario(&scenario, ORACLE_ALL));
    scenario.fault = fault;
    assert_verdict(run_scenario(&scenario, all), scenario.verdict);
    assert_verdict(run_scenario(&scenario, own), scenario.verdict);
    assert_verdict(run_scenario(&scenario, all & ~own), scenario.then);
}

#define OPERATIONS(...) .operations = {__VA_ARGS__}, .count = LENGTH(((struct operation[]){__VA_ARGS__}))

/* The heap most scenarios start from, and the call that follows is number 3:
 *
 *     0        32        64         112                256
 *     | slot 0 | slot 1  | slot 2   | free             |
 */
#define THREE ALLOC(0, 24), ALLOC(1, 24), ALLOC(2, 40)

/* The same in the slots of a set's second word, of two. */
#define TWO_WORDS_OF_SLOTS ((size_t)128)
#define THREE_HIGH         ALLOC(64, 24), ALLOC(100, 24), ALLOC(127, 40)

#define NULL_OFFSET UINT64_MAX

static inline unsigned char pattern_of_step(size_t step, size_t index) {
    return pattern_byte(pattern_tag(step), index);
}

#endif
