/* Specification: the reference model against hand-computed expectations. This file: pointers judged, free,
 * realloc, and what is asked about a state. */
#include "tests/unit/model_fixture.h"

/* Pointers. */

/*     0        32        64         112                256
 *     | live 24 | free    | live 40  | free             |   foreign
 */
static void start_with_a_hole(void) {
    start(4, 4);
    (void)alloc(24);
    (void)alloc(24);
    (void)alloc(40);
    (void)model_free(&model, 40);
}

TEST(every_place_a_pointer_can_name_has_its_own_answer) {
    start_with_a_hole();
    for (size_t offset = 0; offset < 256; offset++) {
        enum refusal expected = REFUSAL_DOUBLE_FREE;
        if (offset % 8 != 0) {
            expected = REFUSAL_MISALIGNED;
        } else if (offset == 8 || offset == 72) {
            expected = REFUSAL_NONE;
        } else if (offset < 32 || (offset >= 64 && offset < 112)) {
            expected = REFUSAL_INTERIOR;
        }
        assert_int_equal(model_judge_pointer(&model, offset), expected);
    }
}

TEST(pointers_outside_the_region_are_foreign_even_misaligned_ones) {
    start_with_a_hole();
    static const size_t outside[] = {256, 257, 264, 1000, SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        assert_int_equal(model_judge_pointer(&model, outside[i]), REFUSAL_FOREIGN);
    }
}

TEST(a_misused_pointer_is_refused_by_free_and_realloc_alike_and_changes_nothing) {
    static const struct {
        size_t offset;
        enum refusal refusal;
    } misuses[] = {
        {0, REFUSAL_INTERIOR},     {16, REFUSAL_INTERIOR},          {9, REFUSAL_MISALIGNED},
        {40, REFUSAL_DOUBLE_FREE}, {32, REFUSAL_DOUBLE_FREE},       {120, REFUSAL_DOUBLE_FREE},
        {256, REFUSAL_FOREIGN},    {SIZE_MAX - 7, REFUSAL_FOREIGN},
    };
    start_with_a_hole();
    for (size_t i = 0; i < LENGTH(misuses); i++) {
        assert_refused(model_free(&model, misuses[i].offset), misuses[i].refusal, 0);
        assert_refused(model_realloc(&model, misuses[i].offset, 8), misuses[i].refusal, 0);
        assert_refused(model_realloc(&model, misuses[i].offset, 0), misuses[i].refusal, 0);
        assert_int_equal(model.live_count, 2);
        assert_int_equal(model.taken_size, 80);
    }
}

TEST(what_is_freed_is_free) {
    start_with_a_hole();
    assert_freed(model_free(&model, 8), 8);
    assert_int_equal(model.live_count, 1);
    assert_int_equal(model.taken_size, 48);
    assert_refused(model_free(&model, 8), REFUSAL_DOUBLE_FREE, 0);
    assert_freed(model_free(&model, 72), 72);
    assert_int_equal(model.taken_size, 0);
    assert_int_equal(model_tail_payload(&model), 248);
}

TEST(nothing_is_null_no_refusal_and_no_change) {
    assert_refused(model_nothing(), REFUSAL_NONE, 0);
}

/* Realloc. */

TEST(realloc_shrinks_in_place_and_frees_what_is_left_over) {
    start(4, 4);
    (void)alloc(40);
    (void)alloc(8);
    assert_placed(model_realloc(&model, 8, 24), 8, 24);
    assert_int_equal(model_first_payload(&model), 8);
    assert_placed(model_realloc(&model, 8, 17), 8, 24);
    assert_placed(model_realloc(&model, 8, 1), 8, 8);
    assert_int_equal(model_first_payload(&model), 24);
    assert_int_equal(model.taken_size, 16 + 16);
}

TEST(realloc_keeps_a_remainder_of_8) {
    start(4, 4);
    (void)alloc(40);
    (void)alloc(8);
    assert_placed(model_realloc(&model, 8, 32), 8, 40);
    assert_int_equal(model_first_payload(&model), 184);
}

TEST(realloc_grows_into_a_free_right_neighbour) {
    start_with_a_hole();
    assert_placed(model_realloc(&model, 8, 40), 8, 40);
    assert_int_equal(model_first_payload(&model), 8);
    assert_placed(model_realloc(&model, 8, 49), 8, 56);
    assert_placed(model_realloc(&model, 72, 184), 72, 184);
    assert_int_equal(model_largest_payload(&model), 0);
}

TEST(realloc_moves_to_the_first_fit_when_its_span_is_too_small) {
    start_with_a_hole();
    assert_moved(model_realloc(&model, 8, 57), 120, 64, 8);
    assert_int_equal(live[0].offset, 64);
    assert_int_equal(live[1].offset, 112);
    assert_int_equal(model.live_count, 2);
    assert_int_equal(model.taken_size, 48 + 72);
    assert_int_equal(model_first_payload(&model), 56);
}

