/* The checker's negative tests: every invariant has heaps that break precisely it, and the verdict has to
 * name it, where and by what values. A checker that cannot fail proves nothing. */
#include "tests/unit/invariant_fixture.h"

/* The heap breaks this invariant and no other: it is reported among all and alone, and nothing without it. */
static void assert_breaks_precisely(const char *expected) {
    struct snapshot before;
    snapshot_take(&before);
    assert_broken_by(&checker, expected);
    assert_unchanged(&before);
}

TEST(region_is_broken_by_another_base_page_size_or_page_count_and_names_the_first_of_them) {
    start_with("taken 32 | free 992");
    heap.page_count = 3;
    assert_breaks_precisely("region 0 4 3");
    heap.page_count = 5;
    assert_breaks_precisely("region 0 4 5");
    heap.page_size = 512;
    assert_breaks_precisely("region 0 256 512");
    heap.base += 256;
    assert_breaks_precisely("region 0 0 256");
    heap.page_count = 4;
    heap.page_size = 256;
    assert_breaks_precisely("region 0 0 256");
    heap.base -= 264;
    assert_breaks_precisely("region 0 0 -8");
    heap.base = NULL;
    assert_breaks_precisely(with("region 0 0 %" PRId64, 0 - (uintptr_t)expected_heap.base));
    start_with("taken 32 | free 992");
    heap.page_size = 512;
    assert_breaks_precisely("region 0 256 512");
}

/* walk-ends, block-size, block-tiling: what comes after such a header is not known, so nothing else is
 * reported. Taken or free, its size is judged in the same way. */

#define THREE "taken 32 | free 64 | taken 928"

static const struct {
    const char *name;
    const char *blocks;
    size_t offset;
    uint64_t size;
    const char *verdict;
} headers[] = {
    {"a block of size 0", THREE, 32, 0, "walk-ends 32 16 0"},
    {"a first block of size 0", THREE, 0, 0, "walk-ends 0 16 0"},
    {"a size of 1", THREE, 96, 1, "block-size 96 16 1"},
    {"a size of 8", THREE, 96, 8, "block-size 96 16 8"},
    {"a size of 15", THREE, 96, 15, "block-size 96 16 15"},
    {"a size of 17", THREE, 96, 17, "block-size 96 24 17"},
    {"a size of 23", THREE, 96, 23, "block-size 96 24 23"},
    {"a size of 25", THREE, 96, 25, "block-size 96 32 25"},
    {"a size of 28", THREE, 96, 28, "block-size 96 32 28"},
    {"a size of 2^63 - 1", THREE, 96, INT64_MAX, "block-size 96 -9223372036854775808 9223372036854775807"},
    {"a block that reaches 8 bytes past the end", THREE, 96, 936, "block-tiling 96 928 936"},
    {"a block of the region's size", THREE, 96, 1024, "block-tiling 96 928 1024"},
    {"a block of four regions", THREE, 96, 4096, "block-tiling 96 928 4096"},
    {"a block of 2^62 bytes", THREE, 96, UINT64_C(1) << 62, "block-tiling 96 928 4611686018427387904"},
    {"the largest block", THREE, 96, (UINT64_C(1) << 63) - 8, "block-tiling 96 928 9223372036854775800"},
    {"a last block of 8 bytes more", "taken 1008 | free 16", 1008, 24, "block-tiling 1008 16 24"},
};

TEST_EACH(an_impossible_header_is_named_with_its_size, headers) {
    start_with(row->blocks);
    header_write(row->offset, row->size);
    assert_breaks_precisely(row->verdict);
    header_write(row->offset, row->size | BLOCK_TAKEN);
    assert_breaks_precisely(row->verdict);
}

/* free-merged, taken-is-live, live-is-taken: the blocks there are, and those that are live. */
static const struct {
    const char *name;
    const char *blocks;
    const char *live;
    const char *verdict;
} disagreements[] = {
    {"two adjacent free blocks", "taken 32 | free 64 | free 928", "taken 32", "free-merged 96 992 928"},
    {"two adjacent free blocks at the start", "free 16 | free 24 | taken 984", "free 40 | taken 984",
     "free-merged 16 40 24"},
    {"the first pair of a longer run of free blocks",
     "free 16 | taken 16 | free 32 | free 48 | free 64 | taken 848",
     "free 16 | taken 16 | free 144 | taken 848", "free-merged 64 80 48"},
    {"a taken block that no one owns", "taken 32 | taken 48 | free 944", "taken 32", "taken-is-live 32 0 48"},
    {"a first taken block that no one owns", "taken 32 | free 16 | taken 976", "free 48 | taken 976",
     "taken-is-live 0 0 32"},
    {"a full heap that no one owns", "taken 1024", "", "taken-is-live 0 0 1024"},
    {"a live block that is free", "taken 32 | free 992", "taken 32 | taken 992", "live-is-taken 32 992 0"},
    {"a larger block", "taken 32 | taken 48 | free 944", "taken 32 | taken 40", "live-is-taken 32 40 48"},
    {"a smaller block", "taken 32 | taken 48 | free 944", "taken 32 | taken 56", "live-is-taken 32 56 48"},
    {"a live block in the middle of the last", "taken 32 | free 992", "taken 32 | free 976 | taken 16",
     "live-is-taken 1008 16 0"},
    {"live at the end", "taken 32 | free 992", "taken 32 | free 992 | taken 16", "live-is-taken 1024 16 0"},
    {"a live block 8 bytes past the end", "taken 32 | free 992", "taken 32 | free 1000 | taken 16",
     "live-is-taken 1032 16 0"},
    {"a live block far past the end", "taken 32 | free 992", "taken 32 | free 4064 | taken 16",
     "live-is-taken 4096 16 0"},
    {"a live block in front of the region", "taken 32 | free 992",
     "taken 32 | free 18446744073709551576 | taken 16", "live-is-taken -8 16 0"},
};

