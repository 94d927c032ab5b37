/* The checker on heaps that are sound and on bytes that are none, what its census says, and the names it
 * gives. */
#include "tests/unit/invariant_fixture.h"

static uint64_t random_state; /* of next_random */

static size_t random_below(size_t bound) {
    return (size_t)((next_random(&random_state) >> 11) % bound);
}

/* The live list, kept in order from the pointers the heap hands out. */
static void live_insert(const unsigned char *payload) {
    const size_t offset = (size_t)(payload - heap.base) - 8;
    size_t index = expected_heap.live_count++;
    assert_true(expected_heap.live_count <= LIVE_COUNT_MAXIMUM);
    for (; index > 0 && live[index - 1].offset > offset; index--) {
        live[index] = live[index - 1];
    }
    live[index] = (struct live_block){.offset = offset, .size = kmem_usable_size(&heap, payload) + 8};
}

static void live_remove(size_t index) {
    expected_heap.live_count--;
    for (; index < expected_heap.live_count; index++) {
        live[index] = live[index + 1];
    }
}

/* One random operation, and the live list kept up with it. */
static void operate_at_random(void) {
    const size_t size = 1 + random_below(random_below(4) == 0 ? 400 : 40);
    const size_t index = expected_heap.live_count == 0 ? 0 : random_below(expected_heap.live_count);
    unsigned char *const victim = at(live[index].offset + 8);
    unsigned char *payload = NULL;
    switch (expected_heap.live_count == 0 ? 0 : random_below(5)) {
    case 0:
        payload = kmem_alloc(&heap, size);
        break;
    case 1:
        payload = kmem_alloc_aligned(&heap, (size_t)16 << random_below(5), size);
        break;
    case 2:
        payload = kmem_realloc(&heap, victim, size);
        if (payload != NULL) {
            live_remove(index);
        }
        break;
    default:
        assert_int_equal(kmem_free(&heap, victim), KMEM_OK);
        live_remove(index);
        break;
    }
    if (payload != NULL) {
        live_insert(payload);
    }
    expected_heap.page_count = kmem_page_count(&heap);
}

TEST(a_healthy_heap_is_sound_in_many_shapes) {
    for (uint64_t seed = 1; seed <= 50; seed++) {
        random_state = seed << 32;
        growing_heap();
        expected_heap = (struct expectation){
            .base = heap.base, .page_size = 256, .page_count = 4, .live = live, .live_count = 0};
        for (unsigned step = 0; step < 400; step++) {
            operate_at_random();
            const struct verdict verdict = check(INVARIANT_ALL);
            if (!verdict_is_sound(verdict)) {
                fail_msg("seed %" PRIu64 " step %u: %s", seed, step, invariant_id(verdict.oracle));
            }
            assert_int_equal(census.taken_count, expected_heap.live_count);
            assert_int_equal(census.taken_size, heap.taken_size);
        }
    }
}

/* Bytes without meaning. The region ends at inaccessible memory; the heap's members are random too. */

static void fill_at_random(unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        byte_write(bytes + i, (unsigned char)next_random(&random_state));
    }
}

/* Small sizes here and there, so that walks get far. */
static void fill_with_random_headers(void) {
    for (size_t offset = 0; offset < HEAP_SIZE; offset += 8) {
        const uint64_t taken = random_below(2) == 0 ? BLOCK_TAKEN : 0;
        header_write(offset,
                     taken | (random_below(50) == 0 ? next_random(&random_state) : 16 + 8 * random_below(4)));
    }
}

TEST(whatever_the_bytes_the_checker_ends_inside_the_region) {
    size_t longest = 0;
    random_state = 1;
    for (unsigned trial = 0; trial < 2000; trial++) {
        start_with("free 1024");
        if (trial % 2 == 0) {
            fill_at_random(heap.base, HEAP_SIZE);
        } else {
            fill_with_random_headers();
        }
        fill_at_random((unsigned char *)&heap, sizeof heap);
        const uint64_t mask = next_random(&random_state) & WITHOUT(REGION);
        const struct verdict verdict = check(trial % 4 < 2 ? mask : 0);
        assert_true(verdict_is_sound(verdict) || (mask & INVARIANT_BIT(verdict.oracle)) != 0);
        assert_true(verdict.offset < HEAP_SIZE);
        assert_true(census.block_count <= HEAP_SIZE / 16);
        assert_true(census.taken_size <= HEAP_SIZE);
        longest = census.block_count > longest ? census.block_count : longest;
    }
    assert_true(longest > 20);
}

