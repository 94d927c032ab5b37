/* Specification: what a heap with a page source asks it for, when, and what it does with the answer.
 * The heap has 4 pages of 256 bytes at first and may have 16. */
#include "tests/unit/heap_fixture.h"

/* The source was asked once, for this many pages. */
static void assert_asked(size_t page_count) {
    assert_int_equal(page_source.call_count, 1);
    assert_int_equal(page_source.page_count, page_count);
    assert_ptr_equal(page_source.context, &page_source);
}

GROWING_CASES(a_full_heap_grows_by_the_pages_the_block_needs,
              {"taken 1024", "aligned 8 8", "at 1032 asks 1", "taken 1024 | taken 16 | free 240"},
              {"taken 1024", "aligned 8 232", "at 1032 asks 1", "taken 1024 | taken 240 | free 16"},
              {"taken 1024", "aligned 8 240", "at 1032 asks 1", "taken 1024 | taken 256"},
              {"taken 1024", "aligned 8 248", "at 1032 asks 1", "taken 1024 | taken 256"},
              {"taken 1024", "aligned 8 249", "at 1032 asks 2", "taken 1024 | taken 264 | free 248"},
              {"taken 1024", "aligned 8 504", "at 1032 asks 2", "taken 1024 | taken 512"})

GROWING_CASES(a_free_block_at_the_end_counts_towards_the_request,
              {"taken 960 | free 64", "aligned 8 57", "at 968 asks 1", "taken 960 | taken 72 | free 248"},
              {"taken 960 | free 64", "aligned 8 312", "at 968 asks 1", "taken 960 | taken 320"},
              {"taken 960 | free 64", "aligned 8 313", "at 968 asks 2", "taken 960 | taken 328 | free 248"},
              {"free 1024", "aligned 8 1017", "at 8 asks 1", "taken 1032 | free 248"})

GROWING_CASES(a_free_block_that_is_not_at_the_end_does_not_count,
              {"free 240 | taken 784", "aligned 8 248", "at 1032 asks 1", "free 240 | taken 784 | taken 256"},
              {"taken 16 | free 240 | taken 768", "aligned 8 249", "at 1032 asks 2",
               "taken 16 | free 240 | taken 768 | taken 264 | free 248"})

GROWING_CASES(
    growth_for_an_aligned_request_counts_the_gap,
    {"taken 1024", "aligned 256 8", "at 1280 asks 2", "taken 1024 | free 248 | taken 16 | free 248"},
    {"taken 1024", "aligned 16 224", "at 1056 asks 1", "taken 1024 | free 24 | taken 232"},
    {"taken 1024", "aligned 16 225", "at 1056 asks 2", "taken 1024 | free 24 | taken 240 | free 248"},
    {"taken 992 | free 32", "aligned 16 100", "at 1024 asks 1", "taken 992 | free 24 | taken 112 | free 152"},
    {"taken 1008 | free 16", "aligned 512 8", "at 1536 asks 3",
     "taken 1008 | free 520 | taken 16 | free 248"},
    {"taken 1024", "aligned 2048 8", "at 2048 asks 5", "taken 1024 | free 1016 | taken 16 | free 248"})

GROWING_HEAP_TEST(a_grown_heap_serves_from_what_the_last_page_left_over) {
    lay_out("taken 1024");
    assert_ptr_equal(kmem_alloc(&heap, 8), at(1032));
    assert_ptr_equal(kmem_alloc(&heap, 232), at(1048));
    assert_asked(1);
    assert_ptr_equal(kmem_alloc(&heap, 8), at(1288));
    assert_int_equal(page_source.call_count, 2);
    assert_blocks("taken 1024 | taken 16 | taken 240 | taken 16 | free 240");
    assert_int_equal(kmem_free(&heap, at(1048)), KMEM_OK);
    assert_int_equal(kmem_free(&heap, at(1288)), KMEM_OK);
    assert_blocks("taken 1024 | taken 16 | free 496");
}

GROWING_HEAP_TEST(zalloc_zeroes_pages_that_are_new) {
    lay_out("taken 1024");
    assert_ptr_equal(kmem_zalloc(&heap, 241), at(1032));
    assert_asked(1);
    assert_all_bytes(at(1032), 248, 0);
    growing_heap();
    lay_out("taken 1024");
    assert_ptr_equal(kmem_calloc(&heap, 31, 8), at(1032));
    assert_asked(1);
    assert_all_bytes(at(1032), 248, 0);
}

GROWING_HEAP_TEST(the_source_is_not_asked_while_something_fits) {
    lay_out("free 32 | taken 944 | free 48");
    assert_non_null(kmem_alloc(&heap, 33));
    assert_non_null(kmem_alloc(&heap, 24));
    assert_blocks("taken 32 | taken 944 | taken 48");
    assert_int_equal(page_source.call_count, 0);
}

static const struct {
    const char *name; /* the call */
    size_t asked;     /* pages */
} refused[] = {{"aligned 8 250", 1},
               {"aligned 16 250", 1},
               {"aligned 64 250", 1},
               {"zalloc 300", 2},
               {"realloc 8 300", 2}};

TEST_EACH_WITH(a_refusal_is_exhausted_and_changes_nothing, refused, growing_heap, NULL) {
    struct snapshot before;
    lay_out("taken 32 | taken 960 | free 32");
    pattern_write(at(8), 24, 1);
    snapshot_take(&before);
    page_source.refuses = true;
    const struct heap_call call = heap_call_of(row->name);
    assert_null(heap_call_make(&call));
    assert_error(KMEM_EXHAUSTED);
    assert_asked(row->asked);
    assert_unchanged(&before);
}

