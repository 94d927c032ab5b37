/* Specification: the oracles on what a call answers, each against a subject that lies in just its way. In
 * each scenario `verdict` is what names the lie, among all oracles and alone; `then` is what comes of it when
 * that oracle is off: the next one to notice, or a sound verdict where nothing else can. */
#include "tests/unit/oracle_fixture.h"

/* Containment. */

EXECUTOR_TEST(a_payload_that_ends_behind_the_region_is_inside_s_alone) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, 240, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_INSIDE, 240, 256, 280},
        .then = {ORACLE_PLACEMENT, 72, 72, 240},
    });
}

EXECUTOR_TEST(a_payload_that_ends_one_byte_behind_the_region_is_not_inside) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, 224, 0},
        OPERATIONS(ALLOC(0, 24), ALLOC(1, 24), ALLOC(2, 33)),
        .verdict = {ORACLE_INSIDE, 224, 256, 257},
        .then = {ORACLE_PLACEMENT, 72, 72, 224},
    });
}

EXECUTOR_TEST(a_calloc_s_payload_is_as_long_as_its_product) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, 224, 0},
        OPERATIONS(ALLOC(0, 24), ALLOC(1, 24), CALLOC(2, 2, 13)),
        .verdict = {ORACLE_INSIDE, 224, 256, 263},
        .then = {ORACLE_PLACEMENT, 72, 72, 224},
    });
}

EXECUTOR_TEST(a_payload_that_ends_with_the_region_is_inside) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, 216, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_PLACEMENT, 72, 72, 216},
        .then = {ORACLE_USABLE_SIZE, 216, 40, 0},
    });
}

EXECUTOR_TEST(a_payload_in_front_of_the_region_is_not_inside) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, -8, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_INSIDE, (uint64_t)-8, 256, 32},
        .then = {ORACLE_PLACEMENT, 72, 72, (uint64_t)-8},
    });
}

EXECUTOR_TEST(a_payload_at_the_region_s_end_is_not_inside) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, 256, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_INSIDE, 256, 256, 296},
        .then = {ORACLE_PLACEMENT, 72, 72, 256},
    });
}

EXECUTOR_TEST(a_payload_in_the_pages_a_heap_has_grown_by_is_inside) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 1, 312, 0},
        OPERATIONS(ALLOC(0, 240), ALLOC(1, 8)),
        .verdict = {ORACLE_PLACEMENT, 264, 264, 312},
        .then = {ORACLE_USABLE_SIZE, 312, 8, 0},
    });
}

EXECUTOR_TEST(a_payload_off_the_8_byte_grid_is_alignment_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_SHIFT_POINTER, 2, 4, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_ALIGNMENT, 76, 8, 4},
        .then = {ORACLE_PLACEMENT, 72, 72, 76},
    });
}

EXECUTOR_TEST(an_alignment_below_8_asks_for_8) {
    assert_caught((struct scenario){
        .fault = {FAULT_SHIFT_POINTER, 2, 4, 0},
        OPERATIONS(ALLOC(0, 24), ALLOC(1, 24), ALIGNED(2, 4, 40)),
        .verdict = {ORACLE_ALIGNMENT, 76, 8, 4},
        .then = {ORACLE_PLACEMENT, 72, 72, 76},
    });
}

EXECUTOR_TEST(a_payload_off_the_alignment_asked_for_is_alignment_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_SHIFT_POINTER, 3, 40, 0},
        OPERATIONS(THREE, ALIGNED(3, 64, 8)),
        .verdict = {ORACLE_ALIGNMENT, 232, 64, 40},
        .then = {ORACLE_PLACEMENT, 192, 192, 232},
    });
}

/* Nothing can be at a multiple of what is no alignment: there only the 8-byte grid is asked for. */
EXECUTOR_TEST(an_alignment_that_is_no_power_of_two_asks_for_8) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 0, 24, 0},
        OPERATIONS(ALIGNED(0, 24, 8)),
        .verdict = {ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 24},
        .then = {ORACLE_REFUSAL_NAMED, 0, REFUSAL_BAD_ALIGNMENT, REFUSAL_NONE},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 0, 28, 0},
        OPERATIONS(ALIGNED(0, 24, 8)),
        .verdict = {ORACLE_ALIGNMENT, 28, 8, 4},
        .then = {ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 28},
    });
}

EXECUTOR_TEST(a_payload_over_another_is_disjoint_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 2, 56, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_DISJOINT, 56, 40, 64},
        .then = {ORACLE_PLACEMENT, 72, 72, 56},
    });
}

EXECUTOR_TEST(a_payload_that_reaches_into_the_next_is_disjoint_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 3, 32, 0},
        OPERATIONS(THREE, ALLOC(3, 16)),
        .verdict = {ORACLE_DISJOINT, 32, 40, 64},
        .then = {ORACLE_PLACEMENT, 120, 120, 32},
    });
}

