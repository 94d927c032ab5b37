/* Specification: the oracles on the heap and on its payloads, each against a subject that damages in just its
 * way; test_oracles.c says how a scenario reads. */
#include "tests/unit/oracle_fixture.h"

/* Structure. Each fault strikes while slot 2 is allocated, over the headers at 0, 32, 64 and 112. */

EXECUTOR_TEST(a_header_of_size_0_is_walk_ends) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 2, 64, FAULT_TAKEN},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_WALK_ENDS, 64, 16, 0},
        .then = {ORACLE_USABLE_SIZE, 72, 40, 0},
    });
}

EXECUTOR_TEST(a_header_of_an_odd_or_small_size_is_block_size_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 2, 64, FAULT_TAKEN | 44},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_BLOCK_SIZE, 64, 48, 44},
        .then = {ORACLE_USABLE_SIZE, 72, 40, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 2, 112, 8},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_BLOCK_SIZE, 112, 16, 8},
        .then = {ORACLE_REFUSAL_NAMED, 72, REFUSAL_NONE, REFUSAL_CORRUPT},
    });
}

EXECUTOR_TEST(a_header_that_reaches_past_the_end_is_block_tiling_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 2, 112, 152},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_BLOCK_TILING, 112, 144, 152},
        .then = {ORACLE_REFUSAL_NAMED, 72, REFUSAL_NONE, REFUSAL_CORRUPT},
    });
}

/* Where slot 1 was, the header of what is free behind it still lies, and counts again when the one in front
 * of it is cut short. */
EXECUTOR_TEST(two_adjacent_free_blocks_are_free_merged_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 2, 32, 32},
        OPERATIONS(ALLOC(0, 24), ALLOC(1, 24), FREE(1)),
        .verdict = {INVARIANT_FREE_MERGED, 64, 224, 192},
        .then = {ORACLE_RECOVERY, 0, 1, 2},
    });
}

/* Before a coalesce the subject cuts what is free into pieces, which it has to merge again. */
EXECUTOR_TEST(a_coalesce_that_merges_nothing_is_free_merged_s) {
    const struct scenario scenario = {.fault = {FAULT_ACCEPT, 3, 0, 0}, OPERATIONS(THREE, COALESCE)};
    const struct verdict verdict = run_scenario(&scenario, ORACLE_ALL);
    assert_verdict(verdict, (struct verdict){INVARIANT_FREE_MERGED, 128, 32, 16});
    assert_int_equal(run_scenario(&scenario, ORACLE_ALL & ~ORACLE_BIT(INVARIANT_FREE_MERGED)).oracle,
                     ORACLE_REFUSAL_UNTOUCHED);
}

EXECUTOR_TEST(a_taken_block_that_nobody_has_is_taken_is_live_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_TAKE, 2, 0, 24},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_TAKEN_IS_LIVE, 112, 0, 32},
        .then = {ORACLE_RECOVERY, 0, 1, 3},
    });
}

EXECUTOR_TEST(a_live_block_marked_free_is_live_is_taken_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 2, 32, 32},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_LIVE_IS_TAKEN, 32, 32, 0},
        .then = {INVARIANT_COUNTERS, 0, 2, 3},
    });
}

EXECUTOR_TEST(a_live_block_of_another_size_is_live_is_taken_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_RESIZE, 3, 72, 8},
        OPERATIONS(THREE, ALLOC(3, 24)),
        .verdict = {INVARIANT_LIVE_IS_TAKEN, 64, 48, 16},
        .then = {ORACLE_CONTENTS_KEPT, 80, pattern_of_step(2, 8), 32}, /* the header cut into it */
    });
}

EXECUTOR_TEST(wrong_counters_are_counters) {
    assert_caught((struct scenario){
        .fault = {FAULT_TAKEN_COUNT, 2, 0, 1},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_COUNTERS, 0, 3, 4},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_TAKEN_SIZE, 2, 0, 8},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_COUNTERS, 0, 112, 120},
        .then = {SOUND, 0, 0, 0},
    });
}

static size_t no_pages(const void *heap) {
    (void)heap;
    return 0;
}

EXECUTOR_TEST(a_heap_of_another_region_is_region_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_BASE, 2, 0, 8},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_REGION, 0, 0, 8},
        .then = {ORACLE_USABLE_SIZE, 72, 40, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_PAGE_SIZE, 2, 0, 64},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_REGION, 0, 64, 128},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_PAGE_COUNT, 2, 0, 1},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_REGION, 0, 4, 5},
        .then = {SOUND, 0, 0, 0},
    });
}

