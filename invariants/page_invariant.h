/* The checker of a page allocator: walks its descriptors and says whether they can be what they claim to be.
 *
 * It only reads, never trusts a member of the allocator before checking it, and ends after two walks over the
 * expected descriptors, whatever bytes they hold. It needs no library and allocates nothing, so it runs on
 * the target as on the host. It judges only by the descriptors and a list of what should be live; it does not
 * look at the pages' contents. */
#ifndef KMEM_PAGE_INVARIANT_H
#define KMEM_PAGE_INVARIANT_H

#include <stddef.h>
#include <stdint.h>

#include "invariants/verdict.h"
#include "src/page.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every invariant: its name in C, its id, and its sentence. The region is checked first, then all
 * descriptors, then the next three in this order at each run, then the counter; the first one broken is the
 * verdict. A verdict's offset is a page index, not a number of bytes; page_invariant.c says what expected and
 * observed mean for each. */
#define PAGE_INVARIANT_LIST(X)                                                                               \
    X(REGION, "page-region", "The base, descriptors and page count are those of the memory it was given.")   \
    X(DESCRIPTOR, "page-descriptor", "Every descriptor has only known bits, and is last only when taken.")   \
    X(RUN_ENDS, "page-run-ends", "Every taken run ends with a last page.")                                   \
    X(TAKEN_IS_LIVE, "page-taken-is-live", "Every taken run is a live run.")                                 \
    X(LIVE_IS_TAKEN, "page-live-is-taken", "Every live run is a taken run of the right length.")             \
    X(COUNTER, "page-counter", "The allocator's count of taken pages equals what the walk counts.")

enum page_invariant {
    PAGE_INVARIANT_NONE = SOUND,
#define PAGE_INVARIANT_ENUMERATOR(name, id, sentence) PAGE_INVARIANT_##name,
    PAGE_INVARIANT_LIST(PAGE_INVARIANT_ENUMERATOR)
#undef PAGE_INVARIANT_ENUMERATOR
    PAGE_INVARIANT_COUNT /* one more than the last */
};

#define PAGE_INVARIANT_BIT(invariant) (UINT64_C(1) << (invariant))
#define PAGE_INVARIANT_STRUCTURE      /* what needs no list of live runs */                                  \
    (PAGE_INVARIANT_BIT(PAGE_INVARIANT_REGION) | PAGE_INVARIANT_BIT(PAGE_INVARIANT_DESCRIPTOR) |             \
     PAGE_INVARIANT_BIT(PAGE_INVARIANT_RUN_ENDS) | PAGE_INVARIANT_BIT(PAGE_INVARIANT_COUNTER))
#define PAGE_INVARIANT_ALL                                                                                   \
    (PAGE_INVARIANT_STRUCTURE | PAGE_INVARIANT_BIT(PAGE_INVARIANT_TAKEN_IS_LIVE) |                           \
     PAGE_INVARIANT_BIT(PAGE_INVARIANT_LIVE_IS_TAKEN))

/* A run that should be taken. */
struct live_run {
    size_t first_index; /* page index of its first page */
    size_t page_count;  /* pages, at least 1 */
};

/* What is known about a page allocator from elsewhere. */
struct page_expectation {
    const void *base;                 /* page 0 */
    const unsigned char *descriptors; /* the first byte of the memory page_init was given; page_count bytes */
    size_t page_count;                /* pages */
    const struct live_run
        *live; /* sorted by first_index, not overlapping; may be NULL when live_count is 0 */
    size_t live_count;
};

/* Checks the invariants whose bits are set in mask (PAGE_INVARIANT_BIT) on pages. Reads only *pages, the
 * expected descriptors and the live list, whatever members and descriptors say. If a mask leaves out what a
 * descriptor breaks, PAGE_TAKEN alone decides that its page is taken, and PAGE_LAST then that it is the last
 * of its run. Cost: two loads per page, and one comparison with the live list per run. */
__attribute__((warn_unused_result)) struct verdict
page_invariant_check(const struct page_allocator *pages, const struct page_expectation *expectation,
                     uint64_t mask);

/* The id and the sentence of an invariant, 1 <= invariant < PAGE_INVARIANT_COUNT; NULL for any other. */
const char *page_invariant_id(unsigned invariant);
const char *page_invariant_sentence(unsigned invariant);

#ifdef __cplusplus
}
#endif

#endif
