/* Specification: the reference model against hand-computed expectations. Every number here was worked out
 * from kmem.h's words on paper; test_model_words.c compares the model with a second one instead. This file:
 * where blocks are placed, and growth. */
#include "tests/unit/model_fixture.h"

/* Placing. */

TEST(a_fresh_model_is_one_hole) {
    start(4, 4);
    assert_int_equal(model_region_size(&model), 256);
    assert_int_equal(model.live_count, 0);
    assert_int_equal(model.taken_size, 0);
    assert_int_equal(model_largest_payload(&model), 248);
    assert_int_equal(model_first_payload(&model), 248);
    assert_int_equal(model_tail_payload(&model), 248);
}

TEST(allocations_lie_one_behind_the_other) {
    start(4, 4);
    assert_placed(alloc(24), 8, 24);
    assert_placed(alloc(1), 40, 8);
    assert_placed(alloc(9), 56, 16);
    assert_int_equal(live[2].offset, 48);
    assert_int_equal(live[2].size, 24);
    assert_int_equal(model.taken_size, 32 + 16 + 24);
}

TEST(requests_are_rounded_up_to_8_and_to_8_at_least) {
    static const size_t requests[][2] = {{1, 8}, {7, 8}, {8, 8}, {9, 16}, {15, 16}, {16, 16}, {17, 24}};
    for (size_t i = 0; i < LENGTH(requests); i++) {
        start(4, 4);
        assert_placed(alloc(requests[i][0]), 8, requests[i][1]);
    }
}

TEST(first_fit_takes_the_lowest_hole_that_is_large_enough) {
    start(8, 8);
    (void)alloc(24); /* 0..32 */
    (void)alloc(8);
    (void)alloc(56); /* 48..112 */
    (void)alloc(8);
    (void)alloc(56); /* 128..192 */
    (void)alloc(8);
    assert_freed(model_free(&model, 136), 136);
    assert_freed(model_free(&model, 56), 56);
    assert_freed(model_free(&model, 8), 8);
    assert_placed(alloc(25), 56, 32);
    assert_placed(alloc(24), 8, 24);
    assert_placed(alloc(17), 136, 24); /* 24 bytes are left of 48..112: too few for a block of 32 */
    assert_placed(alloc(9), 96, 16);   /* exactly those 24 */
}

TEST(a_remainder_of_16_is_split_off_and_one_of_8_is_kept) {
    start(1, 1);
    assert_placed(alloc(40), 8, 40);
    assert_int_equal(model_tail_payload(&model), 8);
    start(1, 1);
    assert_placed(alloc(48), 8, 56);
    assert_int_equal(model_tail_payload(&model), 0);
    start(1, 1);
    assert_placed(alloc(56), 8, 56);
}

TEST(freed_neighbours_are_one_hole) {
    start(2, 2);
    (void)alloc(24);
    (void)alloc(24);
    (void)alloc(24);
    (void)alloc(24);
    (void)model_free(&model, 8);
    (void)model_free(&model, 72);
    assert_refused(alloc(25), REFUSAL_EXHAUSTED, 0);
    (void)model_free(&model, 40);
    assert_int_equal(model_largest_payload(&model), 88);
    assert_placed(alloc(88), 8, 88);
}

TEST(size_0_gives_nothing_and_is_no_refusal) {
    start(1, 8);
    assert_refused(alloc(0), REFUSAL_NONE, 0);
    assert_refused(model_calloc(&model, 0, 8), REFUSAL_NONE, 0);
    assert_refused(model_calloc(&model, 8, 0), REFUSAL_NONE, 0);
    assert_int_equal(model.live_count, 0);
}

/* Alignment. */

TEST(a_gap_of_8_is_bumped_by_the_alignment) {
    static const size_t bumped[][2] = {{16, 32}, {32, 32}, {64, 64}, {128, 128}};
    for (size_t i = 0; i < LENGTH(bumped); i++) {
        start(8, 8);
        assert_placed(aligned(bumped[i][0], 8), bumped[i][1], 8);
    }
    start(8, 8);
    (void)alloc(40);                       /* 0..48: payloads behind it start at 56; 64 would leave 8 */
    assert_placed(aligned(64, 8), 128, 8); /* so 64 + 64 */
    assert_placed(aligned(32, 8), 96, 8);  /* header at 88, 40 behind the block */
    assert_placed(aligned(8, 8), 56, 8);   /* and the gap is a hole like any other */
}

