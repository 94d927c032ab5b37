/* Specification: kmem_realloc. Growth of the whole heap by a move is in test_kmem_growth.c, misuse of the
 * pointer in test_kmem_free.c. */
#include "tests/unit/heap_fixture.h"

CASES(realloc_of_null_allocates, {"free 32 | taken 16 | free 976", "realloc null 25", "at 56",
                                  "free 32 | taken 16 | taken 40 | free 936"})

CASES(realloc_to_0_bytes_frees_and_merges,
      {"free 16 | taken 32 | free 48 | taken 928", "realloc 24 0", "ok", "free 96 | taken 928"})

HEAP_TEST(a_size_that_needs_the_same_block_changes_nothing) {
    struct snapshot before;
    lay_out("taken 40 | free 32 | taken 952");
    snapshot_take(&before);
    for (size_t size = 25; size <= 32; size++) {
        assert_ptr_equal(kmem_realloc(&heap, at(8), size), at(8));
        assert_error(KMEM_OK);
        assert_unchanged(&before);
    }
}

CASES(a_block_shrinks_in_place_when_16_bytes_or_more_are_left_over,
      {"taken 48 | taken 976", "realloc 8 24", "at 8", "taken 32 | free 16 | taken 976"},
      {"taken 48 | taken 976", "realloc 8 1", "at 8", "taken 16 | free 32 | taken 976"},
      {"taken 48 | taken 976", "realloc 8 25", "at 8", "taken 48 | taken 976"},
      {"taken 48 | taken 976", "realloc 8 32", "at 8", "taken 48 | taken 976"},
      {"taken 976 | taken 48", "realloc 984 24", "at 984", "taken 976 | taken 32 | free 16"},
      {"taken 976 | taken 48", "realloc 984 32", "at 984", "taken 976 | taken 48"},
      {"taken 1024", "realloc 8 8", "at 8", "taken 16 | free 1008"})

CASES(what_a_shrunk_block_gives_up_joins_a_free_right_neighbour,
      {"taken 48 | free 32 | taken 944", "realloc 8 32", "at 8", "taken 40 | free 40 | taken 944"},
      {"taken 48 | free 32 | taken 944", "realloc 8 8", "at 8", "taken 16 | free 64 | taken 944"},
      {"taken 48 | free 976", "realloc 8 8", "at 8", "taken 16 | free 1008"})

CASES(a_block_grows_into_its_free_right_neighbour,
      {"taken 32 | free 32 | taken 960", "realloc 8 25", "at 8", "taken 40 | free 24 | taken 960"},
      {"taken 32 | free 32 | taken 960", "realloc 8 40", "at 8", "taken 48 | free 16 | taken 960"},
      {"taken 32 | free 32 | taken 960", "realloc 8 41", "at 8", "taken 64 | taken 960"},
      {"taken 32 | free 32 | taken 960", "realloc 8 48", "at 8", "taken 64 | taken 960"},
      {"taken 32 | free 32 | taken 960", "realloc 8 56", "at 8", "taken 64 | taken 960"},
      {"taken 32 | free 992", "realloc 8 1016", "at 8", "taken 1024"})

/* A lower free block is no reason to move. */
CASES(a_block_that_can_grow_in_place_does_not_move,
      {"free 512 | taken 32 | free 480", "realloc 520 100", "at 520", "free 512 | taken 112 | free 400"})

CASES(a_block_without_room_moves_to_the_first_fit,
      {"taken 32 | taken 16 | free 976", "realloc 8 25", "at 56", "free 32 | taken 16 | taken 40 | free 936"},
      {"taken 32 | free 32 | taken 16 | free 944", "realloc 8 57", "at 88",
       "free 64 | taken 16 | taken 72 | free 872"},
      {"taken 16 | taken 32 | taken 16 | free 960", "realloc 24 25", "at 72",
       "taken 16 | free 32 | taken 16 | taken 40 | free 920"},
      {"taken 16 | free 64 | taken 16 | taken 928", "realloc 88 16", "at 24",
       "taken 16 | taken 24 | free 56 | taken 928"},
      {"free 64 | taken 928 | taken 32", "realloc 1000 25", "at 8",
       "taken 40 | free 24 | taken 928 | free 32"})

