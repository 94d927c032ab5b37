/* Specification: kmem_alloc, kmem_zalloc, kmem_calloc and kmem_alloc_aligned on a heap that does not grow. */
#include "tests/unit/heap_fixture.h"

/* Sizes and placement. */

HEAP_TEST(a_request_takes_a_block_of_8_bytes_more_rounded_up_to_8_and_at_least_16) {
    for (size_t size = 1; size <= HEAP_SIZE - 8; size++) {
        fresh_heap();
        const size_t need = block_size_needed(size);
        char expected[64];
        if (HEAP_SIZE - need >= 16) {
            (void)snprintf(expected, sizeof expected, "taken %zu | free %zu", need, HEAP_SIZE - need);
        } else {
            (void)snprintf(expected, sizeof expected, "taken %zu", HEAP_SIZE);
        }
        assert_ptr_equal(kmem_alloc(&heap, size), at(8));
        assert_error(KMEM_OK);
        assert_blocks(expected);
    }
}

CASES(a_request_of_0_bytes_is_null_and_no_error, {"free 1024", "alloc 0", "ok", NULL},
      {"free 1024", "zalloc 0", "ok", NULL}, {"free 1024", "aligned 64 0", "ok", NULL},
      {"free 1024", "realloc null 0", "ok", NULL})

CASES(the_lowest_free_block_that_is_large_enough_is_taken,
      {"free 32 | taken 16 | free 80 | taken 16 | free 48 | taken 832", "alloc 25", "at 56",
       "free 32 | taken 16 | taken 40 | free 40 | taken 16 | free 48 | taken 832"},
      {"free 32 | taken 16 | taken 40 | free 40 | taken 16 | free 48 | taken 832", "alloc 33", "at 152",
       "free 32 | taken 16 | taken 40 | free 40 | taken 16 | taken 48 | taken 832"},
      {"free 32 | taken 16 | taken 40 | free 40 | taken 16 | taken 48 | taken 832", "alloc 24", "at 8",
       "taken 32 | taken 16 | taken 40 | free 40 | taken 16 | taken 48 | taken 832"},
      {"taken 32 | taken 16 | taken 40 | free 40 | taken 16 | taken 48 | taken 832", "alloc 1", "at 96",
       "taken 32 | taken 16 | taken 40 | taken 16 | free 24 | taken 16 | taken 48 | taken 832"})

CASES(the_first_fit_is_preferred_to_a_better_fit,
      {"free 64 | taken 16 | free 16 | taken 928", "alloc 8", "at 8",
       "taken 16 | free 48 | taken 16 | free 16 | taken 928"})

CASES(a_free_block_of_exactly_the_size_is_taken_whole_and_one_of_8_bytes_less_is_passed_over,
      {"free 40 | taken 984", "alloc 32", "at 8", "taken 40 | taken 984"},
      {"free 32 | taken 16 | free 976", "alloc 32", "at 56", "free 32 | taken 16 | taken 40 | free 936"})

CASES(a_remainder_of_8_bytes_stays_with_the_block_and_one_of_16_becomes_a_free_block,
      {"free 40 | taken 984", "alloc 24", "at 8", "taken 40 | taken 984"},
      {"free 40 | taken 984", "alloc 16", "at 8", "taken 24 | free 16 | taken 984"})

HEAP_TEST(an_allocation_writes_headers_only) {
    assert_non_null(kmem_alloc(&heap, 24));
    assert_all_bytes(at(8), 24, DIRT);
    assert_all_bytes(at(40), HEAP_SIZE - 40, DIRT);
}

HEAP_TEST(the_whole_heap_can_be_taken_in_smallest_blocks) {
    struct snapshot before;
    for (size_t offset = 8; offset < HEAP_SIZE; offset += 16) {
        assert_ptr_equal(kmem_alloc(&heap, 8), at(offset));
    }
    snapshot_take(&before);
    assert_null(kmem_alloc(&heap, 1));
    assert_error(KMEM_EXHAUSTED);
    assert_unchanged(&before);
}

CASES(a_request_that_fits_nowhere_is_exhausted_and_changes_nothing,
      {"free 32 | taken 16 | free 48 | taken 16 | free 48 | taken 864", "alloc 41", "exhausted", NULL},
      {"free 1024", "alloc 1017", "exhausted", NULL}, {"free 1024", "zalloc 1017", "exhausted", NULL},
      {"free 1024", "alloc 1016", "at 8", "taken 1024"})

