/* Specification: kmem_init, the questions a heap answers, the names of errors and the printed block table.
 * What allocates, frees, reallocates, grows, and meets corruption has files of its own beside this one. */
#include "tests/unit/heap_fixture.h"

HEAP_TEST(a_new_heap_knows_its_region_and_is_one_free_block_over_dirty_memory) {
    assert_blocks("free 1024");
    assert_error(KMEM_OK);
    assert_all_bytes(at(8), HEAP_SIZE - 8, DIRT);
    assert_ptr_equal(kmem_head(&heap), arena_base_for(HEAP_SIZE));
    assert_int_equal(kmem_page_count(&heap), 4);
    assert_int_equal(kmem_size(&heap), 1024);
}

HEAP_TEST(every_power_of_two_from_16_is_a_page_size) {
    for (size_t page_size = 16; page_size <= 4096; page_size *= 2) {
        for (size_t page_count = 1; page_count <= 2; page_count++) {
            unsigned char *const base = arena_base_for(page_size * page_count);
            arena_prepare();
            assert_int_equal(kmem_init(&heap, base, page_count, page_size, NULL), KMEM_OK);
            assert_int_equal(kmem_size(&heap), page_size * page_count);
            assert_int_equal(block_read(heap.base).size, page_size * page_count);
            assert_false(block_read(heap.base).taken);
            assert_int_equal(kmem_page_count(&heap), page_count);
        }
    }
}

HEAP_TEST(a_base_need_only_be_8_aligned) {
    arena_prepare();
    assert_int_equal(kmem_init(&heap, arena_base_for(HEAP_SIZE + 8), 4, 256, NULL), KMEM_OK);
    assert_blocks("free 1024");
    assert_ptr_equal(kmem_alloc_aligned(&heap, 16, 8), at(8));
    assert_int_equal((uintptr_t)at(8) % 16, 0);
}

/* The region is refused, and not one byte of it is written. */
static void assert_bad_region(void *base, size_t page_count, size_t page_size) {
    arena_prepare();
    memset(&heap, 0x5a, sizeof heap);
    assert_int_equal(kmem_init(&heap, base, page_count, page_size, NULL), KMEM_BAD_REGION);
    assert_error(KMEM_BAD_REGION);
    assert_all_bytes(arena, ARENA_SIZE, DIRT);
}

HEAP_TEST(no_pages_or_a_base_that_is_null_or_not_8_aligned_are_a_bad_region) {
    assert_bad_region(arena, 0, 256);
    assert_bad_region(NULL, 1, 256);
    for (size_t k = 1; k < 8; k++) {
        assert_bad_region(arena + k, 1, 256);
    }
}

HEAP_TEST(a_page_size_under_16_or_no_power_of_two_is_a_bad_region) {
    static const size_t page_sizes[] = {0,       1, 2, 4, 8, 15, 17, 24, 48, 255, 257, TWO_TO_THE_63 + 16,
                                        SIZE_MAX};
    for (size_t i = 0; i < LENGTH(page_sizes); i++) {
        assert_bad_region(arena, 1, page_sizes[i]);
    }
}

HEAP_TEST(a_region_that_wraps_the_address_space_is_a_bad_region) {
    assert_bad_region(arena, SIZE_MAX, 256);
    assert_bad_region(arena, SIZE_MAX / 256, 256);
    assert_bad_region(arena, SIZE_MAX / 256 + 1, 256);
    assert_bad_region(arena, SIZE_MAX / 256 + 2, 256);
    assert_bad_region(arena, (SIZE_MAX - (uintptr_t)arena) / 256 + 1, 256);
    assert_bad_region(arena, 2, TWO_TO_THE_63);
    assert_bad_region(arena, SIZE_MAX, TWO_TO_THE_63);
    assert_bad_region((void *)(UINTPTR_MAX - 255), 1, 256);
    assert_bad_region((void *)(UINTPTR_MAX - 511), 2, 256);
    assert_bad_region((void *)(UINTPTR_MAX - 7), 1, 16);
}

/* A header has 63 bits for the size. */
HEAP_TEST(a_region_of_2_to_the_63_bytes_or_more_is_a_bad_region) {
    assert_bad_region(arena, 1, TWO_TO_THE_63);
    assert_bad_region(arena, 2, TWO_TO_THE_63 / 2);
    assert_bad_region(arena, 3, TWO_TO_THE_63 / 2);
    assert_bad_region(arena, TWO_TO_THE_63 / 256, 256);
    assert_bad_region(arena, TWO_TO_THE_63 / 256 + 1, 256);
}

