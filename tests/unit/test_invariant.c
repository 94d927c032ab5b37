/* The checker's negative tests: every invariant has heaps that break precisely it, and the verdict has to
 * name it, where and by what values. A checker that cannot fail proves nothing. */
#include "tests/unit/invariant_fixture.h"

/* The heap breaks this invariant and no other: it is reported among all and alone, and nothing without it. */
static void assert_breaks_precisely(enum invariant invariant, uint64_t offset, uint64_t expected,
                                    uint64_t observed) {
    struct snapshot before;
    snapshot_take(&before);
    assert_verdict(INVARIANT_ALL, invariant, offset, expected, observed);
    assert_verdict(INVARIANT_BIT(invariant), invariant, offset, expected, observed);
    assert_sound(INVARIANT_ALL & ~INVARIANT_BIT(invariant));
    assert_sound(0);
    assert_unchanged(&before);
}

/* region */

TEST(region_is_broken_by_another_base) {
    start_with("taken 32 | free 992");
    heap.base += 256;
    assert_breaks_precisely(INVARIANT_REGION, 0, 0, 256);
    heap.base -= 264;
    assert_breaks_precisely(INVARIANT_REGION, 0, 0, UINT64_MAX - 7);
    heap.base = NULL;
    assert_breaks_precisely(INVARIANT_REGION, 0, 0, 0 - (uintptr_t)expected_heap.base);
}

TEST(region_is_broken_by_another_page_size) {
    start_with("taken 32 | free 992");
    heap.page_size = 512;
    assert_breaks_precisely(INVARIANT_REGION, 0, 256, 512);
}

TEST(region_is_broken_by_another_page_count) {
    start_with("taken 32 | free 992");
    heap.page_count = 3;
    assert_breaks_precisely(INVARIANT_REGION, 0, 4, 3);
    heap.page_count = 5;
    assert_breaks_precisely(INVARIANT_REGION, 0, 4, 5);
}

TEST(region_names_base_before_page_size_before_page_count) {
    start_with("free 1024");
    heap.page_count = 9;
    heap.page_size = 16;
    assert_verdict(INVARIANT_ALL, INVARIANT_REGION, 0, 256, 16);
    heap.base += 8;
    assert_verdict(INVARIANT_ALL, INVARIANT_REGION, 0, 0, 8);
}

/* walk-ends, block-size, block-tiling: what is behind such a header is not known, so nothing else is
 * reported. */

TEST(walk_ends_is_broken_by_a_block_of_size_0) {
    start_with("taken 32 | free 64 | taken 928");
    header_write(32, 0);
    assert_breaks_precisely(INVARIANT_WALK_ENDS, 32, 16, 0);
    start_with("taken 32 | free 64 | taken 928");
    header_write(0, BLOCK_TAKEN);
    assert_breaks_precisely(INVARIANT_WALK_ENDS, 0, 16, 0);
}

TEST(block_size_is_broken_by_a_size_under_16_or_no_multiple_of_8) {
    static const uint64_t sizes[][2] = {{1, 16},  {8, 16},  {15, 16}, {17, 24},
                                        {23, 24}, {25, 32}, {28, 32}, {BLOCK_TAKEN - 1, BLOCK_TAKEN}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        start_with("taken 32 | free 64 | taken 928");
        header_write(96, sizes[i][0]);
        assert_breaks_precisely(INVARIANT_BLOCK_SIZE, 96, sizes[i][1], sizes[i][0]);
        header_write(96, sizes[i][0] | BLOCK_TAKEN);
        assert_breaks_precisely(INVARIANT_BLOCK_SIZE, 96, sizes[i][1], sizes[i][0]);
    }
}