CASES(the_block_left_behind_merges_with_both_neighbours,
      {"free 16 | taken 24 | free 16 | taken 16 | free 952", "realloc 24 100", "at 80",
       "free 56 | taken 16 | taken 112 | free 840"})

/*  free, new block lands here | old block   ->   taken | what is left of both, free */
CASES(a_move_may_land_in_the_left_neighbour,
      {"free 64 | taken 32 | taken 928", "realloc 72 40", "at 8", "taken 48 | free 48 | taken 928"},
      {"free 48 | taken 32 | taken 944", "realloc 56 40", "at 8", "taken 48 | free 32 | taken 944"},
      {"free 56 | taken 32 | taken 936", "realloc 64 40", "at 8", "taken 56 | free 32 | taken 936"},
      {"free 64 | taken 32 | free 16 | taken 912", "realloc 72 48", "at 8", "taken 64 | free 48 | taken 912"})

HEAP_TEST(a_moved_payload_is_8_aligned_whatever_the_old_one_was) {
    unsigned char *const payload = kmem_alloc_aligned(&heap, 512, 8);
    assert_ptr_equal(payload, at(512));
    assert_non_null(kmem_alloc(&heap, 496)); /* in the gap in front */
    assert_non_null(kmem_alloc(&heap, 8));   /* after it, so that it has to move */
    assert_ptr_equal(kmem_realloc(&heap, payload, 100), at(544));
    assert_blocks("taken 504 | free 16 | taken 16 | taken 112 | free 376");
}

/* A moved block keeps what was in its slack: its header does not say how much was asked for. */
HEAP_TEST(a_move_copies_the_whole_usable_size_and_no_more) {
    lay_out("taken 32 | taken 16 | free 976");
    pattern_write(at(8), 24, 1);
    assert_ptr_equal(kmem_realloc(&heap, at(8), 64), at(56));
    assert_pattern(at(56), 24, 1);
    assert_all_bytes(at(80), 40, DIRT);
}

/* Every old and new size up to 96, with three kinds of right neighbour. */
HEAP_TEST(contents_are_kept_up_to_the_smaller_of_both_sizes) {
    static const char *const heaps[] = {"free 1024", "free 512 | taken 512",
                                        "free 320 | taken 32 | free 672"};
    for (size_t i = 0; i < LENGTH(heaps); i++) {
        for (size_t old_size = 1; old_size <= 96; old_size++) {
            for (size_t new_size = 1; new_size <= 96; new_size++) {
                fresh_heap();
                lay_out(heaps[i]);
                const unsigned seed = (unsigned)(old_size + new_size);
                void *const old_payload = kmem_alloc(&heap, old_size);
                void *const neighbour = kmem_alloc(&heap, 176);
                pattern_write(old_payload, old_size, seed);
                pattern_write(neighbour, 176, seed + 1);
                if (i == 1) {
                    assert_int_equal(kmem_free(&heap, neighbour), KMEM_OK);
                }
                const void *const payload = kmem_realloc(&heap, old_payload, new_size);
                assert_pattern(payload, old_size < new_size ? old_size : new_size, seed);
                if (i != 1) {
                    assert_pattern(neighbour, 176, seed + 1);
                }
                assert_true(kmem_usable_size(&heap, payload) >= new_size);
                (void)blocks_text();
            }
        }
    }
}

HEAP_TEST(a_refused_realloc_leaves_the_block_and_its_contents_untouched) {
    static const size_t sizes[] = {57,           58,           100,           1016,          1017,
                                   SIZE_MAX,     SIZE_MAX - 7, SIZE_MAX - 14, SIZE_MAX - 15, SIZE_MAX - 16,
                                   TWO_TO_THE_63};
    struct snapshot before;
    lay_out("free 32 | taken 32 | free 32 | taken 880 | free 48");
    pattern_write(at(40), 24, 1);
    snapshot_take(&before);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        heap.error = KMEM_OK;
        assert_null(kmem_realloc(&heap, at(40), sizes[i]));
        assert_error(KMEM_EXHAUSTED);
        assert_unchanged(&before);
    }
    assert_ptr_equal(kmem_realloc(&heap, at(40), 56), at(40));
}

/* Left neighbour, block and right neighbour would have room together; only block and right neighbour count.
 */
CASES(the_left_neighbour_does_not_count_as_room,
      {"free 48 | taken 32 | taken 944", "realloc 56 41", "exhausted", NULL})