/* Nothing but the first header of a new heap is written, so the memory need not be there. A sanitizer would
 * poison it all. */
HEAP_TEST(the_largest_region_is_a_page_less_than_2_to_the_63_bytes) {
    if (__asan_address_is_poisoned != NULL) {
        SKIP("AddressSanitizer would poison all of this region");
    }
    arena_prepare();
    assert_int_equal(kmem_init(&heap, arena, TWO_TO_THE_63 / 256 - 1, 256, NULL), KMEM_OK);
    assert_int_equal(kmem_size(&heap), TWO_TO_THE_63 - 256);
    assert_int_equal(block_read(arena).size, TWO_TO_THE_63 - 256);
    assert_false(block_read(arena).taken);
    assert_ptr_equal(kmem_alloc(&heap, 8), arena + 8);
    assert_null(kmem_alloc(&heap, TWO_TO_THE_63 - 256));
    assert_error(KMEM_EXHAUSTED);
}

HEAP_TEST(a_heap_may_be_started_again) {
    assert_non_null(kmem_alloc(&heap, 100));
    assert_null(kmem_alloc(&heap, 2000));
    fresh_heap();
    assert_error(KMEM_OK);
    assert_blocks("free 1024");
}

HEAP_TEST(the_source_is_copied) {
    struct kmem_page_source source = {.extend = extend, .context = &source, .page_limit = 16};
    start_growing_heap(16);
    assert_int_equal(kmem_init(&heap, heap.base, 4, 256, &source), KMEM_OK);
    source = (struct kmem_page_source){.extend = NULL, .context = NULL, .page_limit = 0};
    lay_out("taken 1024");
    assert_ptr_equal(kmem_alloc(&heap, 8), at(1032));
    assert_ptr_equal(page_source.context, &source);
}

HEAP_TEST(two_heaps_share_nothing) {
    struct kmem other;
    assert_int_equal(kmem_init(&other, arena, 2, 256, NULL), KMEM_OK);
    const void *const payload = kmem_alloc(&other, 500);
    assert_ptr_equal(payload, arena + 8);
    assert_null(kmem_alloc(&other, 8));
    assert_error(KMEM_OK);
    assert_int_equal(kmem_last_error(&other), KMEM_EXHAUSTED);
    assert_int_equal(kmem_usable_size(&heap, payload), 0);
    assert_ptr_equal(kmem_alloc(&heap, 8), at(8));
    assert_int_equal(kmem_last_error(&other), KMEM_EXHAUSTED);
}

HEAP_TEST(every_operation_that_can_fail_renews_the_last_error) {
    void *const payload = kmem_alloc(&heap, 8);
    assert_null(kmem_alloc_aligned(&heap, 3, 8));
    assert_error(KMEM_BAD_ALIGNMENT);
    assert_null(kmem_alloc(&heap, 1024));
    assert_error(KMEM_EXHAUSTED);
    assert_ptr_equal(kmem_realloc(&heap, payload, 64), payload);
    assert_error(KMEM_OK);
    assert_int_equal(kmem_free(&heap, at(16)), KMEM_INTERIOR_POINTER);
    assert_error(KMEM_INTERIOR_POINTER);
    assert_int_equal(kmem_free(&heap, payload), KMEM_OK);
    assert_error(KMEM_OK);
    assert_int_equal(kmem_free(&heap, payload), KMEM_DOUBLE_FREE);
    assert_int_equal(kmem_coalesce(&heap), KMEM_OK);
    assert_error(KMEM_OK);
}

HEAP_TEST(every_error_has_a_name_of_its_own_and_what_is_none_is_unknown) {
    ASSERT_NAMES(kmem_error_name, "ok exhausted bad-alignment bad-region foreign-pointer misaligned-pointer "
                                  "interior-pointer double-free corrupt corrupt-pages");
    assert_string_equal(kmem_error_name((enum kmem_error)15), "unknown");
}

static char printed[2048];

static void collect(void *context, const char *text) {
    assert_ptr_equal(context, printed);
    assert_true(strlen(printed) + strlen(text) < sizeof printed);
    strcat(printed, text);
}

