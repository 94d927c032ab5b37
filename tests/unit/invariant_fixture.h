/* What the tests of the checker share: a heap, what it should be, and what a verdict has to say.
 *
 * Include this file before any other, as heap_fixture.h. */
#ifndef KMEM_INVARIANT_FIXTURE_H
#define KMEM_INVARIANT_FIXTURE_H

#include "tests/unit/heap_fixture.h"

#include "tests/unit/verdict_fixture.h"

#define ONLY(invariant)    INVARIANT_BIT(INVARIANT_##invariant)
#define WITHOUT(invariant) (INVARIANT_ALL & ~INVARIANT_BIT(INVARIANT_##invariant))

#define LIVE_COUNT_MAXIMUM ((size_t)512)

/* What the heap under test should be: its region and what is live in it. */
static struct live_block live[LIVE_COUNT_MAXIMUM];
static struct expectation expected_heap;
static struct census census;

/* What is live: the taken blocks of a block list. */
static inline void expect_live(const char *text) {
    size_t offset = 0;
    size_t size;
    bool taken;
    expected_heap.live_count = 0;
    while (blocks_next(&text, &size, &taken)) {
        if (taken) {
            live[expected_heap.live_count++] = (struct live_block){.offset = offset, .size = size};
        }
        offset += size;
    }
}

/* A fresh heap with this block list, of which every taken block is live. */
static inline void start_with(const char *blocks) {
    fresh_heap();
    lay_out(blocks);
    expected_heap = (struct expectation){
        .base = heap.base, .page_size = HEAP_PAGE_SIZE, .page_count = HEAP_PAGE_COUNT, .live = live};
    expect_live(blocks);
}

static inline struct verdict check(uint64_t mask) {
    return invariant_check(&heap, &expected_heap, mask, &census);
}

static const struct checker checker = {check, invariant_id, INVARIANT_ALL};

static inline void assert_verdict(uint64_t mask, const char *expected) {
    assert_checked(&checker, mask, expected);
}

static inline void assert_sound(uint64_t mask) {
    assert_verdict(mask, "sound");
}

/* What the walk has counted: blocks, those taken, and their bytes. */
static inline void assert_census(size_t block_count, size_t taken_count, size_t taken_size) {
    assert_int_equal(census.block_count, block_count);
    assert_int_equal(census.taken_count, taken_count);
    assert_int_equal(census.taken_size, taken_size);
}

#endif
