/* The checker: walks a heap's block list and says whether it can be what it claims to be.
 *
 * It only reads, never trusts a header before checking it, and ends after at most size / 16 steps on any
 * bytes at all. It needs no library and allocates nothing, so it runs on the target as on the host. It judges
 * only by the heap's own bytes and a list of what should be live; how an operation came about is the
 * executor's.
 *
 * One sentence and one named failure for each check is a habit of tlsf-bsd; the independent walk is o1heap's.
 */
#ifndef KMEM_INVARIANT_H
#define KMEM_INVARIANT_H

#include <stddef.h>
#include <stdint.h>

#include "invariants/live.h"
#include "invariants/verdict.h"
#include "src/kmem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every invariant: its name in C, its id, its sentence, and what its verdict's offset, expected and observed
 * mean, with the unit in braces: {offset} is bytes from the region's base, modulo 2^64 before it; {bytes} a
 * number of bytes; {count} any other number. An offset that is not described is 0. They are checked in this
 * order at each block, and the first one broken is the verdict. */
#define INVARIANT_LIST(X)                                                                                    \
    X(REGION, "region", "The heap's base, page size and page count are those of the region it was given.",   \
      "the heap itself", "{count} (page size or page count)", "{count}")                                     \
    X(WALK_ENDS, "walk-ends", "No block has size 0, so that a walk advances at every step and ends.",        \
      "the header at {offset}", "a size of at least {bytes}", "a size of {bytes}")                           \
    X(BLOCK_SIZE, "block-size", "Every block's size is at least 16 bytes and a multiple of 8.",              \
      "the header at {offset}", "a possible size, such as {bytes}", "a size of {bytes}")                     \
    X(BLOCK_TILING, "block-tiling", "Blocks tile the region exactly: none reaches past its end.",            \
      "the header at {offset}", "at most {bytes}, up to the region's end", "a size of {bytes}")              \
    X(FREE_MERGED, "free-merged", "No two adjacent blocks are both free.",                                   \
      "the free block at {offset}, right after another", "one free block of {bytes}",                        \
      "a second block of {bytes}")                                                                           \
    X(TAKEN_IS_LIVE, "taken-is-live", "Every taken block belongs to a live allocation.",                     \
      "the taken block at {offset}", "no taken block there ({bytes})", "a taken block of {bytes}")           \
    X(LIVE_IS_TAKEN, "live-is-taken", "Every live allocation has its own taken block, of the right size.",   \
      "the live allocation's block at {offset}", "a taken block of {bytes}", "a taken block of {bytes}")     \
    X(COUNTERS, "counters", "The heap's counters of taken blocks and bytes equal what the walk counts.",     \
      "the heap's counters of taken blocks and bytes", "{count}, by the walk", "{count}, by the heap")

enum invariant {
    INVARIANT_NONE = SOUND,
#define INVARIANT_ENUMERATOR(name, ...) INVARIANT_##name,
    INVARIANT_LIST(INVARIANT_ENUMERATOR)
#undef INVARIANT_ENUMERATOR
    INVARIANT_COUNT /* one more than the last */
};

#define INVARIANT_BIT(invariant) (UINT64_C(1) << (invariant))
#define INVARIANT_STRUCTURE      /* what needs no list of live allocations */                                \
    (INVARIANT_BIT(INVARIANT_REGION) | INVARIANT_BIT(INVARIANT_WALK_ENDS) |                                  \
     INVARIANT_BIT(INVARIANT_BLOCK_SIZE) | INVARIANT_BIT(INVARIANT_BLOCK_TILING) |                           \
     INVARIANT_BIT(INVARIANT_FREE_MERGED) | INVARIANT_BIT(INVARIANT_COUNTERS))
#define INVARIANT_AGREEMENT /* what needs one */                                                             \
    (INVARIANT_BIT(INVARIANT_TAKEN_IS_LIVE) | INVARIANT_BIT(INVARIANT_LIVE_IS_TAKEN))
#define INVARIANT_ALL (INVARIANT_STRUCTURE | INVARIANT_AGREEMENT)

/* What is known about a heap from elsewhere. */
struct expectation {
    const void *base;              /* the region's first byte */
    size_t page_size;              /* bytes */
    size_t page_count;             /* pages */
    const struct live_block *live; /* sorted by offset, not overlapping; may be NULL when live_count is 0 */
    size_t live_count;
};

/* What a walk saw. Complete only when the verdict is sound; otherwise it covers the blocks before the offset.
 */
struct census {
    size_t block_count;
    size_t taken_count;
    uint64_t taken_size; /* bytes, headers included */
    bool complete;       /* the walk reached the region's end */
    uint64_t layout;     /* a hash of every header in order; equal for equal block lists, wherever they are */
};

/* Checks the invariants whose bits are set in mask (INVARIANT_BIT) on heap. Fills *census. Nothing is read
 * outside the expected region, whatever heap's members and headers say: even if a mask leaves out the check
 * of an impossible header, the walk stops there, and the verdict is sound for what it covered. Cost: one load
 * per block, and one comparison with the live list. */
__attribute__((warn_unused_result)) struct verdict invariant_check(const struct kmem *heap,
                                                                   const struct expectation *expectation,
                                                                   uint64_t mask, struct census *census);

/* The same of what needs no walk: the region, and the counters, which have to be of live_count blocks and
 * taken_size bytes. Cost: constant. */
__attribute__((warn_unused_result)) struct verdict
invariant_check_briefly(const struct kmem *heap, const struct expectation *expectation, uint64_t taken_size,
                        uint64_t mask);

/* The id and the sentence of an invariant, 1 <= invariant < INVARIANT_COUNT; NULL for any other. */
const char *invariant_id(unsigned invariant);
const char *invariant_sentence(unsigned invariant);

#ifdef __cplusplus
}
#endif

#endif
