/* Specification: a header that cannot be true is reported where it stands, changes nothing and ends every
 * walk. Every operation is tried against every impossible header at every block; the region ends at
 * inaccessible memory, so a walk that leaves it faults. */
#include "tests/unit/heap_fixture.h"

/* The heap all of these start from, and where its blocks start. */
static const char corrupted_heap[] =
    "taken 32 | free 64 | taken 48 | taken 24 | free 88 | taken 40 | free 728";
static const size_t block_offsets[] = {0, 32, 96, 144, 168, 256, 296};
#define BLOCK_COUNT (sizeof block_offsets / sizeof *block_offsets)
#define NO_BLOCK    SIZE_MAX

/* The impossible headers of a block with room bytes before the region's end; each also with the taken bit. */
static const uint64_t impossible_sizes[] = {0, 1, 8, 15, 17, 20, 28, 36};
#define PAST_END_COUNT   6
#define IMPOSSIBLE_COUNT (sizeof impossible_sizes / sizeof *impossible_sizes + PAST_END_COUNT)

static uint64_t impossible_header(size_t index, uint64_t room) {
    const size_t small_count = sizeof impossible_sizes / sizeof *impossible_sizes;
    const uint64_t past_end[PAST_END_COUNT] = {
        room + 8, room + 4096, room - 4, UINT64_C(1) << 62, (UINT64_C(1) << 63) - 8, (UINT64_C(1) << 63) - 1};
    return index < small_count ? impossible_sizes[index] : past_end[index - small_count];
}

/* The operations, by what they must look at. Each returns what the operation reported. */