EXECUTOR_TEST(a_payload_over_one_in_any_slot_is_disjoint_s) {
    static const uint64_t payloads[] = {8, 40, 72};
    for (size_t i = 0; i < LENGTH(payloads); i++) {
        assert_caught((struct scenario){
            .fault = {FAULT_ANSWER, 3, (ptrdiff_t)payloads[i], 0},
            OPERATIONS(THREE_HIGH, ALLOC(3, 16)),
            .verdict = {ORACLE_DISJOINT, payloads[i], payloads[i], i == 2 ? 112 : payloads[i] + 24},
            .then = {ORACLE_PLACEMENT, 120, 120, payloads[i]},
            .slot_count = TWO_WORDS_OF_SLOTS,
        });
    }
}

EXECUTOR_TEST(payloads_that_touch_are_disjoint) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER, 3, 64, 0},
        OPERATIONS(THREE, ALLOC(3, 8)),
        .verdict = {ORACLE_PLACEMENT, 120, 120, 64},
        .then = {ORACLE_USABLE_SIZE, 64, 8, 0},
    });
}

EXECUTOR_TEST(a_payload_resized_over_its_old_self_is_disjoint) {
    assert_caught((struct scenario){
        .fault = {FAULT_SHIFT_POINTER, 3, 8, 0},
        OPERATIONS(THREE, REALLOC(2, 48)),
        .verdict = {ORACLE_PLACEMENT, 72, 72, 80},
        .then = {ORACLE_USABLE_SIZE, 80, 48, 0},
    });
}

/* Placement. */

EXECUTOR_TEST(a_shifted_payload_is_placement_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_SHIFT_POINTER, 2, 8, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_PLACEMENT, 72, 72, 80},
        .then = {ORACLE_USABLE_SIZE, 80, 40, 0},
    });
}

/* offset 0: any header but the ones the three have. */
static uint64_t layout_of(size_t live_count) {
    static const struct live_block live[] = {{0, 32}, {32, 32}, {64, 48}};
    make_executor(&subject_kmem, first_arena, ORACLE_ALL);
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, live, live_count));
    struct census census;
    const struct expectation expectation = {executor.region.base, 64, 4, live, live_count};
    assert_sound(invariant_check((const struct kmem *)(const void *)executor.heap, &expectation,
                                 INVARIANT_ALL, &census));
    executor_end(&executor, false);
    return census.layout;
}

EXECUTOR_TEST(null_in_place_of_a_payload_is_placement_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ANSWER_NULL, 2, 0, 0},
        OPERATIONS(THREE),
        .verdict = {ORACLE_PLACEMENT, 72, 72, NULL_OFFSET},
        .then = {ORACLE_REFUSAL_UNTOUCHED, 0, layout_of(2), layout_of(3)},
    });
}

EXECUTOR_TEST(a_payload_in_place_of_null_is_placement_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 3, 120, 0},
        OPERATIONS(THREE, ALLOC(3, 1000)),
        .verdict = {ORACLE_INSIDE, 120, 256, 1120},
        .then = {ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 120},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 3, 120, 0},
        OPERATIONS(THREE, ALLOC(3, 0)),
        .verdict = {ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 120},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_good_call_refused_is_placement_s_when_it_should_have_given_something) {
    assert_caught((struct scenario){
        .fault = {FAULT_REFUSE, 2, 0, REFUSAL_EXHAUSTED},
        OPERATIONS(THREE),
        .verdict = {ORACLE_PLACEMENT, 72, 72, NULL_OFFSET},
        .then = {ORACLE_REFUSAL_NAMED, 0, REFUSAL_NONE, REFUSAL_EXHAUSTED},
    });
}

EXECUTOR_TEST(a_calloc_that_wraps_is_inside_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 3, 120, 0},
        OPERATIONS(THREE, CALLOC(3, 11, 8)),
        .verdict = {ORACLE_INSIDE, 120, 256, UINT64_MAX},
        .then = {ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 120},
    });
}

EXECUTOR_TEST(a_misuse_through_realloc_that_is_obeyed_is_placement_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 4, 120, 0},
        OPERATIONS(THREE, FREE(1), through_realloc(DOUBLE(1))),
        .verdict = {ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 120},
        .then = {ORACLE_REFUSAL_NAMED, 40, REFUSAL_DOUBLE_FREE, REFUSAL_NONE},
    });
}

EXECUTOR_TEST(a_refusal_that_free_or_coalesce_returns_otherwise_is_refusal_named_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_RETURN, 4, 0, REFUSAL_NONE},
        OPERATIONS(THREE, FREE(1), DOUBLE(1)),
        .verdict = {ORACLE_REFUSAL_NAMED, 40, REFUSAL_DOUBLE_FREE, REFUSAL_NONE},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_RETURN, 3, 0, REFUSAL_CORRUPT},
        OPERATIONS(THREE, COALESCE),
        .verdict = {ORACLE_REFUSAL_NAMED, 0, REFUSAL_NONE, REFUSAL_CORRUPT},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_payload_given_for_a_misuse_belongs_to_no_slot) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 4, 120, 0},
        OPERATIONS(THREE, FREE(1), through_realloc(DOUBLE(1))),
        .verdict = {ORACLE_REFUSAL_NAMED, 40, REFUSAL_DOUBLE_FREE, REFUSAL_NONE},
        .then = {ORACLE_USABLE_SIZE, 120, 64, 0},
        .without = ORACLE_BIT(ORACLE_PLACEMENT),
    });
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 4, 120, 0},
        OPERATIONS(THREE, FREE(1), through_realloc(DOUBLE(1))),
        .verdict = {ORACLE_USABLE_SIZE, 120, 64, 0},
        .then = {SOUND, 0, 0, 0},
        .without = ORACLE_BIT(ORACLE_PLACEMENT) | ORACLE_BIT(ORACLE_REFUSAL_NAMED),
    });
}

