/* The checker of a heap. invariant.h is the contract.
 *
 * One function for each invariant's failure, named after it, kept out of line so that a debugger can stop in
 * each. */
#include "invariants/invariant.h"

#include "src/block.h"
#include "src/require.h"

#define OUT_OF_LINE __attribute__((noinline, cold))

/* The failures. */

/* The first of base, page size, page count that differs; a base as its distance from the right one. */
OUT_OF_LINE static struct verdict fail_region(uint64_t expected, uint64_t observed) {
    return (struct verdict){INVARIANT_REGION, 0, expected, observed};
}

OUT_OF_LINE static struct verdict fail_walk_ends(size_t offset) {
    return (struct verdict){INVARIANT_WALK_ENDS, offset, BLOCK_SIZE_MINIMUM, 0};
}

/* Expected is the nearest possible size above. */
OUT_OF_LINE static struct verdict fail_block_size(size_t offset, uint64_t size) {
    const uint64_t rounded = (size + BLOCK_ALIGNMENT - 1) & ~(uint64_t)(BLOCK_ALIGNMENT - 1);
    const uint64_t possible = rounded < BLOCK_SIZE_MINIMUM ? BLOCK_SIZE_MINIMUM : rounded;
    return (struct verdict){INVARIANT_BLOCK_SIZE, offset, possible, size};
}

OUT_OF_LINE static struct verdict fail_block_tiling(size_t offset, size_t room, uint64_t size) {
    return (struct verdict){INVARIANT_BLOCK_TILING, offset, room, size};
}

OUT_OF_LINE static struct verdict fail_free_merged(size_t offset, uint64_t merged_size, uint64_t size) {
    return (struct verdict){INVARIANT_FREE_MERGED, offset, merged_size, size};
}

OUT_OF_LINE static struct verdict fail_taken_is_live(size_t offset, uint64_t size) {
    return (struct verdict){INVARIANT_TAKEN_IS_LIVE, offset, 0, size};
}

/* The size observed is 0 when no taken block is there. */
OUT_OF_LINE static struct verdict fail_live_is_taken(struct live_block live, uint64_t size) {
    return (struct verdict){INVARIANT_LIVE_IS_TAKEN, live.offset, live.size, size};
}

/* Of taken blocks or, when that agrees, of taken bytes. */
OUT_OF_LINE static struct verdict fail_counters(uint64_t counted, uint64_t claimed) {
    return (struct verdict){INVARIANT_COUNTERS, 0, counted, claimed};
}

/* The checks. Each returns a sound verdict or its own failure, whatever the mask says. */

static bool is_on(uint64_t mask, struct verdict verdict) {
    return (mask & INVARIANT_BIT(verdict.oracle)) != 0 && !verdict_is_sound(verdict);
}

static struct verdict check_region(const struct kmem *heap, const struct expectation *expectation) {
    const uintptr_t base = (uintptr_t)expectation->base;
    if ((uintptr_t)heap->base != base) {
        return fail_region(0, (uintptr_t)heap->base - base);
    }
    if (heap->page_size != expectation->page_size) {
        return fail_region(expectation->page_size, heap->page_size);
    }
    if (heap->page_count != expectation->page_count) {
        return fail_region(expectation->page_count, heap->page_count);
    }
    return verdict_sound();
}

/* What is wrong with a header that is not possible. */
static struct verdict fail_header(struct block block, size_t offset, size_t room) {
    if (block.size == 0) {
        return fail_walk_ends(offset);
    }
    if (block.size < BLOCK_SIZE_MINIMUM || block.size % BLOCK_ALIGNMENT != 0) {
        return fail_block_size(offset, block.size);
    }
    return fail_block_tiling(offset, room, block.size);
}

static struct verdict check_counters(const struct kmem *heap, const struct census *census) {
    if (heap->taken_count != census->taken_count) {
        return fail_counters(census->taken_count, heap->taken_count);
    }
    if (heap->taken_size != census->taken_size) {
        return fail_counters(census->taken_size, heap->taken_size);
    }
    return verdict_sound();
}

/* How far the walk has come along the live list. */
struct comparison {
    const struct expectation *expectation;
    size_t next;        /* the first live block the walk has not passed */
    size_t next_offset; /* its offset; SIZE_MAX when there is none */
};

static void advance(struct comparison *comparison, size_t next) {
    const struct expectation *const expectation = comparison->expectation;
    comparison->next = next;
    comparison->next_offset = next < expectation->live_count ? expectation->live[next].offset : SIZE_MAX;
}

/* The first broken invariant among the live blocks before offset: those the walk has passed. */
static struct verdict check_passed(struct comparison *comparison, size_t offset, uint64_t mask) {
    while (comparison->next_offset < offset) {
        const struct live_block live = comparison->expectation->live[comparison->next];
        advance(comparison, comparison->next + 1);
        const struct verdict verdict = fail_live_is_taken(live, 0);
        if (is_on(mask, verdict)) {
            return verdict;
        }
    }
    return verdict_sound();
}

/* The first broken invariant of agreement with the live list, up to and with the block at offset. */
static struct verdict check_agreement(struct block block, size_t offset, struct comparison *comparison,
                                      uint64_t mask) {
    struct verdict verdict = check_passed(comparison, offset, mask);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    if (comparison->next_offset == offset) {
        const struct live_block live = comparison->expectation->live[comparison->next];
        const uint64_t taken_size = block.taken ? block.size : 0;
        advance(comparison, comparison->next + 1);
        if (taken_size != live.size) {
            verdict = fail_live_is_taken(live, taken_size);
        }
    } else if (block.taken) {
        verdict = fail_taken_is_live(offset, block.size);
    }
    return is_on(mask, verdict) ? verdict : verdict_sound();
}