TEST_EACH(a_heap_that_is_not_what_is_live_is_named, disagreements) {
    start_with(row->blocks);
    expect_live(row->live);
    if (expected_heap.live_count == 0) {
        expected_heap.live = NULL;
    }
    assert_breaks_precisely(row->verdict);
}

/* Before a taken block, and before a free one. */
static const struct {
    const char *name;
} followed[] = {{"taken 32 | taken 48 | free 944"}, {"taken 32 | free 48 | taken 944"}};

TEST_EACH(live_is_taken_is_broken_by_a_live_block_in_the_middle_of_another, followed) {
    start_with(row->name);
    live[2] = live[1];
    live[1] = (struct live_block){.offset = 16, .size = 16};
    expected_heap.live_count = 3;
    assert_breaks_precisely("live-is-taken 16 16 0");
    assert_sound(ONLY(TAKEN_IS_LIVE));
}

TEST(counters_is_broken_by_a_wrong_count_of_taken_blocks_or_bytes) {
    start_with(THREE);
    heap.taken_count = 3;
    assert_breaks_precisely("counters 0 2 3");
    heap.taken_count = 1;
    assert_breaks_precisely("counters 0 2 1");
    heap.taken_count = 2;
    heap.taken_size = 968;
    assert_breaks_precisely("counters 0 960 968");
    heap.taken_size = 0;
    assert_breaks_precisely("counters 0 960 0");
    heap.taken_count = 0;
    assert_breaks_precisely("counters 0 2 0");
}

/* What is known without a walk. */

static struct verdict check_briefly(uint64_t mask) {
    return invariant_check_briefly(&heap, &expected_heap, 960, mask);
}

static const struct checker brief = {check_briefly, invariant_id, INVARIANT_ALL};

TEST(without_a_walk_the_region_and_the_counters_are_judged_and_no_header_is_read) {
    start_with(THREE);
    header_write(32, 0); /* impossible */
    assert_checked(&brief, INVARIANT_ALL, "sound");
    heap.taken_count = 3;
    assert_checked(&brief, INVARIANT_ALL, "counters 0 2 3");
    heap.page_count = 5;
    assert_checked(&brief, INVARIANT_ALL, "region 0 4 5");
    assert_checked(&brief, WITHOUT(REGION), "counters 0 2 3");
    assert_checked(&brief, WITHOUT(REGION) & WITHOUT(COUNTERS), "sound");
    heap.taken_count = 2;
    heap.taken_size = 952;
    assert_checked(&brief, ONLY(COUNTERS), "counters 0 960 952");
}

/* Several at once: the first in the order of the list at each block, and of the blocks, is the verdict. */

TEST(the_first_broken_invariant_is_the_verdict_and_masking_it_shows_the_next) {
    start_with("taken 32 | free 48 | free 64 | taken 80 | taken 32 | free 768");
    live[1].size = 72;    /* of "taken 80", at 144 */
    live[2].offset = 500; /* of "taken 32", at 224: no one's now, and one is missing from the last block */
    heap.taken_count = 7;
    heap.page_count = 5;
    uint64_t mask = INVARIANT_ALL;
    assert_verdict(mask, "region 0 4 5");
    mask &= WITHOUT(REGION);
    assert_verdict(mask, "free-merged 80 112 64");
    mask &= WITHOUT(FREE_MERGED);
    assert_verdict(mask, "live-is-taken 144 72 80");
    assert_verdict(mask & WITHOUT(TAKEN_IS_LIVE), "live-is-taken 144 72 80");
    live[1].size = 80;
    assert_verdict(mask, "taken-is-live 224 0 32");
    mask &= WITHOUT(TAKEN_IS_LIVE);
    assert_verdict(mask, "live-is-taken 500 32 0");
    mask &= WITHOUT(LIVE_IS_TAKEN);
    assert_verdict(mask, "counters 0 3 7");
    mask &= WITHOUT(COUNTERS);
    assert_sound(mask);
}

TEST(an_impossible_header_ends_the_walk_whatever_the_mask) {
    static const uint64_t impossible[] = {0, 28, 4096};
    for (size_t i = 0; i < LENGTH(impossible); i++) {
        start_with("taken 32 | free 64 | taken 928");
        header_write(32, impossible[i]);
        heap.taken_count = 100;
        assert_sound(ONLY(REGION) | ONLY(FREE_MERGED) | INVARIANT_AGREEMENT | ONLY(COUNTERS));
        assert_census(1, 1, 32);
    }
}

TEST(mask_bits_that_name_no_invariant_mean_nothing) {
    start_with("taken 32 | free 992");
    assert_sound(UINT64_MAX);
    assert_sound(~INVARIANT_ALL);
    heap.taken_count = 2;
    assert_verdict(UINT64_MAX, "counters 0 1 2");
    assert_sound(~INVARIANT_ALL);
}

TEST(a_wrong_region_is_never_walked) {
    start_with("taken 32 | free 992");
    heap.page_count = SIZE_MAX;
    heap.page_size = SIZE_MAX;
    heap.base = (unsigned char *)8;
    assert_verdict(INVARIANT_ALL, with("region 0 0 %" PRId64, 8 - (uintptr_t)expected_heap.base));
    assert_int_equal(census.block_count, 0);
    assert_sound(WITHOUT(REGION));
    assert_int_equal(census.block_count, 2);
}
