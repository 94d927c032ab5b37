/* Specification: under AddressSanitizer the bytes a caller asked for are accessible, and no others: headers,
 * slack and free payloads are poisoned after every kind of operation. Skipped where no sanitizer watches. */
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

static void skip_without_sanitizer(void) {
    if (__asan_address_is_poisoned == NULL) {
        SKIP("there is no poison without AddressSanitizer");
    }
}

HEAP_TEST(a_new_heap_is_poisoned_and_its_surroundings_are_not) {
    skip_without_sanitizer();
    assert_accessible(NULL, 0);
    assert_false(__asan_address_is_poisoned(heap.base - 1));
}

HEAP_TEST(a_payload_is_accessible_and_its_slack_is_not) {
    skip_without_sanitizer();
    for (size_t size = 1; size <= 64; size++) {
        fresh_heap();
        assert_non_null(kmem_alloc(&heap, size));
        ASSERT_ACCESSIBLE({8, size});
        memset(at(8), 1, size);
    }
}

HEAP_TEST(zalloc_poisons_the_slack_it_has_zeroed) {
    skip_without_sanitizer();
    for (size_t size = 1; size <= 64; size++) {
        fresh_heap();
        assert_non_null(kmem_zalloc(&heap, size));
        ASSERT_ACCESSIBLE({8, size});
        fresh_heap();
        assert_non_null(kmem_calloc(&heap, 1, size));
        ASSERT_ACCESSIBLE({8, size});
    }
}

HEAP_TEST(a_remainder_of_8_bytes_is_slack) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc(&heap, 32));
    assert_non_null(kmem_alloc(&heap, 8));
    assert_int_equal(kmem_free(&heap, at(8)), KMEM_OK);
    assert_ptr_equal(kmem_zalloc(&heap, 20), at(8));
    ASSERT_ACCESSIBLE({8, 20}, {48, 8});
    assert_blocks("taken 40 | taken 16 | free 968");
}

HEAP_TEST(the_gap_in_front_of_an_aligned_block_is_poisoned) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc_aligned(&heap, 64, 13));
    ASSERT_ACCESSIBLE({64, 13});
}

HEAP_TEST(a_freed_payload_is_poisoned_alone_and_merged) {
    skip_without_sanitizer();
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(kmem_alloc(&heap, 20));
    }
    ASSERT_ACCESSIBLE({8, 20}, {40, 20}, {72, 20}, {104, 20});
    assert_int_equal(kmem_free(&heap, at(72)), KMEM_OK);
    ASSERT_ACCESSIBLE({8, 20}, {40, 20}, {104, 20});
    assert_int_equal(kmem_free(&heap, at(8)), KMEM_OK);
    ASSERT_ACCESSIBLE({40, 20}, {104, 20});
    assert_int_equal(kmem_free(&heap, at(40)), KMEM_OK);
    ASSERT_ACCESSIBLE({104, 20});
    assert_null(kmem_realloc(&heap, at(104), 0));
    assert_accessible(NULL, 0);
}

HEAP_TEST(realloc_in_place_exposes_the_new_size_and_nothing_else) {
    skip_without_sanitizer();
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
    skip_without_sanitizer();
    for (size_t new_size = 1; new_size <= 40; new_size++) {
        fresh_heap();
        assert_non_null(kmem_alloc(&heap, 40));
        assert_non_null(kmem_alloc(&heap, 8));
        assert_ptr_equal(kmem_realloc(&heap, at(8), new_size), at(8));
        ASSERT_ACCESSIBLE({8, new_size}, {56, 8});
    }
}

HEAP_TEST(a_moved_block_is_poisoned_where_it_was) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc(&heap, 20));
    assert_non_null(kmem_alloc(&heap, 8));
    assert_ptr_equal(kmem_realloc(&heap, at(8), 50), at(56));
    ASSERT_ACCESSIBLE({40, 8}, {56, 50});
    assert_ptr_equal(kmem_realloc(&heap, at(40), 12), at(8));
    ASSERT_ACCESSIBLE({8, 12}, {56, 50});
}

HEAP_TEST(a_block_moved_into_its_left_neighbour_is_poisoned_where_it_was) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc(&heap, 40));
    assert_non_null(kmem_alloc(&heap, 20));
    assert_non_null(kmem_alloc(&heap, 8));
    assert_int_equal(kmem_free(&heap, at(8)), KMEM_OK);
    assert_ptr_equal(kmem_realloc(&heap, at(56), 33), at(8));
    ASSERT_ACCESSIBLE({8, 33}, {88, 8});
}

HEAP_TEST(an_operation_that_fails_leaves_accessible_what_was) {
    skip_without_sanitizer();
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

HEAP_TEST(a_realloc_to_the_same_block_follows_the_request) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc(&heap, 17));
    assert_ptr_equal(kmem_realloc(&heap, at(8), 24), at(8));
    ASSERT_ACCESSIBLE({8, 24});
    assert_ptr_equal(kmem_realloc(&heap, at(8), 19), at(8));
    ASSERT_ACCESSIBLE({8, 19});
}

GROWING_HEAP_TEST(pages_that_are_new_are_poisoned_but_for_the_payload) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc(&heap, 1000));
    assert_ptr_equal(kmem_alloc(&heap, 300), at(1016));
    ASSERT_ACCESSIBLE({8, 1000}, {1016, 300});
    assert_int_equal(kmem_size(&heap), 1536);
    assert_false(__asan_address_is_poisoned(at(1536)));
    assert_int_equal(kmem_free(&heap, at(1016)), KMEM_OK);
    assert_ptr_equal(kmem_alloc_aligned(&heap, 512, 521), at(1536));
    ASSERT_ACCESSIBLE({8, 1000}, {1536, 521});
}

GROWING_HEAP_TEST(refused_pages_are_left_as_they_were) {
    skip_without_sanitizer();
    page_source.refuses = true;
    assert_non_null(kmem_alloc(&heap, 1000));
    assert_null(kmem_alloc(&heap, 300));
    assert_null(kmem_realloc(&heap, at(8), 1200));
    ASSERT_ACCESSIBLE({8, 1000});
    assert_false(__asan_address_is_poisoned(at(1024)));
}

GROWING_HEAP_TEST(a_move_that_grows_the_heap_exposes_the_new_payload_only) {
    skip_without_sanitizer();
    assert_non_null(kmem_alloc(&heap, 900));
    assert_non_null(kmem_alloc(&heap, 100));
    assert_ptr_equal(kmem_realloc(&heap, at(8), 1001), at(1032));
    ASSERT_ACCESSIBLE({920, 100}, {1032, 1001});
}
