/* Specification: kmem_free, kmem_coalesce and kmem_usable_size, and how misuse of a pointer is answered. */
#include "tests/unit/heap_fixture.h"

/* Freeing and merging. */

CASES(a_block_between_taken_blocks_becomes_free_alone,
      {"taken 16 | taken 32 | taken 976", "free 24", "ok", "taken 16 | free 32 | taken 976"},
      {"taken 16 | taken 1008", "free 8", "ok", "free 16 | taken 1008"},
      {"taken 1008 | taken 16", "free 1016", "ok", "taken 1008 | free 16"},
      {"taken 1024", "free 8", "ok", "free 1024"})

CASES(a_freed_block_merges_with_its_free_left_neighbour,
      {"taken 16 | free 32 | taken 48 | taken 928", "free 56", "ok", "taken 16 | free 80 | taken 928"},
      {"free 16 | taken 1008", "free 24", "ok", "free 1024"},
      {"free 16 | taken 16 | taken 992", "free 24", "ok", "free 32 | taken 992"})

CASES(a_freed_block_merges_with_its_free_right_neighbour,
      {"taken 16 | taken 32 | free 48 | taken 928", "free 24", "ok", "taken 16 | free 80 | taken 928"},
      {"taken 1008 | free 16", "free 8", "ok", "free 1024"},
      {"taken 16 | taken 16 | free 992", "free 24", "ok", "taken 16 | free 1008"})

CASES(a_freed_block_merges_with_free_neighbours_on_both_sides,
      {"taken 16 | free 32 | taken 48 | free 64 | taken 864", "free 56", "ok",
       "taken 16 | free 144 | taken 864"},
      {"free 16 | taken 16 | free 992", "free 24", "ok", "free 1024"})

CASES(a_free_block_further_left_is_no_neighbour,
      {"free 16 | taken 32 | taken 48 | taken 928", "free 56", "ok",
       "free 16 | taken 32 | free 48 | taken 928"},
      {"taken 16 | taken 32 | taken 48 | free 928", "free 24", "ok",
       "taken 16 | free 32 | taken 48 | free 928"})

CASES(freeing_null_does_nothing, {"taken 16 | free 1008", "free null", "ok", NULL})

HEAP_TEST(freeing_writes_no_payload) {
    lay_out("taken 16 | taken 32 | taken 976");
    pattern_write(at(24), 24, 1);
    assert_int_equal(kmem_free(&heap, at(24)), KMEM_OK);
    assert_pattern(at(24), 24, 1);
}

/* 5 and 7 have no factor in common with 64, so each order visits every block. */
HEAP_TEST(everything_freed_in_any_order_is_one_free_block_again) {
    static const size_t strides[] = {1, 5, 7, 63};
    for (size_t i = 0; i < LENGTH(strides); i++) {
        fresh_heap();
        for (size_t k = 0; k < 64; k++) {
            assert_non_null(kmem_alloc(&heap, 8));
        }
        for (size_t k = 0; k < 64; k++) {
            assert_int_equal(kmem_free(&heap, at(8 + 16 * (k * strides[i] % 64))), KMEM_OK);
            (void)blocks_text();
        }
        assert_blocks("free 1024");
    }
}

HEAP_TEST(a_freed_block_serves_the_next_request_that_fits) {
    void *const first = kmem_alloc(&heap, 40);
    assert_non_null(kmem_alloc(&heap, 40));
    assert_int_equal(kmem_free(&heap, first), KMEM_OK);
    assert_ptr_equal(kmem_alloc(&heap, 40), first);
}

#define MISUSED_HEAP "taken 32 | free 64 | taken 48 | taken 24 | free 840 | taken 16"
static const size_t misused_payloads[] = {8, 104, 152, 1016};

/* What kmem.h says of a pointer offset bytes from the base of MISUSED_HEAP; offset may be below it. */
static enum kmem_error misuse_at(ptrdiff_t offset) {
    if (offset < 0 || offset >= (ptrdiff_t)HEAP_SIZE) {
        return KMEM_FOREIGN_POINTER;
    }
    if (offset % 8 != 0) {
        return KMEM_MISALIGNED_POINTER;
    }
    if ((offset >= 32 && offset < 96) || (offset >= 168 && offset < 1008)) {
        return KMEM_DOUBLE_FREE;
    }
    for (size_t i = 0; i < LENGTH(misused_payloads); i++) {
        if ((size_t)offset == misused_payloads[i]) {
            return KMEM_OK;
        }
    }
    return KMEM_INTERIOR_POINTER;
}