static enum kmem_error alloc_in_first_free_block(void) {
    const void *const payload = kmem_alloc(&heap, 56);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error zalloc_in_second_free_block(void) {
    const void *const payload = kmem_zalloc(&heap, 80);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error calloc_in_last_block(void) {
    const void *const payload = kmem_calloc(&heap, 10, 50);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error alloc_that_fits_nowhere(void) {
    assert_null(kmem_alloc(&heap, 800));
    return kmem_last_error(&heap) == KMEM_EXHAUSTED ? KMEM_OK : kmem_last_error(&heap);
}

static enum kmem_error alloc_aligned_in_last_block(void) {
    const void *const payload = kmem_alloc_aligned(&heap, 256, 8);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error free_first_block(void) {
    return kmem_free(&heap, at(8));
}

static enum kmem_error free_third_block(void) {
    return kmem_free(&heap, at(104));
}

static enum kmem_error free_sixth_block(void) {
    return kmem_free(&heap, at(264));
}

static enum kmem_error free_in_free_block(void) {
    const enum kmem_error error = kmem_free(&heap, at(176));
    return error == KMEM_DOUBLE_FREE ? KMEM_OK : error;
}

static enum kmem_error realloc_fourth_block_to_nothing(void) {
    assert_null(kmem_realloc(&heap, at(152), 0));
    return kmem_last_error(&heap);
}

static enum kmem_error realloc_fourth_block_in_place(void) {
    const void *const payload = kmem_realloc(&heap, at(152), 60);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error realloc_fourth_block_to_the_same_size(void) {
    const void *const payload = kmem_realloc(&heap, at(152), 16);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error realloc_third_block_into_second(void) {
    const void *const payload = kmem_realloc(&heap, at(104), 56);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

static enum kmem_error realloc_first_block_into_last(void) {
    const void *const payload = kmem_realloc(&heap, at(8), 200);
    assert_true((payload == NULL) == (kmem_last_error(&heap) != KMEM_OK));
    return kmem_last_error(&heap);
}

/* The operation, and the index of the last block whose header it has to look at. */
struct operation {
    const char *name;
    enum kmem_error (*run)(void);
    size_t last_index;
};

static const struct operation operations[] = {
    {"alloc in the first free block", alloc_in_first_free_block, 1},
    {"zalloc in the second free block", zalloc_in_second_free_block, 4},
    {"calloc in the last block", calloc_in_last_block, 6},
    {"alloc that fits nowhere", alloc_that_fits_nowhere, 6},
    {"aligned alloc in the last block", alloc_aligned_in_last_block, 6},
    {"free of the first block", free_first_block, 1},
    {"free of the third block", free_third_block, 3},
    {"free of the sixth block", free_sixth_block, 6},
    {"free in a free block", free_in_free_block, 4},
    {"realloc of the fourth block to nothing", realloc_fourth_block_to_nothing, 4},
    {"realloc of the fourth block in place", realloc_fourth_block_in_place, 4},
    {"realloc of the fourth block to the same size", realloc_fourth_block_to_the_same_size, 4},
    {"realloc of the third block into the second", realloc_third_block_into_second, 3},
    {"realloc of the first block into the last", realloc_first_block_into_last, 6},
};

/* The heap with one impossible header, at the block of that index. */
static void corrupt_block(size_t index, uint64_t header) {
    fresh_heap();
    lay_out(corrupted_heap);
    if (index != NO_BLOCK) {
        header_write(block_offsets[index], header);
    }
}

static void assert_reported(const struct operation *operation, size_t index, uint64_t header) {
    struct snapshot before;
    corrupt_block(index, header);
    heap.error = KMEM_OK;
    heap.error_offset = NO_BLOCK;
    snapshot_take(&before);
    const enum kmem_error error = operation->run();
    if (index > operation->last_index) {
        if (error != KMEM_OK) {
            fail_msg("%s met block %zu", operation->name, index);
        }
        return;
    }
    if (error != KMEM_CORRUPT) {
        fail_msg("%s missed header %" PRIx64 " of block %zu", operation->name, header, index);
    }
    assert_int_equal(kmem_last_error(&heap), KMEM_CORRUPT);
    assert_int_equal(heap.error_offset, block_offsets[index]);
    assert_unchanged(&before);
}

HEAP_TEST(an_impossible_header_met_on_the_way_is_reported_and_changes_nothing) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        for (size_t index = 0; index < BLOCK_COUNT; index++) {
            for (size_t k = 0; k < IMPOSSIBLE_COUNT; k++) {
                const uint64_t header = impossible_header(k, HEAP_SIZE - block_offsets[index]);
                assert_reported(&operations[i], index, header);
                assert_reported(&operations[i], index, header | BLOCK_TAKEN);
            }
        }
    }
}

HEAP_TEST(the_same_operations_succeed_while_no_header_is_impossible) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        corrupt_block(NO_BLOCK, 0);
        assert_int_equal(operations[i].run(), KMEM_OK);
    }
}

/* A flipped bit can leave a possible header that lies: no call can know. But whatever it says, a call that
 * reports it has changed nothing, and the next ones end and stay inside, too. */
HEAP_TEST(one_flipped_bit_of_any_header_loses_nothing_outside_and_a_report_changes_nothing) {
    struct snapshot before;
    for (size_t index = 0; index < BLOCK_COUNT; index++) {
        for (size_t bit = 0; bit < 64; bit++) {
            for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
                corrupt_block(NO_BLOCK, 0);
                const struct block block = block_read(heap.base + block_offsets[index]);
                const uint64_t header = block.size | (block.taken ? BLOCK_TAKEN : 0);
                header_write(block_offsets[index], header ^ UINT64_C(1) << bit);
                snapshot_take(&before);
                if (operations[i].run() == KMEM_CORRUPT) {
                    assert_unchanged(&before);
                }
                (void)kmem_coalesce(&heap);
                unsigned char *const payload = kmem_alloc(&heap, 16);
                assert_true(payload == NULL ||
                            (payload >= heap.base && payload < heap.base + kmem_size(&heap)));
                assert_surroundings_untouched();
            }
        }
    }
}

/* The smallest and the largest possible header are no corruption. */
HEAP_TEST(sizes_of_16_and_of_all_the_room_are_possible) {
    lay_out("taken 16 | free 1008");
    assert_int_equal(kmem_coalesce(&heap), KMEM_OK);
    assert_int_equal(kmem_free(&heap, at(8)), KMEM_OK);
    lay_out("taken 1008 | taken 16");
    assert_int_equal(kmem_free(&heap, at(1016)), KMEM_OK);
}

HEAP_TEST(coalesce_stops_at_an_impossible_header) {
    struct snapshot before;
    for (size_t index = 0; index < BLOCK_COUNT; index++) {
        for (size_t k = 0; k < IMPOSSIBLE_COUNT; k++) {
            corrupt_block(index, impossible_header(k, HEAP_SIZE - block_offsets[index]));
            snapshot_take(&before);
            assert_int_equal(kmem_coalesce(&heap), KMEM_CORRUPT);
            assert_error(KMEM_CORRUPT);
            assert_int_equal(heap.error_offset, block_offsets[index]);
            assert_unchanged(&before);
        }
    }
}

HEAP_TEST(coalesce_merges_what_lies_before_an_impossible_header) {
    lay_out("free 16 | free 32 | taken 16 | free 16 | free 24 | free 904 | free 16");
    header_write(104, 7);
    assert_int_equal(kmem_coalesce(&heap), KMEM_CORRUPT);
    assert_int_equal(heap.error_offset, 104);
    assert_int_equal(block_read(at(0)).size, 48);
    assert_int_equal(block_read(at(64)).size, 40);
    assert_int_equal(block_read(at(104)).size, 7);
}

HEAP_TEST(the_usable_size_behind_an_impossible_header_is_0) {
    for (size_t index = 0; index < BLOCK_COUNT; index++) {
        corrupt_block(index, BLOCK_TAKEN | 24 | 4);
        heap.error = KMEM_EXHAUSTED;
        heap.error_offset = NO_BLOCK;
        assert_int_equal(kmem_usable_size(&heap, at(8)), index > 0 ? 24 : 0);
        assert_int_equal(kmem_usable_size(&heap, at(104)), index > 2 ? 40 : 0);
        assert_int_equal(kmem_usable_size(&heap, at(264)), index > 5 ? 32 : 0);
        assert_error(KMEM_EXHAUSTED);
        assert_int_equal(heap.error_offset, NO_BLOCK);
    }
}

/* The source could help, but the walk does not get as far as to know. */
GROWING_HEAP_TEST(a_corrupt_heap_does_not_grow) {
    struct snapshot before;
    lay_out("taken 960 | free 64");
    header_write(960, 60);
    snapshot_take(&before);
    assert_null(kmem_alloc(&heap, 100));
    assert_error(KMEM_CORRUPT);
    assert_int_equal(heap.error_offset, 960);
    assert_null(kmem_alloc_aligned(&heap, 64, 8));
    assert_error(KMEM_CORRUPT);
    assert_int_equal(page_source.call_count, 0);
    assert_unchanged(&before);
}

/* A size no heap can have is refused before any header is looked at, a bad alignment and nothing at all too.
 */
HEAP_TEST(what_needs_no_walk_meets_no_header) {
    header_write(0, 0);
    assert_null(kmem_alloc(&heap, SIZE_MAX));
    assert_error(KMEM_EXHAUSTED);
    assert_null(kmem_alloc_aligned(&heap, 3, 8));
    assert_error(KMEM_BAD_ALIGNMENT);
    assert_null(kmem_alloc(&heap, 0));
    assert_error(KMEM_OK);
    assert_int_equal(kmem_free(&heap, NULL), KMEM_OK);
    assert_error(KMEM_OK);
}