TEST(the_census_counts_what_the_walk_saw) {
    start_with("taken 32 | free 64 | taken 48 | taken 24 | free 856");
    assert_sound(INVARIANT_ALL);
    assert_census(5, 3, 104);
    start_with("free 1024");
    assert_sound(INVARIANT_ALL);
    assert_census(1, 0, 0);
}

TEST(the_census_of_a_broken_heap_covers_the_blocks_before_the_offset) {
    start_with("taken 32 | free 64 | free 48 | taken 880");
    assert_verdict(INVARIANT_ALL, "free-merged 96 112 48");
    assert_census(2, 1, 32);
    start_with("taken 32 | free 64 | taken 48 | taken 880");
    assert_sound(INVARIANT_ALL);
    const uint64_t whole = census.layout;
    header_write(144, 12);
    assert_verdict(INVARIANT_ALL, "block-size 144 16 12");
    assert_int_equal(census.block_count, 3);
    assert_int_not_equal(census.layout, whole);
}

static uint64_t layout_of(const char *blocks) {
    start_with(blocks);
    assert_sound(WITHOUT(FREE_MERGED));
    return census.layout;
}

TEST(equal_block_lists_have_equal_layouts_at_different_addresses) {
    const uint64_t layout = layout_of("taken 32 | free 64 | taken 928");
    assert_int_equal(layout_of("taken 32 | free 64 | taken 928"), layout);
    arena_prepare();
    assert_int_equal(kmem_init(&heap, arena_base_for(4096), 4, 256, NULL), KMEM_OK);
    lay_out("taken 32 | free 64 | taken 928");
    pattern_write(at(8), 24, 1);
    expected_heap.base = heap.base;
    assert_sound(INVARIANT_ALL);
    assert_int_equal(census.layout, layout);
}

/* Every heap of two or three blocks, each taken or free. */
TEST(different_block_lists_have_different_layouts) {
    static uint64_t layouts[8192];
    size_t count = 0;
    for (size_t first = 32; first < HEAP_SIZE - 64; first += 32) {
        for (size_t second = 32; first + second <= HEAP_SIZE; second += 64) {
            for (unsigned bits = 0; bits < 8; bits++) {
                char blocks[64];
                const size_t third = HEAP_SIZE - first - second;
                (void)snprintf(blocks, sizeof blocks, "%s %zu | %s %zu", (bits & 1) != 0 ? "taken" : "free",
                               first, (bits & 2) != 0 ? "taken" : "free", second);
                if (third != 0) {
                    const size_t length = strlen(blocks);
                    (void)snprintf(blocks + length, sizeof blocks - length, " | %s %zu",
                                   (bits & 4) != 0 ? "taken" : "free", third);
                }
                if (third != 0 || bits < 4) {
                    layouts[count++] = layout_of(blocks);
                }
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(layouts[i], layouts[j]);
        }
    }
}

TEST(every_invariant_has_an_id_of_its_own_and_a_sentence) {
    static const char ids[] = "region; walk-ends; block-size; block-tiling; free-merged; taken-is-live; "
                              "live-is-taken; counters";
    unsigned invariant = 1;
    for (const char *item = ids; item != NULL; item = next_item(item)) {
        const char *const id = invariant_id(invariant++);
        assert_int_equal(strlen(id), strcspn(item, ";"));
        assert_memory_equal(id, item, strlen(id));
    }
    assert_int_equal(invariant, INVARIANT_COUNT);
    assert_named_apart(invariant_id, invariant_sentence, INVARIANT_COUNT, "");
    assert_null(invariant_id(UINT32_MAX));
    assert_null(invariant_sentence(UINT32_MAX));
}

TEST(the_masks_cover_every_invariant) {
    assert_int_equal(INVARIANT_ALL, (UINT64_C(1) << INVARIANT_COUNT) - 2);
    assert_int_equal(INVARIANT_STRUCTURE, INVARIANT_ALL & ~INVARIANT_AGREEMENT);
}
