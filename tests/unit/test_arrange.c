/* Specification: executor_arrange. From a given layout one step is what it is from a heap that got there by
 * operations: the same answer, prediction, layout and verdict. */
#include "tests/unit/report_fixture.h"

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

static struct outcome step_from_here(const char *operation) {
    executor_observe(&executor, &noting);
    executor.digest = 0;
    const struct verdict verdict = perform(operation);
    const struct outcome outcome = {last_step, verdict, executor.census, executor.digest};
    executor.observers.count = 0;
    return outcome;
}

static void assert_outcomes_equal(struct outcome a, struct outcome b) {
    assert_int_equal(a.verdict.oracle, b.verdict.oracle);
    assert_int_equal(a.verdict.offset, b.verdict.offset);
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
    have("alloc 0 24; alloc 2 24; alloc 1 40; free 2");
}

static void get_there_by_arranging(void) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, two_blocks, LENGTH(two_blocks)));
}

static const struct {
    const char *name; /* the operation */
} steps[] = {
    {"alloc 4 24"},     {"alloc 4 25"},     {"alloc 4 0"},      {"alloc 4 200"},
    {"alloc 4 9999"},   {"zalloc 4 120"},   {"calloc 4 3 5"},   {"calloc 4 0x2000000000000001 8"},
    {"aligned 4 64 8"}, {"aligned 4 24 8"}, {"realloc 0 56"},   {"realloc 0 57"},
    {"realloc 1 8"},    {"realloc 1 0"},    {"realloc 1 9999"}, {"free 0"},
    {"free 1"},         {"coalesce"},       {"null"},           {"interior 1 2"},
    {"misaligned 0 3"}, {"foreign 0"},      {"foreign 1"},      {"foreign 2 realloc"},
    {"refuse"},
};

TEST_EACH_WITH(every_kind_of_step_is_the_same_from_an_arranged_heap, steps, start_executor, NULL) {
    get_there_by_operations();
    const struct outcome walked = step_from_here(row->name);
    executor_end(&executor, !verdict_is_sound(walked.verdict));
    get_there_by_arranging();
    const struct outcome arranged = step_from_here(row->name);
    assert_sound(walked.verdict);
    assert_outcomes_equal(arranged, walked);
    assert_sound(finish(verdict_sound()));
}

static const struct {
    const char *name;
    struct live_block live[2];
    size_t count;
    size_t block_count;
    const char *operations;
} regions[] = {
    {"nothing", {{0}}, 0, 1, "alloc 0 248"},
    {"full", {{0, 128}, {128, 128}}, 2, 2, "alloc 2 8; free 0"},
    {"beginning with a hole", {{16, 32}}, 1, 3, "coalesce; alloc 1 8; free 0"},
};

TEST_EACH_WITH(a_region_can_be_arranged, regions, start_executor, NULL) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, row->count == 0 ? NULL : row->live, row->count));
    assert_int_equal(executor.census.block_count, row->block_count);
    assert_sound(finish(perform(row->operations)));
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
}

EXECUTOR_TEST(every_payload_of_an_arranged_heap_and_after_has_a_tag_of_its_own) {
    get_there_by_arranging();
    assert_sound(perform("alloc 4 8; alloc 5 8; alloc 6 8"));
    static const size_t slots[] = {0, 1, 4, 5, 6};
    for (size_t i = 0; i < LENGTH(slots); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(executor.tables.slots[slots[i]].tag != executor.tables.slots[slots[j]].tag);
        }
    }
}

EXECUTOR_TEST(an_arranged_payload_is_watched) {
    use_fault("call 0: write-byte 111 = 0");
    get_there_by_arranging();
    const struct verdict verdict = perform("coalesce");
    assert_int_equal(verdict.oracle, ORACLE_CONTENTS_KEPT);
    assert_int_equal(verdict.offset, 111);
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
        assert_sound(perform(words("alloc %u 40", slot)));
    }
    for (unsigned slot = 0; slot < 1024; slot += FREED_EVERY) {
        assert_sound(perform(words("free %u", slot)));
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

/* An operation on a slot's block, and the same where the block has been arranged: its slot is lower by one
 * for each that is freed up to it. An allocation goes into slot 0, or the first after the arranged ones. */
static const struct {
    const char *name;
    const char *arranged;
} among_many[] = {
    {"alloc 0 40", "alloc 1000 40"},
    {"alloc 0 41", "alloc 1000 41"},
    {"zalloc 0 1000", "zalloc 1000 1000"},
    {"aligned 0 64 8", "aligned 1000 64 8"},
    {"realloc 85 88", "realloc 83 88"},
    {"realloc 85 89", "realloc 83 89"},
    {"free 44", "free 42"},
    {"free 1023", "free 999"},
    {"coalesce", "coalesce"},
    {"interior 500 2", "interior 488 2"},
    {"foreign 0", "foreign 0"},
};

TEST_EACH_WITH(a_step_is_the_same_among_a_thousand_blocks, among_many, start_executor, NULL) {
    get_to_a_thousand_by_operations();
    const struct outcome walked = step_from_here(row->name);
    executor_end(&executor, false);
    get_to_a_thousand_by_arranging();
    const struct outcome arranged = step_from_here(row->arranged);
    assert_sound(arranged.verdict);
    assert_outcomes_equal(arranged, walked);
    assert_sound(finish(verdict_sound()));
}