static void assert_size_is_exhausted(size_t size) {
    static const char *const ways[] = {"alloc %zu",      "zalloc %zu",       "calloc 1 %zu",
                                       "aligned 64 %zu", "realloc null %zu", "realloc 8 %zu"};
    struct snapshot before;
    snapshot_take(&before);
    for (size_t i = 0; i < LENGTH(ways); i++) {
        char text[48];
        (void)snprintf(text, sizeof text, ways[i], size);
        const struct heap_call call = heap_call_of(text);
        heap.error = KMEM_OK;
        assert_null(heap_call_make(&call));
        assert_error(KMEM_EXHAUSTED);
        assert_unchanged(&before);
    }
}

HEAP_TEST(sizes_at_the_arithmetic_edges_are_exhausted) {
    lay_out("taken 16 | free 1008");
    for (size_t k = 0; k <= 40; k++) {
        assert_size_is_exhausted(SIZE_MAX - k);
        assert_size_is_exhausted(TWO_TO_THE_63 - k);
        assert_size_is_exhausted(TWO_TO_THE_63 + k);
        assert_size_is_exhausted(HEAP_SIZE + k);
    }
}

HEAP_TEST(zalloc_zeroes_the_whole_usable_size_and_no_byte_more) {
    for (size_t size = 1; size <= HEAP_SIZE - 8; size++) {
        fresh_heap();
        assert_ptr_equal(kmem_zalloc(&heap, size), at(8));
        assert_error(KMEM_OK);
        const size_t usable_size = kmem_usable_size(&heap, at(8));
        const size_t need = block_size_needed(size);
        assert_all_bytes(at(8), usable_size, 0);
        if (need < HEAP_SIZE - 8) {
            assert_int_equal(usable_size, need - 8);
            assert_all_bytes(at(need + 8), HEAP_SIZE - need - 8, DIRT);
        }
    }
}

HEAP_TEST(zalloc_zeroes_the_remainder_that_stays_with_the_block) {
    lay_out("free 40 | taken 984");
    assert_ptr_equal(kmem_zalloc(&heap, 17), at(8));
    assert_blocks("taken 40 | taken 984");
    assert_all_bytes(at(8), 32, 0);
    assert_all_bytes(at(48), 976, DIRT);
}

HEAP_TEST(calloc_zeroes_room_for_the_product) {
    assert_ptr_equal(kmem_calloc(&heap, 3, 5), at(8));
    assert_blocks("taken 24 | free 1000");
    assert_all_bytes(at(8), 16, 0);
    assert_ptr_equal(kmem_calloc(&heap, 17, 1), at(32));
    assert_ptr_equal(kmem_calloc(&heap, 1, 17), at(64));
    assert_blocks("taken 24 | taken 32 | taken 32 | free 936");
    assert_ptr_equal(kmem_calloc(&heap, 116, 8), at(96));
    assert_blocks("taken 24 | taken 32 | taken 32 | taken 936");
}

/* The factors in either order are answered with this, and nothing changes. */
static void assert_product(size_t first, size_t second, enum kmem_error expected) {
    struct snapshot before;
    snapshot_take(&before);
    for (int i = 0; i < 2; i++) {
        heap.error = KMEM_BAD_REGION;
        assert_null(i == 0 ? kmem_calloc(&heap, first, second) : kmem_calloc(&heap, second, first));
        assert_error(expected);
    }
    assert_unchanged(&before);
}

HEAP_TEST(a_zero_product_is_null_and_no_error) {
    assert_product(0, 0, KMEM_OK);
    assert_product(0, 1, KMEM_OK);
    assert_product(0, 8, KMEM_OK);
    assert_product(0, SIZE_MAX, KMEM_OK);
}

/* Every product here but the last two wraps to one that the heap could serve, 0 included. */
HEAP_TEST(a_product_that_wraps_or_is_too_large_is_exhausted) {
    static const size_t factors[][2] = {{SIZE_MAX / 8 + 1, 8},
                                        {SIZE_MAX / 8 + 2, 8},
                                        {TWO_TO_THE_63, 2},
                                        {TWO_TO_THE_63 + 4, 2},
                                        {SIZE_MAX / 3 + 1, 3},
                                        {SIZE_MAX / 5 + 2, 5},
                                        {(size_t)1 << 32, (size_t)1 << 32},
                                        {SIZE_MAX, SIZE_MAX},
                                        {SIZE_MAX / 3, 3},
                                        {SIZE_MAX, 1}};
    for (size_t i = 0; i < LENGTH(factors); i++) {
        assert_true(i >= 8 || factors[i][0] * factors[i][1] < HEAP_SIZE - 8);
        assert_product(factors[i][0], factors[i][1], KMEM_EXHAUSTED);
    }
}

