/* Specification: the oracles on what payloads hold, and recovery; test_oracles.c says how a scenario reads.
 */
#include "tests/unit/oracle_fixture.h"

static void assert_kept_catches(size_t offset, size_t index) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 2, (ptrdiff_t)(offset + index), 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_CONTENTS_KEPT, offset + index, pattern_of_step(offset == 8 ? 0 : 1, index), 0},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_byte_of_another_payload_changed_is_contents_kept_s) {
    assert_kept_catches(8, 0);
    assert_kept_catches(8, 13);
    assert_kept_catches(40, 7);
    assert_kept_catches(40, 23);
}

EXECUTOR_TEST(a_byte_changed_in_the_payload_of_any_slot_is_contents_kept_s) {
    static const size_t payloads[] = {8, 40, 72};
    for (size_t i = 0; i < LENGTH(payloads); i++) {
        assert_caught((struct scenario){
            .fault = {FAULT_WRITE_BYTE, 3, (ptrdiff_t)payloads[i] + 5, 0},
            OPERATIONS(THREE_HIGH, ALLOC(3, 16)),
            .verdict = {ORACLE_CONTENTS_KEPT, payloads[i] + 5, pattern_of_step(i, 5), 0},
            .then = {SOUND, 0, 0, 0},
            .slot_count = TWO_WORDS_OF_SLOTS,
        });
    }
}

/* The last block left is that of a slot in the second word, so a recovery that frees the first word's only
 * would leave it. */
EXECUTOR_TEST(the_payload_of_any_slot_is_freed_at_the_end) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 5, 0, 0},
        OPERATIONS(THREE_HIGH),
        .verdict = {ORACLE_RECOVERY, 0, 1, 3},
        .then = {SOUND, 0, 0, 0},
        .without = ORACLE_BIT(INVARIANT_TAKEN_IS_LIVE),
        .slot_count = TWO_WORDS_OF_SLOTS,
    });
}

EXECUTOR_TEST(the_last_byte_of_a_payload_is_watched_and_slack_is_not) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 1, 8 + 20, 0},
        OPERATIONS(ALLOC(0, 21), ALLOC(1, 24)),
        .verdict = {ORACLE_CONTENTS_KEPT, 28, pattern_of_step(0, 20), 0},
        .then = {SOUND, 0, 0, 0},
    });
    struct scenario slack = {.fault = {FAULT_WRITE_BYTE, 1, 8 + 21, 0},
                             OPERATIONS(ALLOC(0, 21), ALLOC(1, 24))};
    assert_sound(run_scenario(&slack, ORACLE_ALL));
}

EXECUTOR_TEST(a_payload_changed_by_a_free_or_a_refused_call_is_contents_kept_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 40, 0},
        OPERATIONS(THREE, FREE(0)),
        .verdict = {ORACLE_CONTENTS_KEPT, 40, pattern_of_step(1, 0), 0},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 111, 0},
        OPERATIONS(THREE, INTERIOR(0, 0)),
        .verdict = {ORACLE_CONTENTS_KEPT, 111, pattern_of_step(2, 39), 0},
        .then = {SOUND, 0, 0, 0},
    });
}

/* Zeroed memory: 37 bytes asked for, 40 usable. */

static void assert_zeroed_catches(struct operation operation, ptrdiff_t offset) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 2, offset, 0x80},
        OPERATIONS(ALLOC(0, 24), ALLOC(1, 24), operation),
        .verdict = {ORACLE_CONTENTS_ZEROED, (uint64_t)offset, 0, 0x80},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_byte_left_dirty_in_zeroed_memory_is_contents_zeroed_s) {
    static const ptrdiff_t first = 72;
    static const ptrdiff_t last_asked_for = 72 + 36;
    static const ptrdiff_t first_of_slack = 72 + 37;
    static const ptrdiff_t last_of_slack = 72 + 39;
    assert_zeroed_catches(ZALLOC(2, 37), first);
    assert_zeroed_catches(ZALLOC(2, 37), last_asked_for);
    assert_zeroed_catches(ZALLOC(2, 37), first_of_slack);
    assert_zeroed_catches(ZALLOC(2, 37), last_of_slack);
    assert_zeroed_catches(CALLOC(2, 2, 13), first);
    assert_zeroed_catches(CALLOC(2, 2, 13), 72 + 39);
}