TEST(block_tiling_is_broken_by_a_block_that_reaches_past_the_end) {
    static const uint64_t sizes[] = {936, 1024, 4096, UINT64_C(1) << 62, (UINT64_C(1) << 63) - 8};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        start_with("taken 32 | free 64 | taken 928");
        header_write(96, sizes[i] | BLOCK_TAKEN);
        assert_breaks_precisely(INVARIANT_BLOCK_TILING, 96, 928, sizes[i]);
    }
    start_with("taken 1008 | free 16");
    header_write(1008, 24);
    assert_breaks_precisely(INVARIANT_BLOCK_TILING, 1008, 16, 24);
}

/* free-merged */

TEST(free_merged_is_broken_by_two_adjacent_free_blocks) {
    start_with("taken 32 | free 64 | free 928");
    assert_breaks_precisely(INVARIANT_FREE_MERGED, 96, 992, 928);
    start_with("free 16 | free 24 | taken 984");
    assert_breaks_precisely(INVARIANT_FREE_MERGED, 16, 40, 24);
}

TEST(free_merged_names_the_first_pair_of_a_longer_run) {
    start_with("free 16 | taken 16 | free 32 | free 48 | free 64 | taken 848");
    assert_breaks_precisely(INVARIANT_FREE_MERGED, 64, 80, 48);
}

/* taken-is-live */

TEST(taken_is_live_is_broken_by_a_taken_block_nobody_owns) {
    start_with("taken 32 | taken 48 | free 944");
    expected_heap.live_count = 1;
    assert_breaks_precisely(INVARIANT_TAKEN_IS_LIVE, 32, 0, 48);
    start_with("taken 32 | free 16 | taken 976");
    live[0] = live[1];
    expected_heap.live_count = 1;
    assert_breaks_precisely(INVARIANT_TAKEN_IS_LIVE, 0, 0, 32);
    start_with("taken 1024");
    expected_heap.live = NULL;
    expected_heap.live_count = 0;
    assert_breaks_precisely(INVARIANT_TAKEN_IS_LIVE, 0, 0, 1024);
}

/* live-is-taken */

TEST(live_is_taken_is_broken_by_a_live_block_that_is_free) {
    start_with("taken 32 | free 992");
    live[1] = (struct live_block){.offset = 32, .size = 992};
    expected_heap.live_count = 2;
    assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, 32, 992, 0);
}

TEST(live_is_taken_is_broken_by_a_taken_block_of_another_size) {
    start_with("taken 32 | taken 48 | free 944");
    live[1].size = 40;
    assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, 32, 40, 48);
    live[1].size = 56;
    assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, 32, 56, 48);
}

TEST(live_is_taken_is_broken_by_a_live_block_in_the_middle_of_another) {
    start_with("taken 32 | taken 48 | free 944");
    live[2] = live[1];
    live[1] = (struct live_block){.offset = 16, .size = 16};
    expected_heap.live_count = 3;
    assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, 16, 16, 0);
}

TEST(a_live_block_in_the_middle_of_another_is_seen_at_a_free_block_too) {
    start_with("taken 32 | free 48 | taken 944");
    live[2] = live[1];
    live[1] = (struct live_block){.offset = 16, .size = 16};
    expected_heap.live_count = 3;
    assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, 16, 16, 0);
    assert_sound(ONLY(TAKEN_IS_LIVE));
}

TEST(live_is_taken_is_broken_by_a_live_block_in_the_middle_of_the_last) {
    start_with("taken 32 | free 992");
    live[1] = (struct live_block){.offset = 1008, .size = 16};
    expected_heap.live_count = 2;
    assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, 1008, 16, 0);
}

TEST(live_is_taken_is_broken_by_a_live_block_outside_the_region) {
    static const size_t offsets[] = {1024, 1032, 4096, SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        start_with("taken 32 | free 992");
        live[1] = (struct live_block){.offset = offsets[i], .size = 16};
        expected_heap.live_count = 2;
        assert_breaks_precisely(INVARIANT_LIVE_IS_TAKEN, offsets[i], 16, 0);
    }
}

/* counters */