CASES(alignments_up_to_8_are_those_of_alloc,
      {"taken 16 | free 1008", "aligned 1 9", "at 24", "taken 16 | taken 24 | free 984"},
      {"taken 16 | free 1008", "aligned 2 9", "at 24", "taken 16 | taken 24 | free 984"},
      {"taken 16 | free 1008", "aligned 4 9", "at 24", "taken 16 | taken 24 | free 984"},
      {"taken 16 | free 1008", "aligned 8 9", "at 24", "taken 16 | taken 24 | free 984"})

HEAP_TEST(an_alignment_that_is_no_power_of_two_is_refused_before_the_size_is_looked_at) {
    static const size_t alignments[] = {
        0,       3, 5, 6, 7, 9, 12, 24, 63, 65, 96, TWO_TO_THE_63 - 1, TWO_TO_THE_63 + 1, TWO_TO_THE_63 + 8,
        SIZE_MAX};
    static const size_t sizes[] = {0, 1, 64, HEAP_SIZE, SIZE_MAX};
    struct snapshot before;
    snapshot_take(&before);
    for (size_t i = 0; i < LENGTH(alignments); i++) {
        for (size_t j = 0; j < LENGTH(sizes); j++) {
            heap.error = KMEM_OK;
            assert_null(kmem_alloc_aligned(&heap, alignments[i], sizes[j]));
            assert_error(KMEM_BAD_ALIGNMENT);
        }
    }
    assert_unchanged(&before);
}

CASES(the_gap_in_front_of_an_aligned_block_is_nothing_or_a_free_block,
      {"taken 24 | free 1000", "aligned 16 8", "at 32", "taken 24 | taken 16 | free 984"},
      {"taken 24 | free 1000", "aligned 32 8", "at 32", "taken 24 | taken 16 | free 984"},
      {"taken 40 | free 984", "aligned 32 8", "at 64", "taken 40 | free 16 | taken 16 | free 952"},
      {"taken 32 | free 992", "aligned 32 8", "at 64", "taken 32 | free 24 | taken 16 | free 952"},
      {"free 1024", "aligned 64 100", "at 64", "free 56 | taken 112 | free 856"})

CASES(a_gap_of_8_bytes_becomes_8_and_the_alignment,
      {"free 1024", "aligned 16 8", "at 32", "free 24 | taken 16 | free 984"},
      {"taken 16 | free 1008", "aligned 32 8", "at 64", "taken 16 | free 40 | taken 16 | free 952"},
      {"taken 48 | free 976", "aligned 64 8", "at 128", "taken 48 | free 72 | taken 16 | free 888"})

CASES(an_aligned_block_is_cut_like_any_other_behind_its_gap,
      {"free 40 | taken 984", "aligned 16 8", "at 32", "free 24 | taken 16 | taken 984"},
      {"free 48 | taken 976", "aligned 16 8", "at 32", "free 24 | taken 24 | taken 976"},
      {"free 56 | taken 968", "aligned 16 8", "at 32", "free 24 | taken 16 | free 16 | taken 968"},
      {"free 1024", "aligned 512 512", "at 512", "free 504 | taken 520"},
      {"free 1024", "aligned 512 504", "at 512", "free 504 | taken 520"},
      {"free 1024", "aligned 512 496", "at 512", "free 504 | taken 504 | free 16"})

CASES(a_free_block_without_room_behind_the_gap_is_passed_over,
      {"free 32 | taken 16 | free 976", "aligned 16 8", "at 80",
       "free 32 | taken 16 | free 24 | taken 16 | free 936"},
      {"free 64 | taken 16 | free 944", "aligned 512 8", "at 512",
       "free 64 | taken 16 | free 424 | taken 16 | free 504"},
      {"free 16 | taken 24 | free 984", "aligned 16 8", "at 48", "free 16 | taken 24 | taken 16 | free 968"},
      {"free 1024", "aligned 512 513", "exhausted", "free 1024"},
      {"free 32 | taken 992", "aligned 16 8", "exhausted", "free 32 | taken 992"})

/* The base is a multiple of 1024 and the end a multiple of 4096, so no payload is a multiple of 1024. */
HEAP_TEST(an_alignment_no_payload_can_have_is_exhausted) {
    struct snapshot before;
    snapshot_take(&before);
    for (size_t alignment = 1024; alignment != 0; alignment *= 2) {
        heap.error = KMEM_OK;
        assert_null(kmem_alloc_aligned(&heap, alignment, 8));
        assert_error(KMEM_EXHAUSTED);
    }
    assert_unchanged(&before);
}
