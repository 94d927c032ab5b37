/* Specification: under AddressSanitizer the bytes a caller asked for are accessible, and no others: headers,
 * slack and free payloads are poisoned after every kind of operation. */
#include "tests/unit/heap_fixture.h"

/* Exactly these bytes of the heap are accessible: "OFFSET+SIZE" for each payload, each followed by a blank.
 */
__attribute__((format(printf, 1, 2))) static void assert_accessible(const char *format, ...) {
    char expected[64];
    char found[1024] = "";
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    for (size_t offset = 0; offset < kmem_size(&heap); offset++) {
        const size_t first = offset;
        while (offset < kmem_size(&heap) && __asan_address_is_poisoned(at(offset)) == 0) {
            offset++;
        }
        if (offset != first) {
            assert_true(kmem_usable_size(&heap, at(first)) >= offset - first);
            assert_true(strlen(found) < sizeof found - 48);
            (void)snprintf(found + strlen(found), 48, "%zu+%zu ", first, offset - first);
        }
    }
    assert_string_equal(found, expected);
}

static void make_calls(const char *calls) {
    for (const char *item = calls; item != NULL; item = next_item(item)) {
        const struct heap_call call = heap_call_of(item);
        (void)heap_call_make(&call);
        assert_error(KMEM_OK);
    }
}

#define FOUR "alloc 20; alloc 20; alloc 20; alloc 20"

HEAP_TEST(a_new_heap_is_poisoned_and_its_surroundings_are_not) {
    assert_accessible("%s", "");
    assert_false(__asan_address_is_poisoned(heap.base - 1));
}

HEAP_TEST(growth_poisons_nothing_behind_its_pages) {
    start_growing_heap(HEAP_PAGE_LIMIT);
    assert_non_null(kmem_alloc(&heap, 12 * HEAP_PAGE_SIZE - 8));
    assert_int_equal(kmem_page_count(&heap), 12);
    assert_accessible("8+%zu ", 12 * HEAP_PAGE_SIZE - 8);
    assert_false(__asan_address_is_poisoned(at(kmem_size(&heap))));
}

HEAP_TEST(the_slack_of_a_payload_is_not_accessible_even_where_it_was_zeroed) {
    static const char *const calls[] = {"alloc %zu", "zalloc %zu", "calloc 1 %zu"};
    for (size_t i = 0; i < 64 * LENGTH(calls); i++) {
        char call[32];
        fresh_heap();
        (void)snprintf(call, sizeof call, calls[i / 64], 1 + i % 64);
        make_calls(call);
        assert_accessible("8+%zu ", 1 + i % 64);
        memset(at(8), 1, 1 + i % 64);
    }
}

/* What is called, and what may be touched then. */
static const struct {
    const char *name;
    const char *calls;
    const char *accessible;
} cases[] = {
    {"a remainder of 8 bytes is slack", "alloc 32; alloc 8; free 8; zalloc 20", "8+20 48+8 "},
    {"the gap in front of an aligned block is poisoned", "aligned 64 13", "64+13 "},
    {"payloads side by side are accessible", FOUR, "8+20 40+20 72+20 104+20 "},
    {"a freed payload is poisoned", FOUR "; free 72", "8+20 40+20 104+20 "},
    {"a second freed payload is poisoned", FOUR "; free 72; free 8", "40+20 104+20 "},
    {"a freed payload is poisoned when it merges", FOUR "; free 72; free 8; free 40", "104+20 "},
    {"a payload resized to nothing is poisoned", FOUR "; free 72; free 8; free 40; realloc 104 0", ""},
    {"a moved block is poisoned where it was", "alloc 20; alloc 8; realloc 8 50", "40+8 56+50 "},
    {"a block moved to the left is", "alloc 20; alloc 8; realloc 8 50; realloc 40 12", "8+12 56+50 "},
    {"one moved into its left neighbour is", "alloc 40; alloc 20; alloc 8; free 8; realloc 56 33",
     "8+33 88+8 "},
    {"a larger realloc to the same block follows the request", "alloc 17; realloc 8 24", "8+24 "},
    {"a smaller realloc to the same block does", "alloc 17; realloc 8 24; realloc 8 19", "8+19 "},
    {"new pages are poisoned but for the payload", "alloc 1000; alloc 300", "8+1000 1016+300 "},
    {"or an aligned one", "alloc 1000; alloc 300; free 1016; aligned 512 521", "8+1000 1536+521 "},
    {"a move that grows the heap exposes the new payload", "alloc 900; alloc 100; realloc 8 1001",
     "920+100 1032+1001 "},
};

TEST_EACH_WITH(what_was_asked_for_is_accessible_and_nothing_else, cases, growing_heap, NULL) {
    make_calls(row->calls);
    assert_accessible("%s", row->accessible);
    assert_false(__asan_address_is_poisoned(at(kmem_size(&heap))));
}

HEAP_TEST(realloc_in_place_exposes_the_new_size_and_nothing_else) {
    for (size_t old_size = 1; old_size <= 40; old_size++) {
        for (size_t new_size = 1; new_size <= 72; new_size++) {
            fresh_heap();
            assert_non_null(kmem_alloc(&heap, old_size));
            assert_ptr_equal(kmem_realloc(&heap, at(8), new_size), at(8));
            assert_accessible("8+%zu ", new_size);
        }
    }
}

HEAP_TEST(realloc_in_place_between_taken_blocks_exposes_the_new_size) {
    for (size_t new_size = 1; new_size <= 40; new_size++) {
        fresh_heap();
        make_calls("alloc 40; alloc 8");
        assert_ptr_equal(kmem_realloc(&heap, at(8), new_size), at(8));
        assert_accessible("8+%zu 56+8 ", new_size);
    }
}

HEAP_TEST(an_operation_that_fails_leaves_accessible_what_was) {
    assert_non_null(kmem_alloc(&heap, 20));
    assert_non_null(kmem_alloc(&heap, 13));
    assert_null(kmem_realloc(&heap, at(8), 1000));
    assert_null(kmem_realloc(&heap, at(8), SIZE_MAX));
    assert_null(kmem_realloc(&heap, at(16), 8));
    assert_null(kmem_alloc(&heap, 1000));
    assert_null(kmem_zalloc(&heap, 1000));
    assert_null(kmem_alloc_aligned(&heap, 1024, 8));
    assert_int_equal(kmem_free(&heap, at(48)), KMEM_INTERIOR_POINTER);
    assert_int_equal(kmem_free(&heap, at(1000)), KMEM_DOUBLE_FREE);
    assert_int_equal(kmem_coalesce(&heap), KMEM_OK);
    header_write(56, 0);
    assert_int_equal(kmem_free(&heap, at(40)), KMEM_CORRUPT);
    assert_null(kmem_realloc(&heap, at(40), 1));
    assert_null(kmem_realloc(&heap, at(8), 60));
    assert_accessible("%s", "8+20 40+13 ");
}

GROWING_HEAP_TEST(refused_pages_are_left_as_they_were) {
    page_source.refuses = true;
    assert_non_null(kmem_alloc(&heap, 1000));
    assert_null(kmem_alloc(&heap, 300));
    assert_null(kmem_realloc(&heap, at(8), 1200));
    assert_accessible("%s", "8+1000 ");
    assert_false(__asan_address_is_poisoned(at(1024)));
}
