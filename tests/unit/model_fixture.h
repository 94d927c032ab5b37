/* What the tests of the reference model share: one model, its operations, and predictions member by member.
 */
#ifndef KMEM_MODEL_FIXTURE_H
#define KMEM_MODEL_FIXTURE_H

#include "fuzz/execute/model.h"
#include "tests/unit/test.h"

#define NOTHING       MODEL_NOTHING
#define LIVE_CAPACITY 64

static struct live_block live[LIVE_CAPACITY];
static struct model model;

/* A heap of page_count pages of 64 bytes that may grow to page_limit. */
static inline void start(size_t page_count, size_t page_limit) {
    model_start(&model, live, LIVE_CAPACITY, 64, page_count, page_limit, 0);
}

static inline struct prediction alloc(uint64_t size) {
    return model_alloc(&model, 8, size);
}

static inline struct prediction aligned(uint64_t alignment, uint64_t size) {
    return model_alloc(&model, alignment, size);
}

static inline void assert_placed(struct prediction prediction, size_t offset, size_t usable_size) {
    assert_int_equal(prediction.refusal, REFUSAL_NONE);
    assert_int_equal(prediction.offset, offset);
    assert_int_equal(prediction.usable_size, usable_size);
    assert_int_equal(prediction.asked_pages, 0);
    assert_int_equal(prediction.freed_offset, NOTHING);
}

static inline void assert_moved(struct prediction prediction, size_t offset, size_t usable_size,
                                size_t freed_offset) {
    assert_int_equal(prediction.freed_offset, freed_offset);
    prediction.freed_offset = NOTHING;
    assert_placed(prediction, offset, usable_size);
}

static inline void assert_grown(struct prediction prediction, size_t offset, size_t usable_size,
                                size_t asked_pages) {
    assert_int_equal(prediction.asked_pages, asked_pages);
    prediction.asked_pages = 0;
    assert_placed(prediction, offset, usable_size);
}

static inline void assert_refused(struct prediction prediction, enum refusal refusal, size_t asked_pages) {
    assert_int_equal(prediction.refusal, refusal);
    assert_int_equal(prediction.offset, NOTHING);
    assert_int_equal(prediction.usable_size, 0);
    assert_int_equal(prediction.asked_pages, asked_pages);
    assert_int_equal(prediction.freed_offset, NOTHING);
}

static inline void assert_freed(struct prediction prediction, size_t freed_offset) {
    assert_int_equal(prediction.freed_offset, freed_offset);
    prediction.freed_offset = NOTHING;
    assert_refused(prediction, REFUSAL_NONE, 0);
}

#endif
