/* Specification: kmem_free, kmem_coalesce and kmem_usable_size, and how misuse of a pointer is answered. */
#include "tests/unit/heap_fixture.h"

/* Freeing and merging. */

/* Each row: the heap before, the offset of the payload freed, the heap after. */
struct free_case {
    const char *before;
    size_t offset;
    const char *after;
};

static void assert_free_cases(const struct free_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fresh_heap();
        lay_out(cases[i].before);
        heap.error = KMEM_EXHAUSTED;
        assert_int_equal(kmem_free(&heap, at(cases[i].offset)), KMEM_OK);
        assert_error(KMEM_OK);
        assert_blocks(cases[i].after);
    }
}

HEAP_TEST(a_block_between_taken_blocks_becomes_free_alone) {
    static const struct free_case cases[] = {
        {"taken 16 | taken 32 | taken 976", 24, "taken 16 | free 32 | taken 976"},
        {"taken 16 | taken 1008", 8, "free 16 | taken 1008"},
        {"taken 1008 | taken 16", 1016, "taken 1008 | free 16"},
        {"taken 1024", 8, "free 1024"},
    };
    assert_free_cases(cases, sizeof cases / sizeof *cases);
}

HEAP_TEST(a_freed_block_merges_with_its_free_left_neighbour) {
    static const struct free_case cases[] = {
        {"taken 16 | free 32 | taken 48 | taken 928", 56, "taken 16 | free 80 | taken 928"},
        {"free 16 | taken 1008", 24, "free 1024"},
        {"free 16 | taken 16 | taken 992", 24, "free 32 | taken 992"},
    };
    assert_free_cases(cases, sizeof cases / sizeof *cases);
}

HEAP_TEST(a_freed_block_merges_with_its_free_right_neighbour) {
    static const struct free_case cases[] = {
        {"taken 16 | taken 32 | free 48 | taken 928", 24, "taken 16 | free 80 | taken 928"},
        {"taken 1008 | free 16", 8, "free 1024"},
        {"taken 16 | taken 16 | free 992", 24, "taken 16 | free 1008"},
    };
    assert_free_cases(cases, sizeof cases / sizeof *cases);
}

HEAP_TEST(a_freed_block_merges_with_free_neighbours_on_both_sides) {
    static const struct free_case cases[] = {
        {"taken 16 | free 32 | taken 48 | free 64 | taken 864", 56, "taken 16 | free 144 | taken 864"},
        {"free 16 | taken 16 | free 992", 24, "free 1024"},
    };
    assert_free_cases(cases, sizeof cases / sizeof *cases);
}

HEAP_TEST(a_free_block_further_left_is_no_neighbour) {
    static const struct free_case cases[] = {
        {"free 16 | taken 32 | taken 48 | taken 928", 56, "free 16 | taken 32 | free 48 | taken 928"},
        {"taken 16 | taken 32 | taken 48 | free 928", 24, "taken 16 | free 32 | taken 48 | free 928"},
    };
    assert_free_cases(cases, sizeof cases / sizeof *cases);
}

HEAP_TEST(freeing_null_does_nothing) {
    struct snapshot before;
    lay_out("taken 16 | free 1008");
    snapshot_take(&before);
    heap.error = KMEM_EXHAUSTED;
    assert_int_equal(kmem_free(&heap, NULL), KMEM_OK);
    assert_error(KMEM_OK);
    assert_unchanged(&before);
}

HEAP_TEST(freeing_writes_no_payload) {
    lay_out("taken 16 | taken 32 | taken 976");
    pattern_write(at(24), 24, 1);
    assert_int_equal(kmem_free(&heap, at(24)), KMEM_OK);
    assert_pattern(at(24), 24, 1);
}

/* 5 and 7 have no factor in common with 64, so each order visits every block. */
HEAP_TEST(everything_freed_in_any_order_is_one_free_block_again) {
    static const size_t strides[] = {1, 5, 7, 63};
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
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

/* Misuse. */

static const char misused_heap[] = "taken 32 | free 64 | taken 48 | taken 24 | free 840 | taken 16";
static const size_t misused_payloads[] = {8, 104, 152, 1016};

/* What kmem.h says of a pointer offset bytes from the base of misused_heap; offset may be below it. */
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
    for (size_t i = 0; i < sizeof misused_payloads / sizeof *misused_payloads; i++) {
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
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
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
    lay_out(misused_heap);
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
    lay_out(misused_heap);
    snapshot_take(&before);
    const uintptr_t addresses[] = {
        1, 8, 16, UINTPTR_MAX, UINTPTR_MAX - 7, (uintptr_t)heap.base + TWO_TO_THE_63 + 8, (uintptr_t)&before};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
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

/* The usable size. */

HEAP_TEST(the_usable_size_is_the_block_less_its_header) {
    lay_out(misused_heap);
    heap.error = KMEM_DOUBLE_FREE;
    assert_int_equal(kmem_usable_size(&heap, at(8)), 24);
    assert_int_equal(kmem_usable_size(&heap, at(104)), 40);
    assert_int_equal(kmem_usable_size(&heap, at(152)), 16);
    assert_int_equal(kmem_usable_size(&heap, at(1016)), 8);
    assert_error(KMEM_DOUBLE_FREE);
}

HEAP_TEST(the_usable_size_of_null_is_0) {
    heap.error = KMEM_EXHAUSTED;
    assert_int_equal(kmem_usable_size(&heap, NULL), 0);
    assert_error(KMEM_EXHAUSTED);
}

/* Coalescing a heap that something else has written. */

HEAP_TEST(coalesce_merges_every_run_of_adjacent_free_blocks) {
    static const struct free_case cases[] = {
        {"free 16 | free 32 | taken 16 | free 16 | free 24 | free 16 | taken 40 | free 400 | free 464", 0,
         "free 48 | taken 16 | free 56 | taken 40 | free 864"},
        {"taken 16 | free 16 | free 16 | taken 976", 0, "taken 16 | free 32 | taken 976"},
        {"free 16 | free 16 | free 992", 0, "free 1024"},
        {"taken 16 | free 16 | taken 16 | free 16 | taken 960", 0,
         "taken 16 | free 16 | taken 16 | free 16 | taken 960"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lay_out(cases[i].before);
        heap.error = KMEM_EXHAUSTED;
        assert_int_equal(kmem_coalesce(&heap), KMEM_OK);
        assert_error(KMEM_OK);
        assert_blocks(cases[i].after);
    }
}

HEAP_TEST(coalesce_changes_nothing_on_a_healthy_heap) {
    static const char *const healthy[] = {misused_heap, "free 1024", "taken 1024", "taken 16 | free 1008"};
    struct snapshot before;
    for (size_t i = 0; i < sizeof healthy / sizeof *healthy; i++) {
        lay_out(healthy[i]);
        snapshot_take(&before);
        assert_int_equal(kmem_coalesce(&heap), KMEM_OK);
        assert_unchanged(&before);
    }
}