static const char *print_heap(void) {
    printed[0] = '\0';
    kmem_print(&heap, collect, printed);
    return printed;
}

/* What was printed; in what is expected, "@OFFSET" stands for an address. */
static void assert_printed(const char *expected) {
    char text[sizeof printed] = "";
    while (*expected != '\0') {
        size_t offset;
        int length = 0;
        if (sscanf(expected, "@%zu%n", &offset, &length) == 1) {
            (void)snprintf(strchr(text, '\0'), 32, "0x%" PRIxPTR, (uintptr_t)at(offset));
        } else {
            length = (int)strspn(expected, "@") + (int)strcspn(expected + strspn(expected, "@"), "@");
            strncat(text, expected, (size_t)length);
        }
        expected += length;
    }
    assert_string_equal(printed, text);
}

static const struct {
    const char *name; /* the heap */
    const char *printed;
} tables[] = {
    {"taken 32 | free 64 | taken 160 | free 768",
     "@0  size 0x20  taken\n@32  size 0x40  free\n@96  size 0xa0  taken\n@256  size 0x300  free\n"
     "pages 0x4  taken bytes 0xc0  free bytes 0x340\n"},
    {"free 1024", "@0  size 0x400  free\npages 0x4  taken bytes 0x0  free bytes 0x400\n"},
    {"taken 1024", "@0  size 0x400  taken\npages 0x4  taken bytes 0x400  free bytes 0x0\n"},
};

TEST_EACH_WITH(the_block_table_has_a_line_for_each_block_and_one_of_totals, tables, fresh_heap, NULL) {
    struct snapshot before;
    lay_out(row->name);
    snapshot_take(&before);
    (void)print_heap();
    assert_printed(row->printed);
    assert_unchanged(&before);
}

/* Frees a block once the first line is out: the block after it is then part of another. */
static void collect_and_free(void *context, const char *text) {
    collect(context, text);
    if (strchr(text, '\n') != NULL) {
        (void)kmem_free(&heap, at(104)); /* done once, and refused from then on */
    }
}

HEAP_TEST(what_prints_may_use_the_heap_and_each_line_is_true_when_its_block_is_looked_at) {
    lay_out("taken 32 | free 64 | taken 160 | free 768");
    printed[0] = '\0';
    kmem_print(&heap, collect_and_free, printed);
    assert_printed("@0  size 0x20  taken\n@32  size 0x3e0  free\n"
                   "pages 0x4  taken bytes 0x20  free bytes 0x3e0\n");
}

static void write_lock(void) {
    strcat(printed, "(");
}

static void write_unlock(void) {
    strcat(printed, ")");
}

HEAP_TEST(print_shared_prints_nothing_between_lock_and_unlock) {
    printed[0] = '\0';
    kmem_print_shared(&heap, write_lock, write_unlock, collect, printed);
    assert_printed("()@0  size 0x400  free\n()pages 0x4  taken bytes 0x0  free bytes 0x400\n");
}

HEAP_TEST(printing_stops_at_an_impossible_header_and_says_so) {
    static const uint64_t headers[] = {0, BLOCK_TAKEN, 15, 28, 1000, UINT64_MAX};
    for (size_t i = 0; i < LENGTH(headers); i++) {
        char expected[256];
        lay_out("free 32 | taken 992");
        header_write(32, headers[i]);
        heap.error = KMEM_EXHAUSTED;
        (void)snprintf(expected, sizeof expected,
                       "@0  size 0x20  free\n@32  size 0x%" PRIx64 "  %s\n"
                       "corrupt: no block can have this size here\n",
                       headers[i] & ~BLOCK_TAKEN, (headers[i] & BLOCK_TAKEN) != 0 ? "taken" : "free");
        (void)print_heap();
        assert_printed(expected);
        assert_error(KMEM_EXHAUSTED);
    }
}

HEAP_TEST(every_hexadecimal_digit_is_printed_as_itself) {
    header_write(0, UINT64_C(0x123456789abcdef));
    assert_non_null(strstr(print_heap(), "  size 0x123456789abcdef  free\n"));
    header_write(0, UINT64_C(0x7edcba9876543210));
    assert_non_null(strstr(print_heap(), "  size 0x7edcba9876543210  free\n"));
}