TEST(alignment_counts_from_what_lies_before_the_base) {
    start(8, 8);
    model.skew = 64;
    assert_placed(aligned(128, 8), 64, 8); /* 64 + 64 */
    assert_placed(aligned(256, 8), 192, 8);
    assert_placed(aligned(64, 8), 128, 8);
    start(2, 8);
    model.skew = 32;
    assert_placed(aligned(64, 8), 32, 8);
    assert_grown(aligned(128, 64), 96, 64, 1);
}

TEST(alignments_below_8_mean_8) {
    start(8, 8);
    assert_placed(aligned(1, 8), 8, 8);
    assert_placed(aligned(2, 8), 24, 8);
    assert_placed(aligned(4, 8), 40, 8);
    assert_placed(aligned(8, 8), 56, 8);
}

TEST(an_aligned_payload_without_a_gap_stays_at_the_hole_s_start) {
    start(8, 8);
    (void)alloc(48); /* 0..56: the next payload is 64 */
    assert_placed(aligned(64, 8), 64, 8);
    assert_int_equal(live[1].offset, 56);
}

TEST(a_hole_too_small_for_the_alignment_is_passed_over) {
    start(8, 8);
    (void)alloc(56); /* 0..64 */
    (void)alloc(8);
    (void)model_free(&model, 8);
    assert_placed(aligned(64, 8), 128, 8);  /* 0..64 has 64 only at its end */
    assert_placed(aligned(32, 24), 32, 32); /* it has 32..64, behind a gap of 24; the last 8 stay with it */
}

TEST(bad_alignments_are_named_before_the_size_is_looked_at) {
    start(8, 8);
    assert_refused(aligned(0, 8), REFUSAL_BAD_ALIGNMENT, 0);
    assert_refused(aligned(24, 8), REFUSAL_BAD_ALIGNMENT, 0);
    assert_refused(aligned(24, 0), REFUSAL_BAD_ALIGNMENT, 0);
    assert_refused(aligned(UINT64_MAX, 8), REFUSAL_BAD_ALIGNMENT, 0);
    assert_refused(aligned(16, 0), REFUSAL_NONE, 0);
}

TEST(an_alignment_beyond_the_region_is_exhausted) {
    start(8, 8);
    assert_refused(aligned(512, 8), REFUSAL_EXHAUSTED, 0);
    assert_refused(aligned(65536, 8), REFUSAL_EXHAUSTED, 0);
    assert_refused(aligned(UINT64_C(1) << 63, 8), REFUSAL_EXHAUSTED, 0);
    assert_placed(aligned(256, 8), 256, 8);
}

/* Arithmetic. */

TEST(sizes_at_the_arithmetic_edge_are_exhausted) {
    for (uint64_t k = 0; k < 40; k++) {
        start(4, 512);
        assert_refused(alloc(UINT64_MAX - k), REFUSAL_EXHAUSTED, 0);
        assert_refused(alloc((UINT64_C(1) << 63) - 20 + k), REFUSAL_EXHAUSTED, 0);
        assert_refused(aligned(4096, UINT64_MAX - k), REFUSAL_EXHAUSTED, 0);
        assert_int_equal(model.ask_count, 0);
        (void)alloc(8);
        assert_refused(model_realloc(&model, 8, UINT64_MAX - k), REFUSAL_EXHAUSTED, 0);
        assert_int_equal(model_block_size(&model, 8), 16);
    }
}

TEST(calloc_multiplies_and_refuses_a_product_that_overflows) {
    start(4, 4);
    assert_placed(model_calloc(&model, 3, 5), 8, 16);
    assert_placed(model_calloc(&model, 1, 17), 32, 24);
    assert_refused(model_calloc(&model, UINT64_C(0x2000000000000001), 8), REFUSAL_EXHAUSTED, 0);
    assert_refused(model_calloc(&model, UINT64_C(1) << 32, UINT64_C(1) << 32), REFUSAL_EXHAUSTED, 0);
    assert_refused(model_calloc(&model, UINT64_MAX, 1), REFUSAL_EXHAUSTED, 0);
    assert_int_equal(model.live_count, 2);
}

/* Growth. */

