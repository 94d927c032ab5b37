/* Specification: a header that cannot be true is reported where it stands, changes nothing and ends every
 * walk. Every operation is tried against every impossible header at every block; the region ends at
 * inaccessible memory, so a walk that leaves it faults. */
#include "tests/unit/heap_fixture.h"

/* The heap all of these start from, and where its blocks start. */
static const char corrupted_heap[] =
    "taken 32 | free 64 | taken 48 | taken 24 | free 88 | taken 40 | free 728";
static const size_t block_offsets[] = {0, 32, 96, 144, 168, 256, 296};
#define BLOCK_COUNT (LENGTH(block_offsets))
#define NO_BLOCK    SIZE_MAX

/* The impossible headers of a block with room bytes before the region's end; each also with the taken bit. */
static const uint64_t impossible_sizes[] = {0, 1, 8, 15, 17, 20, 28, 36};
#define PAST_END_COUNT   6
#define IMPOSSIBLE_COUNT (LENGTH(impossible_sizes) + PAST_END_COUNT)

static uint64_t impossible_header(size_t index, uint64_t room) {
    const size_t small_count = LENGTH(impossible_sizes);
    const uint64_t past_end[PAST_END_COUNT] = {
        room + 8, room + 4096, room - 4, UINT64_C(1) << 62, (UINT64_C(1) << 63) - 8, (UINT64_C(1) << 63) - 1};
    return index < small_count ? impossible_sizes[index] : past_end[index - small_count];
}

/* What is called, what comes of it while no header is impossible, and the index of the last block whose
 * header it has to look at. */
struct operation {
    const char *name;
    enum kmem_error healthy;
    size_t last_index;
};

static const struct operation operations[] = {
    {"alloc 56", KMEM_OK, 1},                                        /* in the first free block */
    {"zalloc 80", KMEM_OK, 4},                                       /* in the second */
    {"calloc 10 50", KMEM_OK, 6},                                    /* in the last */
    {"alloc 800", KMEM_EXHAUSTED, 6}, {"aligned 256 8", KMEM_OK, 6}, /* in the last */
    {"free 8", KMEM_OK, 1},           {"free 104", KMEM_OK, 3},
    {"free 264", KMEM_OK, 6},         {"free 176", KMEM_DOUBLE_FREE, 4},
    {"realloc 152 0", KMEM_OK, 4},    {"realloc 152 60", KMEM_OK, 4}, /* in place */
    {"realloc 152 16", KMEM_OK, 4},                                   /* the same size */
    {"realloc 104 56", KMEM_OK, 3},                                   /* into the second block */
    {"realloc 8 200", KMEM_OK, 6},                                    /* into the last */
};

static enum kmem_error perform(const struct operation *operation) {
    const struct heap_call call = heap_call_of(operation->name);
    (void)heap_call_make(&call);
    return kmem_last_error(&heap);
}

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
    const enum kmem_error error = perform(operation);
    if (index > operation->last_index) {
        if (error != operation->healthy) {
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

TEST_EACH(an_impossible_header_met_on_the_way_is_reported_and_changes_nothing, operations) {
    for (size_t index = 0; index < BLOCK_COUNT; index++) {
        for (size_t k = 0; k < IMPOSSIBLE_COUNT; k++) {
            const uint64_t header = impossible_header(k, HEAP_SIZE - block_offsets[index]);
            assert_reported(row, index, header);
            assert_reported(row, index, header | BLOCK_TAKEN);
        }
    }
}

TEST_EACH(the_same_operation_succeeds_while_no_header_is_impossible, operations) {
    corrupt_block(NO_BLOCK, 0);
    assert_int_equal(perform(row), row->healthy);
}

/* A flipped bit can leave a possible header that lies: no call can know. But whatever it says, a call that
 * reports it has changed nothing, and the next ones end and stay inside, too. */
HEAP_TEST(one_flipped_bit_of_any_header_loses_nothing_outside_and_a_report_changes_nothing) {
    struct snapshot before;
    for (size_t index = 0; index < BLOCK_COUNT; index++) {
        for (size_t bit = 0; bit < 64; bit++) {
            for (size_t i = 0; i < LENGTH(operations); i++) {
                corrupt_block(NO_BLOCK, 0);
                const struct block block = block_read(heap.base + block_offsets[index]);
                const uint64_t header = block.size | (block.taken ? BLOCK_TAKEN : 0);
                header_write(block_offsets[index], header ^ UINT64_C(1) << bit);
                snapshot_take(&before);
                if (perform(&operations[i]) == KMEM_CORRUPT) {
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