/* Refusals. */

EXECUTOR_TEST(an_accepted_misuse_is_refusal_named_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 4, 0, 0},
        OPERATIONS(THREE, FREE(1), DOUBLE(1)),
        .verdict = {ORACLE_REFUSAL_NAMED, 40, REFUSAL_DOUBLE_FREE, REFUSAL_NONE},
        .then = {SOUND, 0, 0, 0},
    });
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 3, 0, 0},
        OPERATIONS(THREE, FOREIGN(1)),
        .verdict = {ORACLE_REFUSAL_NAMED, (uint64_t)-8, REFUSAL_FOREIGN, REFUSAL_NONE},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_wrong_name_for_a_misuse_is_refusal_named_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_REPORT, 3, 0, REFUSAL_MISALIGNED},
        OPERATIONS(THREE, INTERIOR(1, 1)),
        .verdict = {ORACLE_REFUSAL_NAMED, 48, REFUSAL_INTERIOR, REFUSAL_MISALIGNED},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_good_free_refused_is_refusal_named_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_REFUSE, 3, 0, REFUSAL_INTERIOR},
        OPERATIONS(THREE, FREE(1)),
        .verdict = {ORACLE_REFUSAL_NAMED, 40, REFUSAL_NONE, REFUSAL_INTERIOR},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_refusal_named_beside_a_good_payload_is_refusal_named_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_REPORT, 2, 0, REFUSAL_CORRUPT},
        OPERATIONS(THREE),
        .verdict = {ORACLE_REFUSAL_NAMED, 0, REFUSAL_NONE, REFUSAL_CORRUPT},
        .then = {ORACLE_REFUSAL_UNTOUCHED, 0, layout_of(2), layout_of(3)},
    });
}

EXECUTOR_TEST(null_without_its_refusal_is_refusal_named_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_REPORT, 3, 0, REFUSAL_NONE},
        OPERATIONS(THREE, ALLOC(3, 1000)),
        .verdict = {ORACLE_REFUSAL_NAMED, 0, REFUSAL_EXHAUSTED, REFUSAL_NONE},
        .then = {SOUND, 0, 0, 0},
    });
}

/* Growth. */

EXECUTOR_TEST(a_page_too_many_is_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_MORE, 3, 0, 1},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {ORACLE_GROWTH, 256, 1, 2},
        .then = {INVARIANT_REGION, 0, 6, 5},
    });
}

EXECUTOR_TEST(pages_beyond_the_limit_are_refused_and_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_MORE, 3, 0, 2},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {ORACLE_GROWTH, 256, 1, 3},
        .then = {ORACLE_PLACEMENT, 120, 120, NULL_OFFSET},
    });
}

EXECUTOR_TEST(a_heap_that_does_not_ask_is_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_NOBODY, 3, 0, 0},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {ORACLE_GROWTH, 256, 1, 0},
        .then = {ORACLE_PLACEMENT, 120, 120, NULL_OFFSET},
    });
}

EXECUTOR_TEST(an_ask_that_was_not_needed_is_refused_and_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_AS_WELL, 3, 0, 1},
        OPERATIONS(THREE, FREE(0)),
        .verdict = {ORACLE_GROWTH, 256, 0, 1},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(an_earlier_grant_does_not_grant_an_ask_that_was_not_needed) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_AS_WELL, 4, 0, 1},
        OPERATIONS(THREE, ALLOC(3, 200), FREE(0)),
        .verdict = {ORACLE_GROWTH, 320, 0, 1},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_second_ask_is_refused_and_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_AS_WELL, 3, 0, 1},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {ORACLE_GROWTH, 256, 1, 2},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(an_ask_for_nothing_is_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_AS_WELL, 3, 0, 0},
        OPERATIONS(THREE, FREE(0)),
        .verdict = {ORACLE_GROWTH, 256, 0, 0},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(a_second_ask_for_nothing_is_growth_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ASK_AS_WELL, 3, 0, 0},
        OPERATIONS(THREE, ALLOC(3, 200)),
        .verdict = {ORACLE_GROWTH, 256, 1, 1},
        .then = {SOUND, 0, 0, 0},
    });
}

EXECUTOR_TEST(growth_that_goes_on_after_a_refused_ask_is_placement_s) {
    assert_caught((struct scenario){
        .fault = {FAULT_ACCEPT, 3, 120, 0},
        OPERATIONS(THREE, REFUSE, ALLOC(3, 200)),
        .verdict = {ORACLE_INSIDE, 120, 256, 320},
        .then = {ORACLE_GROWTH, 256, 1, 0},
    });
}