EXECUTOR_TEST(fresh_memory_is_dirty_so_that_forgotten_zeroing_shows) {
    assert_sound(executor_start(&executor, &small_heap));
    const struct operation alloc_then_look = ALLOC(0, 240);
    assert_sound(executor_step(&executor, &alloc_then_look));
    assert_int_equal(arena_byte(executor.region, 8 + 240), ARENA_DIRT);
    executor_end(&executor, false);
    for (size_t offset = 0; offset < 256; offset++) {
        assert_int_equal(arena_byte(executor.region, (ptrdiff_t)offset), ARENA_DIRT);
    }
}

/* Resized memory. */

EXECUTOR_TEST(the_last_byte_lost_by_a_move_is_contents_moved_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 120 + 23, 0},
        OPERATIONS(THREE, REALLOC(0, 100)),
        .verdict = {ORACLE_CONTENTS_MOVED, 143, pattern_of_step(0, 23), 0},
        .then = {ORACLE_CONTENTS_KEPT, 143, pattern_of_step(0, 23), 0},
    });
}

EXECUTOR_TEST(a_byte_changed_by_a_resize_in_place_is_contents_moved_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 8 + 9, 0},
        OPERATIONS(THREE, REALLOC(0, 10)),
        .verdict = {ORACLE_CONTENTS_MOVED, 17, pattern_of_step(0, 9), 0},
        .then = {ORACLE_CONTENTS_KEPT, 17, pattern_of_step(0, 9), 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 72, 0},
        OPERATIONS(THREE, REALLOC(2, 100)),
        .verdict = {ORACLE_CONTENTS_MOVED, 72, pattern_of_step(2, 0), 0},
        .then = {ORACLE_CONTENTS_KEPT, 72, pattern_of_step(2, 0), 0},
    });
}

EXECUTOR_TEST(bytes_beyond_the_smaller_size_are_no_one_s) {
    struct scenario shrunk = {.fault = {FAULT_WRITE_BYTE, 3, 8 + 10, 0}, OPERATIONS(THREE, REALLOC(0, 10))};
    assert_sound(run_scenario(&shrunk, ORACLE_ALL));
    struct scenario grown = {.fault = {FAULT_WRITE_BYTE, 3, 120 + 24, 0}, OPERATIONS(THREE, REALLOC(0, 100))};
    assert_sound(run_scenario(&grown, ORACLE_ALL));
}

EXECUTOR_TEST(what_a_resize_adds_is_kept_from_then_on) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 4, 120 + 24, 0},
        OPERATIONS(THREE, REALLOC(0, 100), FREE(1)),
        .verdict = {ORACLE_CONTENTS_KEPT, 144, pattern_of_step(0, 24), 0},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_refused_resize_that_changes_the_payload_is_contents_kept_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_BYTE, 3, 8 + 23, 0},
        OPERATIONS(THREE, REALLOC(0, 1000)),
        .verdict = {ORACLE_CONTENTS_KEPT, 31, pattern_of_step(0, 23), 0},
        .then = {SOUND, 0, 0, 0},
    });
}

/* Recovery: its faults break agreement first, so agreement is off. */

EXECUTOR_TEST(a_block_left_at_the_end_is_recovery_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 5, 0, 0}, /* the last free of the three */
        OPERATIONS(THREE),
        .verdict = {ORACLE_RECOVERY, 0, 1, 3},
        .then = {SOUND, 0, 0, 0},
        .without = ORACLE_BIT(INVARIANT_TAKEN_IS_LIVE),
    });
}

EXECUTOR_TEST(a_block_that_fills_the_emptied_heap_is_recovery_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 1, 0, 0},
        OPERATIONS(ALLOC(0, 248)),
        .verdict = {ORACLE_RECOVERY, 0, 1, 1},
        .then = {SOUND, 0, 0, 0},
        .without = ORACLE_BIT(INVARIANT_TAKEN_IS_LIVE),
    });
}

EXECUTOR_TEST(free_blocks_left_apart_are_recovery_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_WRITE_HEADER, 5, 0, 112}, /* what was free behind slot 2 stays apart */
        OPERATIONS(THREE),
        .verdict = {ORACLE_RECOVERY, 0, 1, 2},
        .then = {SOUND, 0, 0, 0},
        .without = ORACLE_BIT(INVARIANT_FREE_MERGED),
    });
}