GROWING_HEAP_TEST(a_source_that_refused_is_asked_again_by_the_next_request) {
    lay_out("taken 1024");
    page_source.refuses = true;
    assert_null(kmem_alloc(&heap, 8));
    page_source.refuses = false;
    assert_ptr_equal(kmem_alloc(&heap, 8), at(1032));
    assert_int_equal(page_source.call_count, 2);
}

static void assert_not_asked(size_t alignment, size_t size) {
    struct snapshot before;
    snapshot_take(&before);
    heap.error = KMEM_OK;
    assert_null(kmem_alloc_aligned(&heap, alignment, size));
    assert_error(KMEM_EXHAUSTED);
    assert_int_equal(page_source.call_count, 0);
    assert_unchanged(&before);
}

GROWING_CASES(the_heap_grows_to_its_page_limit_and_no_further,
              {"taken 1024", "aligned 8 3064", "at 1032 asks 12", "taken 1024 | taken 3072"},
              {"taken 960 | free 64", "aligned 8 3128", "at 968 asks 12", "taken 960 | taken 3136"},
              {"taken 1024", "aligned 2048 2048", "at 2048 asks 12", "taken 1024 | free 1016 | taken 2056"},
              {"taken 1024", "aligned 16 3040", "at 1056 asks 12", "taken 1024 | free 24 | taken 3048"},
              {"taken 1024", "aligned 8 3065", "exhausted", NULL},
              {"taken 960 | free 64", "aligned 8 3129", "exhausted", NULL},
              {"taken 1024", "aligned 2048 2049", "exhausted", NULL},
              {"taken 1024", "aligned 16 3041", "exhausted", NULL})

GROWING_HEAP_TEST(a_heap_at_its_page_limit_does_not_ask_again) {
    lay_out("taken 1024");
    assert_non_null(kmem_alloc(&heap, 3064));
    assert_null(kmem_alloc(&heap, 3041));
    assert_int_equal(page_source.call_count, 1);
}

GROWING_HEAP_TEST(a_heap_at_its_page_limit_or_above_never_asks) {
    for (size_t page_limit = 0; page_limit <= HEAP_PAGE_COUNT; page_limit++) {
        start_growing_heap(page_limit);
        lay_out("taken 960 | free 64");
        assert_not_asked(8, 57);
        assert_not_asked(16, 8192);
    }
    start_growing_heap(HEAP_PAGE_COUNT + 1);
    lay_out("taken 960 | free 64");
    assert_not_asked(8, 313);
    assert_non_null(kmem_alloc(&heap, 312));
    assert_asked(1);
}

GROWING_HEAP_TEST(a_source_without_extend_is_never_asked) {
    heap.source.extend = NULL;
    lay_out("taken 1024");
    assert_not_asked(8, 8);
}

GROWING_HEAP_TEST(impossible_requests_never_ask) {
    lay_out("taken 960 | free 64");
    for (size_t k = 0; k <= 40; k++) {
        assert_not_asked(8, SIZE_MAX - k);
        assert_not_asked(64, SIZE_MAX - k);
        assert_not_asked(8, TWO_TO_THE_63 - k);
        assert_not_asked(8, TWO_TO_THE_63 + k);
    }
    assert_not_asked(4096, 8);
    assert_not_asked(TWO_TO_THE_63, 8);
    assert_not_asked(TWO_TO_THE_63, SIZE_MAX - 40);
    assert_null(kmem_alloc_aligned(&heap, 48, 2000));
    assert_error(KMEM_BAD_ALIGNMENT);
    assert_int_equal(page_source.call_count, 0);
}

/* A limit beyond the address space is no licence to wrap it, nor to pass the 63 bits a header has for a size:
 * the source may be asked for much, but never for more. */
GROWING_HEAP_TEST(a_limit_beyond_what_a_region_can_have_is_no_limit_at_all) {
    static const size_t limits[] = {SIZE_MAX, SIZE_MAX / HEAP_PAGE_SIZE, TWO_TO_THE_63 / HEAP_PAGE_SIZE};
    const size_t most = TWO_TO_THE_63 - HEAP_PAGE_SIZE - HEAP_SIZE; /* bytes the heap could still grow by */
    for (size_t i = 0; i < LENGTH(limits); i++) {
        start_growing_heap(limits[i]);
        lay_out("taken 1024");
        for (size_t k = 0; k <= 40; k++) {
            assert_not_asked(8, SIZE_MAX - k);
            assert_not_asked(8, SIZE_MAX - HEAP_SIZE - HEAP_PAGE_SIZE - k);
            assert_not_asked(16, SIZE_MAX - (uintptr_t)heap.base - HEAP_SIZE - k);
            assert_not_asked(8, most - 8 + 1 + k);
        }
        page_source.refuses = true;
        assert_null(kmem_alloc(&heap, most - 8));
        assert_error(KMEM_EXHAUSTED);
        assert_asked(most / HEAP_PAGE_SIZE);
    }
}

/* The second block moves into its right neighbour, and the third moves to after itself:
 *
 *     taken, to be moved | free, at the end |   ->   free | taken, begins where the free block began ... */
GROWING_CASES(a_move_may_grow_the_heap,
              {"taken 960 | taken 32 | free 32", "realloc 8 1000", "at 1000 asks 4",
               "free 960 | taken 32 | taken 1008 | free 48"},
              {"taken 16 | taken 976 | free 32", "realloc 24 1010", "at 1000 asks 4",
               "taken 16 | free 976 | taken 1024 | free 32"},
              {"free 16 | taken 1008", "realloc 24 1001", "at 1032 asks 4", "free 1024 | taken 1024"})

GROWING_CASES(realloc_in_place_does_not_ask, {"taken 960 | free 64", "realloc 8 1016", "at 8", "taken 1024"},
              {"taken 1024", "realloc 8 8", "at 8", "taken 16 | free 1008"})
