/* The checker of a tree of Sv39 page tables: walks every table that the root leads to and says whether they
 * can be what they claim to be.
 *
 * It only reads the tree, follows no entry before checking it, and visits no page twice, so it ends after one
 * look at each page of the allocator, whatever the entries hold. It needs no library and allocates nothing,
 * so it runs on the target as on the host. It trusts the page allocator, which page_invariant.h checks, and
 * judges only by the tables and a list of what should be mapped, not by the mapped pages. */
#ifndef KMEM_SV39_INVARIANT_H
#define KMEM_SV39_INVARIANT_H

#include <stddef.h>
#include <stdint.h>

#include "invariants/verdict.h"
#include "src/page.h"
#include "src/riscv/sv39.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every invariant: its name in C, its id, and its sentence. The root is checked first; then at each entry, in
 * the order of virtual addresses, those that apply to it, in this order (skipped live mappings before the
 * leaf after them), and at each table's end that it is not empty; then the counters and the pages held. The
 * first one broken is the verdict. A verdict's offset is the lowest virtual address of the entry or table,
 * sign extended; sv39_invariant.c says what expected and observed mean for each. */
#define SV39_INVARIANT_LIST(X)                                                                               \
    X(ROOT, "sv39-root", "The allocator, root and offset are those the tree was made with.")                 \
    X(ABSENT, "sv39-absent", "Every entry that is not valid is 0.")                                          \
    X(LEAF_LEVEL, "sv39-leaf-level",                                                                         \
      "Every leaf is in a table of level 0, and every entry there is a leaf.")                               \
    X(LEAF_FLAGS, "sv39-leaf-flags", "Every leaf has V, A and D, a legal permission, and no unknown bit.")   \
    X(TABLE_FLAGS, "sv39-table-flags",                                                                       \
      "Every entry that names a table has no bit but V and the page number.")                                \
    X(TABLE_PAGE, "sv39-table-page", "Every table is a taken run of one page of the allocator.")             \
    X(TABLE_ONCE, "sv39-table-once", "No table is named twice, and the root never.")                         \
    X(TABLE_USED, "sv39-table-used", "No table is empty but the root.")                                      \
    X(LEAF_IS_LIVE, "sv39-leaf-is-live", "Every leaf is a live mapping.")                                    \
    X(LIVE_IS_LEAF, "sv39-live-is-leaf", "Every live mapping is a leaf with its physical page and flags.")   \
    X(COUNTERS, "sv39-counters", "The tree's counts of tables and mappings equal what the walk counts.")     \
    X(PAGES_HELD, "sv39-pages-held", "The allocator's taken pages are the tables and those of others.")

enum sv39_invariant {
    SV39_INVARIANT_NONE = SOUND,
#define SV39_INVARIANT_ENUMERATOR(name, id, sentence) SV39_INVARIANT_##name,
    SV39_INVARIANT_LIST(SV39_INVARIANT_ENUMERATOR)
#undef SV39_INVARIANT_ENUMERATOR
    SV39_INVARIANT_COUNT /* one more than the last */
};

#define SV39_INVARIANT_BIT(invariant) (UINT64_C(1) << (invariant))
#define SV39_INVARIANT_ALL                                                                                   \
    ((SV39_INVARIANT_BIT(SV39_INVARIANT_COUNT) - 1) & ~SV39_INVARIANT_BIT(SV39_INVARIANT_NONE))
#define SV39_INVARIANT_STRUCTURE /* what needs no list of live mappings */                                   \
    (SV39_INVARIANT_ALL &                                                                                    \
     ~(SV39_INVARIANT_BIT(SV39_INVARIANT_LEAF_IS_LIVE) | SV39_INVARIANT_BIT(SV39_INVARIANT_LIVE_IS_LEAF)))

/* A page that should be mapped. */
struct live_mapping {
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t flags; /* as given to sv39_map */
};

/* What is known about a tree from elsewhere. */
struct sv39_expectation {
    const struct page_allocator *pages; /* sound */
    const void *root;                   /* a taken run of one page of them */
    uint64_t physical_offset;           /* as given to sv39_init */
    const struct live_mapping *live;    /* sorted by virtual_address, no two the same; may be NULL when
                                           live_count is 0 */
    size_t live_count;
    size_t other_count;  /* taken pages that are not tables of this tree */
    unsigned char *seen; /* one byte a page of the allocator, where the checker notes which it has visited */
};

/* Checks the invariants whose bits are set in mask (SV39_INVARIANT_BIT) on tree. Reads only *tree, the
 * expected allocator, its tables and the live list; writes only the expectation's seen. If a mask leaves out
 * what an entry breaks: an entry without V is absent; one of level 0 is a leaf; any other is followed when it
 * has none of R, W and X and names a taken run of one page not visited before. Cost: 512 loads per table, at
 * most 32 more per entry that is not 0, and one comparison with the live list per leaf. */
__attribute__((warn_unused_result)) struct verdict
sv39_invariant_check(const struct sv39 *tree, const struct sv39_expectation *expectation, uint64_t mask);

/* The id and the sentence of an invariant, 1 <= invariant < SV39_INVARIANT_COUNT; NULL for any other. */
const char *sv39_invariant_id(unsigned invariant);
const char *sv39_invariant_sentence(unsigned invariant);

#ifdef __cplusplus
}
#endif

#endif
