/* What the tests of the checker share: a heap, what it should be, and what a verdict has to say.
 *
 * Include this file before any other, as heap_fixture.h. */
#ifndef KMEM_INVARIANT_FIXTURE_H
#define KMEM_INVARIANT_FIXTURE_H

#include "tests/unit/heap_fixture.h"

#include "invariants/invariant.h"

#define ONLY(invariant)    INVARIANT_BIT(INVARIANT_##invariant)
#define WITHOUT(invariant) (INVARIANT_ALL & ~INVARIANT_BIT(INVARIANT_##invariant))

#define LIVE_COUNT_MAXIMUM ((size_t)512)

/* What the heap under test should be: its region and what is live in it. */
static struct live_block live[LIVE_COUNT_MAXIMUM];
static struct expectation expected_heap;
static struct census census;

/* A fresh heap with this block list, of which every taken block is live. */
static inline void start_with(const char *blocks) {
    fresh_heap();
    lay_out(blocks);
    expected_heap = (struct expectation){.base = heap.base,
                                         .page_size = HEAP_PAGE_SIZE,
                                         .page_count = HEAP_PAGE_COUNT,
                                         .live = live,
                                         .live_count = 0};
    for (size_t offset = 0; offset < HEAP_SIZE;) {
        const struct block block = block_read(at(offset));
        if (block.taken) {
            live[expected_heap.live_count++] =
                (struct live_block){.offset = offset, .size = (size_t)block.size};
        }
        offset += (size_t)block.size;
    }
}

static inline struct verdict check(uint64_t mask) {
    return invariant_check(&heap, &expected_heap, mask, &census);
}

static inline void assert_verdict(uint64_t mask, enum invariant invariant, uint64_t offset, uint64_t expected,
                                  uint64_t observed) {
    const struct verdict verdict = check(mask);
    if (verdict.oracle != (unsigned)invariant) {
        const char *const id = invariant_id(verdict.oracle);
        fail_msg("%s in place of %s", id == NULL ? "sound" : id, invariant_id((unsigned)invariant));
    }
    assert_int_equal(verdict.offset, offset);
    assert_int_equal(verdict.expected, expected);
    assert_int_equal(verdict.observed, observed);
}

static inline void assert_sound(uint64_t mask) {
    const struct verdict verdict = check(mask);
    if (!verdict_is_sound(verdict)) {
        fail_msg("%s at %" PRIu64, invariant_id(verdict.oracle), verdict.offset);
    }
    assert_int_equal(verdict.offset, 0);
    assert_int_equal(verdict.expected, 0);
    assert_int_equal(verdict.observed, 0);
}

#endif
