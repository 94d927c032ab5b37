/* Specification: executor_arrange. From a given layout one step is what it is from a heap that got there by
 * operations: the same answer, prediction, layout and verdict. */
#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

#define BLOCK_COUNT 1000

static struct step last_step;

static void note_step(void *context, const struct executor *observed, const struct step *step,
                      struct verdict verdict) {
    (void)context;
    (void)observed;
    (void)verdict;
    last_step = *step;
}

static const struct observer noting = {.after = note_step};

/* A step's outcome, without what tells one history from another. */
struct outcome {
    struct step step;
    struct verdict verdict;
    struct census census;
    uint64_t digest;
};

static struct outcome step_from_here(struct operation operation) {
    executor.observer = &noting;
    executor.digest = 0;
    const struct verdict verdict = executor_step(&executor, &operation);
    const struct outcome outcome = {last_step, verdict, executor.census, executor.digest};
    executor.observer = NULL;
    return outcome;
}

static void assert_outcomes_equal(struct outcome a, struct outcome b) {
    assert_verdict(a.verdict, b.verdict);
    assert_int_equal(a.step.call, b.step.call);
    assert_int_equal(a.step.pointer_offset, b.step.pointer_offset);
    assert_int_equal(a.step.size, b.step.size);
    assert_int_equal(a.step.offset, b.step.offset);
    assert_int_equal(a.step.refusal, b.step.refusal);
    assert_int_equal(a.step.asked_pages, b.step.asked_pages);
    assert_int_equal(a.step.predicted.refusal, b.step.predicted.refusal);
    assert_int_equal(a.step.predicted.offset, b.step.predicted.offset);
    assert_int_equal(a.step.predicted.usable_size, b.step.predicted.usable_size);
    assert_int_equal(a.step.predicted.asked_pages, b.step.predicted.asked_pages);
    assert_int_equal(a.step.predicted.freed_offset, b.step.predicted.freed_offset);
    assert_int_equal(a.census.block_count, b.census.block_count);
    assert_int_equal(a.census.taken_count, b.census.taken_count);
    assert_int_equal(a.census.taken_size, b.census.taken_size);
    assert_int_equal(a.census.layout, b.census.layout);
    assert_int_equal(a.digest, b.digest);
}

/*     0        32        64         112                256
 *     | slot 0 | free    | slot 1   | free             |
 */
static const struct live_block two_blocks[] = {{0, 32}, {64, 48}};

static void get_there_by_operations(void) {
    const struct operation operations[] = {ALLOC(0, 24), ALLOC(2, 24), ALLOC(1, 40), FREE(2)};
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(perform(operations, LENGTH(operations)));
}

static void get_there_by_arranging(void) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, two_blocks, LENGTH(two_blocks)));
}

EXECUTOR_TEST(every_kind_of_step_is_the_same_from_an_arranged_heap) {
    const struct operation operations[] = {
        ALLOC(4, 24),
        ALLOC(4, 25),
        ALLOC(4, 0),
        ALLOC(4, 200),
        ALLOC(4, 9999),
        ZALLOC(4, 120),
        CALLOC(4, 2, 5),
        CALLOC(4, 11, 8),
        ALIGNED(4, 64, 8),
        ALIGNED(4, 24, 8),
        REALLOC(0, 56),
        REALLOC(0, 57),
        REALLOC(1, 8),
        REALLOC(1, 0),
        REALLOC(1, 9999),
        FREE(0),
        FREE(1),
        COALESCE,
        NULL_FREE,
        INTERIOR(1, 2),
        MISALIGNED(0, 3),
        FOREIGN(0),
        FOREIGN(1),
        through_realloc(FOREIGN(2)),
        REFUSE,
    };
    for (size_t i = 0; i < LENGTH(operations); i++) {
        get_there_by_operations();
        const struct outcome walked = step_from_here(operations[i]);
        executor_end(&executor, !verdict_is_sound(walked.verdict));
        get_there_by_arranging();
        const struct outcome arranged = step_from_here(operations[i]);
        assert_sound(walked.verdict);
        assert_outcomes_equal(arranged, walked);
        assert_sound(executor_recover(&executor));
        executor_end(&executor, false);
    }
}

EXECUTOR_TEST(arranging_nothing_leaves_the_empty_heap) {
    const struct operation alloc = ALLOC(0, 248);
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, NULL, 0));
    assert_sound(executor_step(&executor, &alloc));
    assert_sound(executor_recover(&executor));
    executor_end(&executor, false);
}

EXECUTOR_TEST(a_region_can_be_arranged_full) {
    static const struct live_block full[] = {{0, 128}, {128, 128}};
    const struct operation operations[] = {ALLOC(2, 8), FREE(0)};
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, full, LENGTH(full)));
    assert_int_equal(executor.census.block_count, 2);
    assert_sound(perform(operations, LENGTH(operations)));
    assert_sound(executor_recover(&executor));
    executor_end(&executor, false);
}