TEST(counters_is_broken_by_a_wrong_count_of_taken_blocks) {
    start_with("taken 32 | free 64 | taken 928");
    heap.taken_count = 3;
    assert_breaks_precisely(INVARIANT_COUNTERS, 0, 2, 3);
    heap.taken_count = 1;
    assert_breaks_precisely(INVARIANT_COUNTERS, 0, 2, 1);
}

TEST(counters_is_broken_by_a_wrong_count_of_taken_bytes) {
    start_with("taken 32 | free 64 | taken 928");
    heap.taken_size = 968;
    assert_breaks_precisely(INVARIANT_COUNTERS, 0, 960, 968);
    heap.taken_size = 0;
    assert_breaks_precisely(INVARIANT_COUNTERS, 0, 960, 0);
    heap.taken_count = 0;
    assert_breaks_precisely(INVARIANT_COUNTERS, 0, 2, 0);
}

/* Several at once: the first in the order of the list at each block, and of the blocks, is the verdict. */

TEST(the_first_broken_invariant_is_the_verdict_and_masking_it_shows_the_next) {
    start_with("taken 32 | free 48 | free 64 | taken 80 | taken 32 | free 768");
    live[1].size = 72;    /* of "taken 80", at 144 */
    live[2].offset = 500; /* of "taken 32", at 224: nobody's now, and one is missing from the last block */
    heap.taken_count = 7;
    heap.page_count = 5;
    uint64_t mask = INVARIANT_ALL;
    assert_verdict(mask, INVARIANT_REGION, 0, 4, 5);
    mask &= WITHOUT(REGION);
    assert_verdict(mask, INVARIANT_FREE_MERGED, 80, 112, 64);
    mask &= WITHOUT(FREE_MERGED);
    assert_verdict(mask, INVARIANT_LIVE_IS_TAKEN, 144, 72, 80);
    assert_verdict(mask & WITHOUT(TAKEN_IS_LIVE), INVARIANT_LIVE_IS_TAKEN, 144, 72, 80);
    live[1].size = 80;
    assert_verdict(mask, INVARIANT_TAKEN_IS_LIVE, 224, 0, 32);
    mask &= WITHOUT(TAKEN_IS_LIVE);
    assert_verdict(mask, INVARIANT_LIVE_IS_TAKEN, 500, 32, 0);
    mask &= WITHOUT(LIVE_IS_TAKEN);
    assert_verdict(mask, INVARIANT_COUNTERS, 0, 3, 7);
    mask &= WITHOUT(COUNTERS);
    assert_sound(mask);
}

TEST(an_impossible_header_ends_the_walk_whatever_the_mask) {
    static const uint64_t headers[] = {0, 28, 4096};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        start_with("taken 32 | free 64 | taken 928");
        header_write(32, headers[i]);
        heap.taken_count = 100;
        assert_sound(ONLY(REGION) | ONLY(FREE_MERGED) | INVARIANT_AGREEMENT | ONLY(COUNTERS));
        assert_int_equal(census.block_count, 1);
        assert_int_equal(census.taken_count, 1);
        assert_int_equal(census.taken_size, 32);
    }
}

TEST(mask_bits_that_name_no_invariant_mean_nothing) {
    start_with("taken 32 | free 992");
    assert_sound(UINT64_MAX);
    assert_sound(~INVARIANT_ALL);
    heap.taken_count = 2;
    assert_verdict(UINT64_MAX, INVARIANT_COUNTERS, 0, 1, 2);
    assert_sound(~INVARIANT_ALL);
}

TEST(a_wrong_region_is_never_walked) {
    start_with("taken 32 | free 992");
    heap.page_count = SIZE_MAX;
    heap.page_size = SIZE_MAX;
    heap.base = (unsigned char *)8;
    assert_verdict(INVARIANT_ALL, INVARIANT_REGION, 0, 0, 8 - (uintptr_t)expected_heap.base);
    assert_int_equal(census.block_count, 0);
    assert_sound(WITHOUT(REGION));
    assert_int_equal(census.block_count, 2);
}