TEST(growth_asks_for_just_enough_pages_behind_the_free_tail) {
    start(1, 100);
    (void)alloc(24); /* 32 are free behind it */
    assert_grown(alloc(25), 40, 32, 1);
    assert_int_equal(model.page_count, 2);
    assert_int_equal(model_tail_payload(&model), 128 - 72 - 8);
    start(1, 100);
    (void)alloc(24);
    assert_grown(alloc(88), 40, 88, 1); /* 32 + 64 are 96 exactly */
    assert_grown(alloc(57), 136, 64, 2);
    assert_int_equal(model_tail_payload(&model), 48);
    assert_int_equal(model.page_count, 4);
}

TEST(growth_keeps_a_remainder_under_16_in_the_block) {
    start(1, 100);
    (void)alloc(56);
    assert_grown(alloc(48), 72, 56, 1);
    assert_grown(alloc(40), 136, 40, 1);
    assert_int_equal(model_tail_payload(&model), 8);
}

TEST(growth_counts_the_alignment_gap) {
    start(1, 100);
    (void)alloc(56);                            /* the tail is empty and starts at 64 */
    assert_grown(aligned(128, 64), 128, 64, 2); /* header at 120, end at 192 */
    assert_grown(aligned(64, 8), 256, 8, 2);    /* header at 248; 64..120 is free but has no multiple */
    assert_placed(alloc(48), 72, 48);
}

TEST(the_page_limit_is_never_passed) {
    start(1, 3);
    assert_refused(alloc(185), REFUSAL_EXHAUSTED, 0);
    assert_refused(aligned(128, 72), REFUSAL_EXHAUSTED, 0);
    assert_int_equal(model.ask_count, 0);
    assert_grown(alloc(184), 8, 184, 2);
    assert_int_equal(model_region_size(&model), 192);
    assert_refused(alloc(1), REFUSAL_EXHAUSTED, 0);
}

TEST(a_limit_equal_to_the_pages_means_no_growth) {
    start(2, 2);
    assert_refused(alloc(121), REFUSAL_EXHAUSTED, 0);
    assert_placed(alloc(120), 8, 120);
}

/* Refused asks. */

TEST(the_refusal_schedule_repeats_after_16_asks) {
    model_start(&model, live, LIVE_CAPACITY, 64, 1, 500, 0x8005);
    (void)alloc(56);
    for (size_t asks = 0; asks < 40; asks++) {
        const size_t number = asks % 16;
        const bool refused = number == 0 || number == 2 || number == 15;
        const size_t page_count = model.page_count;
        const struct prediction prediction = alloc(56);
        assert_int_equal(model.ask_count, asks + 1);
        assert_int_equal(model.last_ask_granted, !refused);
        assert_int_equal(prediction.asked_pages, 1);
        assert_int_equal(prediction.refusal, refused ? REFUSAL_EXHAUSTED : REFUSAL_NONE);
        assert_int_equal(model.page_count, page_count + !refused);
    }
}

TEST(a_refused_ask_changes_nothing_but_the_count_of_asks) {
    model_start(&model, live, LIVE_CAPACITY, 64, 1, 500, 1);
    assert_refused(alloc(100), REFUSAL_EXHAUSTED, 1);
    assert_int_equal(model.live_count, 0);
    assert_int_equal(model.taken_size, 0);
    assert_int_equal(model_region_size(&model), 64);
    assert_grown(alloc(100), 8, 104, 1);
}

TEST(refuse_next_refuses_one_ask_and_only_an_ask_uses_it_up) {
    start(1, 500);
    model.refuse_next = true;
    assert_placed(alloc(8), 8, 8);
    assert_refused(alloc(UINT64_MAX), REFUSAL_EXHAUSTED, 0);
    assert_true(model.refuse_next);
    assert_refused(alloc(100), REFUSAL_EXHAUSTED, 1);
    assert_false(model.refuse_next);
    assert_grown(alloc(100), 24, 104, 1);
}

TEST(refuse_next_does_not_shift_the_schedule) {
    model_start(&model, live, LIVE_CAPACITY, 64, 1, 500, 1);
    model.refuse_next = true;
    assert_refused(alloc(100), REFUSAL_EXHAUSTED, 1); /* both at once refuse one ask */
    assert_grown(alloc(100), 8, 104, 1);
}