/* Asked at a run's start and at its end: here at the end, of four pages and of five. */
EXECUTOR_TEST(a_wrong_answer_about_the_region_is_region_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_HEAD, 2, 8, 0},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_REGION, 0, 0, 8},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_TOLD_PAGES, 2, 0, 1},
        OPERATIONS(THREE),
        .verdict = {INVARIANT_REGION, 0, 4, 5},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_TOLD_PAGES, 2, 0, (uint64_t)-1},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {INVARIANT_REGION, 0, 5, 4},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_wrong_answer_about_a_new_region_is_region_s) {
    struct subject subject = subject_kmem;
    subject.page_count = no_pages;
    make_executor(&subject, first_arena, ORACLE_ALL);
    assert_verdict(executor_start(&executor, &small_heap), (struct verdict){INVARIANT_REGION, 0, 4, 0});
    executor_end(&executor, true);
    make_executor(&subject, first_arena, ORACLE_ALL & ~ORACLE_BIT(INVARIANT_REGION));
    assert_sound(run(&small_heap, NULL, 0));
    subject.page_count = NULL;
    subject.head = NULL;
    make_executor(&subject, first_arena, ORACLE_ALL);
    assert_sound(run(&small_heap, NULL, 0));
}

EXECUTOR_TEST(a_heap_that_cannot_start_is_region_s_whatever_is_switched_on) {
    const struct scenario scenario = {.fault = {FAULT_START, 0, 0, 0}, .count = 0};
    assert_verdict(run_scenario(&scenario, ORACLE_ALL), (struct verdict){INVARIANT_REGION, 0, 4, 0});
    assert_verdict(run_scenario(&scenario, 0), (struct verdict){INVARIANT_REGION, 0, 4, 0});
}

/* Refused calls that change something. */

static uint64_t layout_before; /* after the last step but one */

static void note_layout(void *context, const struct executor *observed, const struct step *step) {
    (void)context;
    (void)step;
    layout_before = observed->census.layout;
}

static const struct observer layout_observer = {.before = note_layout};

/* The refused call also shrinks slot 2 to 16 bytes: a sound heap, but not the one there was. */
static void assert_untouched_names(struct operation refused) {
    const struct operation operations[] = {THREE, FREE(1), refused};
    for (int alone = 0; alone < 2; alone++) {
        make_executor(&subject_faulty, first_arena,
                      alone ? ORACLE_BIT(ORACLE_REFUSAL_UNTOUCHED) : ORACLE_ALL);
        executor.observer = &layout_observer;
        faulty_subject_fault = (struct fault){FAULT_RESIZE, 4, 72, 8};
        const struct verdict verdict = run(&small_heap, operations, LENGTH(operations));
        assert_verdict(verdict,
                       (struct verdict){ORACLE_REFUSAL_UNTOUCHED, 0, layout_before, executor.census.layout});
        assert_true(layout_before != executor.census.layout);
    }
    executor.observer = NULL;
    executor.oracles = ORACLE_ALL & ~ORACLE_BIT(ORACLE_REFUSAL_UNTOUCHED);
    assert_verdict(run(&small_heap, operations, LENGTH(operations)),
                   (struct verdict){INVARIANT_LIVE_IS_TAKEN, 64, 48, 16});
}

EXECUTOR_TEST(a_refused_or_failed_call_that_changes_a_header_is_refusal_untouched_s) {
    assert_untouched_names(DOUBLE(1));
    assert_untouched_names(through_realloc(DOUBLE(1)));
    assert_untouched_names(INTERIOR(0, 0));
    assert_untouched_names(MISALIGNED(0, 0));
    assert_untouched_names(FOREIGN(0));
    assert_untouched_names(NULL_FREE);
    assert_untouched_names(COALESCE);
    assert_untouched_names(ALLOC(1, 0));
    assert_untouched_names(ALLOC(1, 1000));
    assert_untouched_names(REALLOC(0, 1000));
    assert_untouched_names(ALIGNED(1, 24, 8));
    assert_untouched_names(CALLOC(1, 11, 8));
}

/* Usable sizes. */