TEST(realloc_moves_to_the_left_too) {
    start(4, 4);
    (void)alloc(56);
    (void)alloc(24);
    (void)alloc(24);
    (void)model_free(&model, 8);
    assert_moved(model_realloc(&model, 72, 32), 8, 32, 72);
    assert_int_equal(model_first_payload(&model), 48); /* what was left of 0..64, and 64..96 */
}

TEST(realloc_does_not_join_a_free_left_neighbour) {
    start(2, 2);
    (void)alloc(40);
    (void)alloc(40);
    (void)alloc(24);
    (void)model_free(&model, 8);
    assert_refused(model_realloc(&model, 56, 48), REFUSAL_EXHAUSTED, 0);
    assert_int_equal(model_block_size(&model, 56), 48);
}

TEST(realloc_at_the_end_stays_rather_than_grow_and_otherwise_moves_into_new_pages) {
    start(2, 8);
    (void)alloc(24);
    (void)alloc(24);
    assert_placed(model_realloc(&model, 40, 88), 40, 88);
    struct prediction prediction = model_realloc(&model, 40, 89);
    assert_int_equal(prediction.asked_pages, 2);
    prediction.asked_pages = 0;
    assert_moved(prediction, 136, 96, 40);
    assert_int_equal(model_region_size(&model), 256);
}

TEST(realloc_that_fails_leaves_the_block) {
    model_start(&model, live, LIVE_CAPACITY, 64, 1, 500, 1);
    (void)alloc(24);
    assert_refused(model_realloc(&model, 8, 100), REFUSAL_EXHAUSTED, 2);
    assert_int_equal(model_block_size(&model, 8), 32);
    assert_int_equal(model.page_count, 1);
}

TEST(realloc_to_size_0_frees) {
    start_with_a_hole();
    assert_freed(model_realloc(&model, 72, 0), 72);
    assert_int_equal(model.live_count, 1);
}

TEST(realloc_that_moves_needs_one_live_block_more_and_no_two) {
    static struct live_block fenced[6];
    fenced[5] = (struct live_block){.offset = 1, .size = 2};
    model_start(&model, fenced, 5, 64, 4, 4, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_placed(alloc(24), 8 + i * 32, 24);
    }
    assert_moved(model_realloc(&model, 8, 32), 136, 32, 8);
    assert_int_equal(model.live_count, 4);
    assert_int_equal(fenced[5].offset, 1);
    assert_int_equal(fenced[5].size, 2);
}

/* Questions. */

TEST(payload_questions_name_the_largest_the_first_and_the_last_hole) {
    start(8, 8);
    (void)alloc(24);
    (void)alloc(24);  /* 32..64 */
    (void)alloc(8);   /* 64..80 */
    (void)alloc(216); /* 80..304 */
    (void)alloc(8);
    (void)model_free(&model, 40);
    (void)model_free(&model, 88);
    assert_int_equal(model_first_payload(&model), 24);
    assert_int_equal(model_largest_payload(&model), 216);
    assert_int_equal(model_tail_payload(&model), 184);
    (void)alloc(184);
    assert_int_equal(model_first_payload(&model), 24);
    assert_int_equal(model_largest_payload(&model), 184);
}

TEST(a_full_heap_has_no_payload_left) {
    start(1, 1);
    (void)alloc(56);
    assert_int_equal(model_first_payload(&model), 0);
    assert_int_equal(model_largest_payload(&model), 0);
    assert_int_equal(model_tail_payload(&model), 0);
}

TEST(a_usable_size_is_the_payload_s_and_0_for_what_is_none) {
    start(4, 4);
    (void)alloc(24); /* 0..32 */
    (void)alloc(1);  /* 32..48 */
    (void)alloc(40); /* 48..96 */
    assert_freed(model_free(&model, 40), 40);
    static const size_t cases[][2] = {{8, 24}, {56, 40}, {0, 0},   {9, 0},
                                      {16, 0}, {40, 0},  {104, 0}, {256, 0}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct prediction prediction = model_usable(&model, cases[i][0]);
        assert_int_equal(prediction.usable_size, cases[i][1]);
        prediction.usable_size = 0;
        assert_refused(prediction, REFUSAL_NONE, 0);
    }
    assert_int_equal(model_usable(&model, (size_t)0 - 8).usable_size, 0);
}

TEST(block_sizes_are_told_for_live_payloads_only) {
    start_with_a_hole();
    for (size_t offset = 0; offset < 300; offset++) {
        const size_t expected = offset == 8 ? 32 : offset == 72 ? 48 : 0;
        assert_int_equal(model_block_size(&model, offset), expected);
    }
}
