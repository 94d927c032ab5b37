/* Specification: under AddressSanitizer the bytes a caller asked for are accessible, and no others: headers,
 * slack and free payloads are poisoned after every kind of operation. */
#include "tests/unit/heap_fixture.h"

/* What a caller may touch: size bytes at a payload offset bytes from base. */
struct request {
    size_t offset;
    size_t size;
};

static bool is_requested(const struct request *requests, size_t count, size_t offset) {
    for (size_t i = 0; i < count; i++) {
        if (offset >= requests[i].offset && offset < requests[i].offset + requests[i].size) {
            return true;
        }
    }
    return false;
}

/* Exactly the requested bytes of the heap are accessible. */
static void assert_accessible(const struct request *requests, size_t count) {
    for (size_t offset = 0; offset < kmem_size(&heap); offset++) {
        const bool accessible = __asan_address_is_poisoned(at(offset)) == 0;
        if (accessible != is_requested(requests, count, offset)) {
            fail_msg("byte %zu is %s", offset, accessible ? "accessible" : "poisoned");
        }
    }
}

#define ASSERT_ACCESSIBLE(...)                                                                               \
    do {                                                                                                     \
        const struct request requests[] = {__VA_ARGS__};                                                     \
        assert_accessible(requests, sizeof requests / sizeof *requests);                                     \
    } while (false)

#define FOUR "alloc 20; alloc 20; alloc 20; alloc 20"

HEAP_TEST(a_new_heap_is_poisoned_and_its_surroundings_are_not) {
    assert_accessible(NULL, 0);
    assert_false(__asan_address_is_poisoned(heap.base - 1));
}

HEAP_TEST(a_payload_is_accessible_and_its_slack_is_not) {
    for (size_t size = 1; size <= 64; size++) {
        fresh_heap();
        assert_non_null(kmem_alloc(&heap, size));
        ASSERT_ACCESSIBLE({8, size});
        memset(at(8), 1, size);
    }
}

HEAP_TEST(zalloc_poisons_the_slack_it_has_zeroed) {
    for (size_t size = 1; size <= 64; size++) {
        fresh_heap();
        assert_non_null(kmem_zalloc(&heap, size));
        ASSERT_ACCESSIBLE({8, size});
        fresh_heap();
        assert_non_null(kmem_calloc(&heap, 1, size));
        ASSERT_ACCESSIBLE({8, size});
    }
}

/* What is called, and what may be touched then. */
static const struct poison_case {
    const char *name;
    const char *calls;
    struct request requests[4];
} cases[] = {
    {"a remainder of 8 bytes is slack", "alloc 32; alloc 8; free 8; zalloc 20", {{8, 20}, {48, 8}}},
    {"the gap in front of an aligned block is poisoned", "aligned 64 13", {{64, 13}}},
    {"payloads side by side are accessible", FOUR, {{8, 20}, {40, 20}, {72, 20}, {104, 20}}},
    {"a freed payload is poisoned", FOUR "; free 72", {{8, 20}, {40, 20}, {104, 20}}},
    {"a second freed payload is poisoned", FOUR "; free 72; free 8", {{40, 20}, {104, 20}}},
    {"a freed payload is poisoned when it merges", FOUR "; free 72; free 8; free 40", {{104, 20}}},
    {"a payload resized to nothing is poisoned", FOUR "; free 72; free 8; free 40; realloc 104 0", {{0, 0}}},
    {"a moved block is poisoned where it was", "alloc 20; alloc 8; realloc 8 50", {{40, 8}, {56, 50}}},
    {"a block moved to the left is poisoned where it was",
     "alloc 20; alloc 8; realloc 8 50; realloc 40 12",
     {{8, 12}, {56, 50}}},
    {"a block moved into its left neighbour is poisoned where it was",
     "alloc 40; alloc 20; alloc 8; free 8; realloc 56 33",
     {{8, 33}, {88, 8}}},
    {"a larger realloc to the same block follows the request", "alloc 17; realloc 8 24", {{8, 24}}},
    {"a smaller realloc to the same block is followed", "alloc 17; realloc 8 24; realloc 8 19", {{8, 19}}},
};

static const struct poison_case growing_cases[] = {
    {"new pages are poisoned but for the payload", "alloc 1000; alloc 300", {{8, 1000}, {1016, 300}}},
    {"new pages are poisoned but for an aligned payload",
     "alloc 1000; alloc 300; free 1016; aligned 512 521",
     {{8, 1000}, {1536, 521}}},
    {"a move that grows the heap exposes the new payload only",
     "alloc 900; alloc 100; realloc 8 1001",
     {{920, 100}, {1032, 1001}}},
};

static void assert_poison_case(const struct poison_case *expected) {
    for (const char *text = expected->calls; text != NULL; text = strchr(text + 1, ';')) {
        const struct heap_call call = heap_call_of(text + strspn(text, "; "));
        (void)heap_call_make(&call);
        assert_error(KMEM_OK);
    }
    assert_accessible(expected->requests, LENGTH(expected->requests));
    for (size_t i = 0; i < LENGTH(expected->requests) && expected->requests[i].size != 0; i++) {
        assert_true(kmem_usable_size(&heap, at(expected->requests[i].offset)) >= expected->requests[i].size);
    }
    if (page_source.call_count != 0) {
        assert_false(__asan_address_is_poisoned(at(kmem_size(&heap))));
    }
}

TEST_EACH_WITH(what_was_asked_for_is_accessible_and_nothing_else, cases, fresh_heap, NULL) {
    assert_poison_case(row);
}

TEST_EACH_WITH(so_it_is_in_a_heap_that_grows, growing_cases, growing_heap, NULL) {
    assert_poison_case(row);
}

HEAP_TEST(realloc_in_place_exposes_the_new_size_and_nothing_else) {
    for (size_t old_size = 1; old_size <= 40; old_size++) {
        for (size_t new_size = 1; new_size <= 72; new_size++) {
            fresh_heap();
            assert_non_null(kmem_alloc(&heap, old_size));
            assert_ptr_equal(kmem_realloc(&heap, at(8), new_size), at(8));
            ASSERT_ACCESSIBLE({8, new_size});
        }
    }
}

HEAP_TEST(realloc_in_place_between_taken_blocks_exposes_the_new_size) {
    for (size_t new_size = 1; new_size <= 40; new_size++) {
        fresh_heap();
        assert_non_null(kmem_alloc(&heap, 40));
        assert_non_null(kmem_alloc(&heap, 8));
        assert_ptr_equal(kmem_realloc(&heap, at(8), new_size), at(8));
        ASSERT_ACCESSIBLE({8, new_size}, {56, 8});
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
    ASSERT_ACCESSIBLE({8, 20}, {40, 13});
}

GROWING_HEAP_TEST(refused_pages_are_left_as_they_were) {
    page_source.refuses = true;
    assert_non_null(kmem_alloc(&heap, 1000));
    assert_null(kmem_alloc(&heap, 300));
    assert_null(kmem_realloc(&heap, at(8), 1200));
    ASSERT_ACCESSIBLE({8, 1000});
    assert_false(__asan_address_is_poisoned(at(1024)));
}