EXECUTOR_TEST(a_wrong_usable_size_is_usable_size_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_USABLE_SIZE, 2, 0, 8},
        OPERATIONS(THREE),
        .verdict = {ORACLE_USABLE_SIZE, 72, 40, 48},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_USABLE_SIZE, 3, 0, (uint64_t)-8},
        OPERATIONS(THREE, REALLOC(0, 16)),
        .verdict = {ORACLE_USABLE_SIZE, 8, 24, 16},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_usable_size_of_what_is_no_payload_is_usable_size_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_USABLE_SIZE, 3, 0, 8},
        OPERATIONS(THREE, INTERIOR(1, 1)),
        .verdict = {ORACLE_USABLE_SIZE, 48, 0, 8},
        .then = {SOUND, 0, 0, 0},
    });
}

/* COALESCE is the call that is struck: none after it is asked about but by the operation that follows. */
EXECUTOR_TEST(a_wrong_answer_to_a_usable_size_is_usable_size_s) {
    const struct {
        struct operation operation;
        size_t offset;
        size_t usable_size;
    } cases[] = {
        {USABLE(0), 8, 24},
        {USABLE(2), 72, 40},
        {through_usable(INTERIOR(1, 1)), 48, 0},
        {through_usable(FOREIGN(0)), 256, 0},
        {through_usable(NULL_FREE), 0, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const size_t usable_size = cases[i].usable_size;
        assert_caught((struct scenario){
            .fault = {FAULT_USABLE_SIZE, 3, 0, 8},
            OPERATIONS(THREE, COALESCE, cases[i].operation),
            .verdict = {ORACLE_USABLE_SIZE, cases[i].offset, usable_size, usable_size + 8},
            .then = {SOUND, 0, 0, 0},
        });
    }
    assert_caught((struct scenario){
        .fault = {FAULT_USABLE_SIZE, 3, 0, (uint64_t)-8},
        OPERATIONS(THREE_HIGH, COALESCE, USABLE(127)),
        .verdict = {ORACLE_USABLE_SIZE, 72, 40, 32},
        .then = {SOUND, 0, 0, 0},
        .slot_count = TWO_WORDS_OF_SLOTS,
    });
}

EXECUTOR_TEST(a_usable_size_past_the_region_does_not_lead_the_harness_out_of_it) {
    assert_caught((struct scenario){
        .fault = {FAULT_USABLE_SIZE, 0, 0, UINT64_C(1) << 40},
        OPERATIONS(ZALLOC(0, 248)),
        .verdict = {ORACLE_USABLE_SIZE, 8, 248, (UINT64_C(1) << 40) + 248},
        .then = {SOUND, 0, 0, 0}, /* the dirt behind the region is not looked at */
    });
}

/* Guards. */

static void assert_guard_caught(ptrdiff_t offset) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 2, offset, 0x5a},
        OPERATIONS(THREE),
        .verdict = {ORACLE_GUARDS, (uint64_t)offset, ARENA_DIRT, 0x5a},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_byte_written_around_the_region_is_guards) {
    assert_guard_caught(-1);
    assert_guard_caught(-8);
    assert_guard_caught(-64);
    assert_guard_caught(256);
    assert_guard_caught(257);
    assert_guard_caught(319);
    const ptrdiff_t end = (ptrdiff_t)(TEST_CAPACITY - small_heap.page_size); /* the region starts a page in */
    assert_guard_caught(end);
    assert_guard_caught(end + 63);
}

EXECUTOR_TEST(a_byte_written_behind_the_end_a_heap_has_grown_to_is_guards) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 320, 0},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {ORACLE_GUARDS, 320, ARENA_DIRT, 0},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(guards_are_looked_at_before_the_first_call_too) {
    const struct scenario scenario = {.fault = {FAULT_START_WRITE, 0, 256, 0}, .count = 0};
    assert_verdict(run_scenario(&scenario, ORACLE_ALL), (struct verdict){ORACLE_GUARDS, 256, ARENA_DIRT, 0});
    assert_sound(run_scenario(&scenario, ORACLE_ALL & ~ORACLE_BIT(ORACLE_GUARDS)));
}

EXECUTOR_TEST(guards_are_looked_at_after_refused_calls_too) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, -3, 1},
        OPERATIONS(THREE, INTERIOR(0, 3)),
        .verdict = {ORACLE_GUARDS, (uint64_t)-3, ARENA_DIRT, 1},
        .then = {SOUND, 0, 0, 0},
    });
}