EXECUTOR_TEST(a_region_can_be_arranged_to_begin_with_a_hole) {
    static const struct live_block behind = {16, 32};
    const struct operation operations[] = {COALESCE, ALLOC(1, 8), FREE(0)};
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, &behind, 1));
    assert_int_equal(executor.census.block_count, 3);
    assert_sound(perform(operations, LENGTH(operations)));
    assert_sound(executor_recover(&executor));
    executor_end(&executor, false);
}

EXECUTOR_TEST(arranged_slots_hold_whole_payloads_in_order) {
    get_there_by_arranging();
    assert_true(executor_slot_is_live(&executor, 0));
    assert_true(executor_slot_is_live(&executor, 1));
    assert_false(executor_slot_is_live(&executor, 2));
    assert_int_equal(executor_next_live(&executor, 1), 1);
    assert_int_equal(executor_next_live(&executor, 2), 0);
    assert_int_equal(executor.model.taken_size, 80);
    assert_int_equal(executor.tables.slots[1].offset, 72);
    assert_int_equal(executor.tables.slots[1].size, 40);
    executor_end(&executor, false);
}

EXECUTOR_TEST(every_payload_of_an_arranged_heap_and_after_has_a_tag_of_its_own) {
    const struct operation operations[] = {ALLOC(4, 8), ALLOC(5, 8), ALLOC(6, 8)};
    get_there_by_arranging();
    assert_sound(perform(operations, LENGTH(operations)));
    static const size_t slots[] = {0, 1, 4, 5, 6};
    for (size_t i = 0; i < LENGTH(slots); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(executor.tables.slots[slots[i]].tag != executor.tables.slots[slots[j]].tag);
        }
    }
    executor_end(&executor, false);
}

EXECUTOR_TEST(an_arranged_payload_is_watched) {
    const struct operation coalesce = COALESCE;
    make_executor(&subject_faulty, first_arena, ORACLE_ALL);
    faulty_subject_fault = (struct fault){FAULT_WRITE_BYTE, 0, 72 + 39, 0};
    get_there_by_arranging();
    const struct verdict verdict = executor_step(&executor, &coalesce);
    assert_int_equal(verdict.oracle, ORACLE_CONTENTS_KEPT);
    assert_int_equal(verdict.offset, 111);
    executor_end(&executor, true);
}

EXECUTOR_TEST(an_arranged_run_leaves_the_arena_as_it_found_it) {
    get_there_by_arranging();
    executor_end(&executor, false);
    for (size_t i = 0; i < 256; i++) {
        assert_int_equal(arena_byte(executor.region, (ptrdiff_t)i), ARENA_DIRT);
    }
}

/* At size. Of 1,024 blocks of 48 bytes 24 are freed: slot 43 k for each k. */

static const struct program_header large_heap = {.page_size = 4096, .page_count = 15, .slot_count = 1024};
#define FREED_EVERY 43

static void get_to_a_thousand_by_operations(void) {
    assert_sound(executor_start(&executor, &large_heap));
    for (unsigned slot = 0; slot < 1024; slot++) {
        const struct operation operation = ALLOC(slot, 40);
        assert_sound(executor_step(&executor, &operation));
    }
    for (unsigned slot = 0; slot < 1024; slot += FREED_EVERY) {
        const struct operation operation = FREE(slot);
        assert_sound(executor_step(&executor, &operation));
    }
}

static void get_to_a_thousand_by_arranging(void) {
    static struct live_block live[BLOCK_COUNT];
    size_t count = 0;
    for (size_t block = 0; block < 1024; block++) {
        if (block % FREED_EVERY != 0) {
            live[count++] = (struct live_block){.offset = block * 48, .size = 48};
        }
    }
    assert_int_equal(count, BLOCK_COUNT);
    assert_sound(executor_start(&executor, &large_heap));
    assert_sound(executor_arrange(&executor, live, count));
}

/* The slot an arranged block is in, by the slot it has after the operations. */
static uint16_t arranged_slot(unsigned slot) {
    return (uint16_t)(slot - (slot / FREED_EVERY + 1));
}

EXECUTOR_TEST(steps_are_the_same_among_a_thousand_blocks) {
    const struct operation operations[] = {
        ALLOC(0, 40), ALLOC(0, 41), ZALLOC(0, 1000), ALIGNED(0, 64, 8), REALLOC(85, 88), REALLOC(85, 89),
        FREE(44),     FREE(1023),   COALESCE,        INTERIOR(500, 2),  FOREIGN(0)};
    for (size_t i = 0; i < LENGTH(operations); i++) {
        struct operation operation = operations[i];
        get_to_a_thousand_by_operations();
        const struct outcome walked = step_from_here(operation);
        executor_end(&executor, false);
        get_to_a_thousand_by_arranging();
        if (operation.slot != 0) {
            operation.slot = arranged_slot(operation.slot);
        } else {
            operation.slot = BLOCK_COUNT;
        }
        const struct outcome arranged = step_from_here(operation);
        assert_sound(arranged.verdict);
        assert_outcomes_equal(arranged, walked);
        assert_sound(executor_recover(&executor));
        executor_end(&executor, false);
    }
}