/* Folds one header into the hash. The rotation makes order count, the multiplication spreads every bit
 * upwards; the constant is 2^64 divided by the golden ratio, made odd (Knuth, TAOCP 3, 6.4). */
static uint64_t fold(uint64_t layout, struct block block) {
    const uint64_t header = block.size * 2 + (block.taken ? 1 : 0);
    return ((layout << 5 | layout >> 59) ^ header) * UINT64_C(0x9e3779b97f4a7c15);
}

static void count(struct census *census, struct block block) {
    census->block_count++;
    census->taken_count += block.taken ? 1 : 0;
    census->taken_size += block.taken ? block.size : 0;
    census->layout = fold(census->layout, block);
}

/* Is this the header at base + offset, and one that is possible there? Then it is counted. */
static bool has_block(const unsigned char *base, size_t offset, size_t end, struct block expected,
                      struct census *census) {
    if (offset >= end || !block_is_possible(expected, end - offset)) {
        return false;
    }
    const struct block block = block_read(base + offset);
    count(census, expected);
    return block.size == expected.size && block.taken == expected.taken;
}

/* Does the region hold the live blocks, one free block in each gap between them, and nothing else? Then all
 * that can be said of its blocks holds. Asked first, as it takes about half as long as judging each. */
static bool is_as_expected(const struct expectation *expectation, struct census *census) {
    const size_t end = expectation->page_count * expectation->page_size;
    size_t offset = 0;
    for (size_t i = 0; i < expectation->live_count; i++) {
        const struct live_block live = expectation->live[i];
        const struct block gap = {live.offset - offset, false};
        const struct block taken = {live.size, true};
        if ((gap.size != 0 && !has_block(expectation->base, offset, end, gap, census)) ||
            !has_block(expectation->base, live.offset, end, taken, census)) {
            return false;
        }
        offset = live.offset + live.size;
    }
    const struct block rest = {end - offset, false};
    census->complete = rest.size == 0 || has_block(expectation->base, offset, end, rest, census);
    return census->complete;
}

/* Walks the block list, judges each block, counts it, and judges the counters. A header that cannot be true
 * ends the walk, and with it what can be judged. */
static struct verdict check_blocks(const struct kmem *heap, const struct expectation *expectation,
                                   uint64_t mask, struct census *census) {
    const unsigned char *const base = expectation->base;
    const size_t end = expectation->page_count * expectation->page_size;
    const bool agreement = (mask & INVARIANT_AGREEMENT) != 0;
    struct comparison comparison = {.expectation = expectation};
    struct verdict verdict;
    uint64_t left_free_size = 0; /* of the free block that ends where the walk is; 0 when there is none */
    struct block block;
    advance(&comparison, 0);
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        block = block_read(base + offset);
        if (!block_is_possible(block, end - offset)) {
            verdict = fail_header(block, offset, end - offset);
            return is_on(mask, verdict) ? verdict : verdict_sound();
        }
        if (!block.taken && left_free_size != 0) {
            verdict = fail_free_merged(offset, left_free_size + block.size, block.size);
            if (is_on(mask, verdict)) {
                return verdict;
            }
        }
        if (agreement) {
            verdict = check_agreement(block, offset, &comparison, mask);
            if (!verdict_is_sound(verdict)) {
                return verdict;
            }
        }
        count(census, block);
        left_free_size = block.taken ? 0 : block.size;
    }
    census->complete = true;
    if (agreement) {
        verdict = check_passed(&comparison, SIZE_MAX, mask);
        if (!verdict_is_sound(verdict)) {
            return verdict;
        }
    }
    verdict = check_counters(heap, census);
    return is_on(mask, verdict) ? verdict : verdict_sound();
}

struct verdict invariant_check(const struct kmem *heap, const struct expectation *expectation, uint64_t mask,
                               struct census *census) {
    REQUIRE(heap != NULL && expectation->base != NULL && census != NULL);
    REQUIRE(expectation->live_count == 0 || expectation->live != NULL);
    *census = (struct census){.block_count = 0};
    const struct verdict verdict = check_region(heap, expectation);
    if (is_on(mask, verdict)) {
        return verdict;
    }
    struct census seen = *census; /* in registers while the walk goes on */
    if ((mask & INVARIANT_AGREEMENT) != 0 && is_as_expected(expectation, &seen)) {
        *census = seen;
        const struct verdict counters = check_counters(heap, census);
        return is_on(mask, counters) ? counters : verdict_sound();
    }
    seen = *census;
    const struct verdict walked = check_blocks(heap, expectation, mask, &seen);
    *census = seen;
    return walked;
}

struct verdict invariant_check_briefly(const struct kmem *heap, const struct expectation *expectation,
                                       uint64_t taken_size, uint64_t mask) {
    const struct census expected = {.taken_count = expectation->live_count, .taken_size = taken_size};
    const struct verdict region = check_region(heap, expectation);
    const struct verdict verdict = is_on(mask, region) ? region : check_counters(heap, &expected);
    return is_on(mask, verdict) ? verdict : verdict_sound();
}

static const char *const invariant_text[INVARIANT_COUNT][2] = {
#define INVARIANT_TEXT(name, id, sentence, ...) [INVARIANT_##name] = {id, sentence},
    INVARIANT_LIST(INVARIANT_TEXT)
#undef INVARIANT_TEXT
};

const char *invariant_id(unsigned invariant) {
    return invariant < INVARIANT_COUNT ? invariant_text[invariant][0] : NULL;
}

const char *invariant_sentence(unsigned invariant) {
    return invariant < INVARIANT_COUNT ? invariant_text[invariant][1] : NULL;
}