/* Every operation that takes a pointer answers this one with the error, and changes nothing. */
static void assert_misuse(const void *pointer, enum kmem_error expected, const struct snapshot *before) {
    static const size_t sizes[] = {0, 1, 40, HEAP_SIZE, SIZE_MAX};
    void *const misused = (void *)(uintptr_t)pointer;
    heap.error = KMEM_OK;
    assert_int_equal(kmem_free(&heap, misused), expected);
    assert_error(expected);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        heap.error = KMEM_OK;
        assert_null(kmem_realloc(&heap, misused, sizes[i]));
        assert_error(expected);
    }
    heap.error = KMEM_EXHAUSTED;
    assert_int_equal(kmem_usable_size(&heap, pointer), 0);
    assert_error(KMEM_EXHAUSTED);
    assert_unchanged(before);
}

HEAP_TEST(every_pointer_but_a_payload_is_named_and_changes_nothing) {
    struct snapshot before;
    lay_out(MISUSED_HEAP);
    snapshot_take(&before);
    size_t payload_count = 0;
    for (ptrdiff_t offset = -40; offset < (ptrdiff_t)HEAP_SIZE + 40; offset++) {
        const enum kmem_error expected = misuse_at(offset);
        payload_count += expected == KMEM_OK ? 1 : 0;
        if (expected != KMEM_OK) {
            assert_misuse((void *)((uintptr_t)heap.base + (uintptr_t)offset), expected, &before);
        }
    }
    assert_int_equal(payload_count, 4);
}

HEAP_TEST(pointers_far_away_are_foreign_whatever_their_alignment) {
    struct snapshot before;
    lay_out(MISUSED_HEAP);
    snapshot_take(&before);
    const uintptr_t addresses[] = {
        1, 8, 16, UINTPTR_MAX, UINTPTR_MAX - 7, (uintptr_t)heap.base + TWO_TO_THE_63 + 8, (uintptr_t)&before};
    for (size_t i = 0; i < LENGTH(addresses); i++) {
        assert_misuse((void *)addresses[i], KMEM_FOREIGN_POINTER, &before);
    }
}

HEAP_TEST(a_block_freed_twice_is_a_double_free_even_after_it_was_merged) {
    struct snapshot before;
    lay_out("taken 32 | taken 32 | taken 960");
    assert_int_equal(kmem_free(&heap, at(40)), KMEM_OK);
    assert_int_equal(kmem_free(&heap, at(40)), KMEM_DOUBLE_FREE);
    assert_int_equal(kmem_free(&heap, at(8)), KMEM_OK);
    assert_blocks("free 64 | taken 960");
    snapshot_take(&before);
    assert_misuse(at(8), KMEM_DOUBLE_FREE, &before);
    assert_misuse(at(40), KMEM_DOUBLE_FREE, &before);
}

HEAP_TEST(misuse_is_judged_before_a_corrupt_header_is_met) {
    lay_out("taken 32 | free 64 | taken 928");
    header_write(96, 0);
    assert_int_equal(kmem_free(&heap, at(HEAP_SIZE)), KMEM_FOREIGN_POINTER);
    assert_int_equal(kmem_free(&heap, at(105)), KMEM_MISALIGNED_POINTER);
    assert_int_equal(kmem_free(&heap, at(40)), KMEM_DOUBLE_FREE);
    assert_int_equal(kmem_free(&heap, at(16)), KMEM_INTERIOR_POINTER);
    assert_int_equal(kmem_free(&heap, at(104)), KMEM_CORRUPT);
}

HEAP_TEST(the_usable_size_is_the_block_less_its_header_and_that_of_null_is_0) {
    lay_out(MISUSED_HEAP);
    heap.error = KMEM_DOUBLE_FREE;
    assert_int_equal(kmem_usable_size(&heap, at(8)), 24);
    assert_int_equal(kmem_usable_size(&heap, at(104)), 40);
    assert_int_equal(kmem_usable_size(&heap, at(152)), 16);
    assert_int_equal(kmem_usable_size(&heap, at(1016)), 8);
    assert_int_equal(kmem_usable_size(&heap, NULL), 0);
    assert_error(KMEM_DOUBLE_FREE);
}

/* Coalescing a heap that something else has written. */

CASES(coalesce_merges_every_run_of_adjacent_free_blocks,
      {"free 16 | free 32 | taken 16 | free 16 | free 24 | free 16 | taken 40 | free 400 | free 464",
       "coalesce", "ok", "free 48 | taken 16 | free 56 | taken 40 | free 864"},
      {"taken 16 | free 16 | free 16 | taken 976", "coalesce", "ok", "taken 16 | free 32 | taken 976"},
      {"free 16 | free 16 | free 992", "coalesce", "ok", "free 1024"},
      {"taken 16 | free 16 | taken 16 | free 16 | taken 960", "coalesce", "ok", NULL})

CASES(coalesce_changes_nothing_on_a_healthy_heap, {MISUSED_HEAP, "coalesce", "ok", NULL},
      {"free 1024", "coalesce", "ok", NULL}, {"taken 1024", "coalesce", "ok", NULL},
      {"taken 16 | free 1008", "coalesce", "ok", NULL})
