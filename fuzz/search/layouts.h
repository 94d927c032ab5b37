/* The layouts of a small heap: how many there are, and a number for each.
 *
 * Of n grains, with blocks of `least` grains and more and no two free ones side by side. So many end in a
 * taken block, so many in a free one, and e is the empty one:
 *
 *     e(0) = 1, t(n) = sum over k = least..n of (t + f + e)(n - k), f(n) = sum of (t + e)(n - k) */
#ifndef KMEM_LAYOUTS_H
#define KMEM_LAYOUTS_H

#include <stdint.h>

#include "invariants/live.h"

#define LAYOUTS_GRAINS ((size_t)32) /* at most */

struct layouts {
    size_t grain_size;  /* bytes */
    size_t least;       /* grains of the smallest block */
    size_t grain_count; /* of the region, up to LAYOUTS_GRAINS */
    size_t start;       /* bytes from base, of the first grain */
    uint64_t count;     /* of layouts, t + f; below 2^45 */
    /* Of i grains, behind a taken block and behind a free one; and how many have fewer grains than i. */
    uint64_t after_taken[LAYOUTS_GRAINS + 1];
    uint64_t after_free[LAYOUTS_GRAINS + 1];
    uint64_t sum_taken[LAYOUTS_GRAINS + 2];
    uint64_t sum_free[LAYOUTS_GRAINS + 2];
};

/* Fills in the rest for a region whose first four members are set. */
void layouts_make(struct layouts *layouts);

/* The number, from 0 and below count, of the layout that has these live blocks, sorted by offset. */
uint64_t layouts_number(const struct layouts *layouts, const struct live_block *live, size_t live_count);

/* The reverse: writes at most grain_count / least blocks to live, and returns how many. */
size_t layouts_blocks(const struct layouts *layouts, uint64_t number, struct live_block *live);

#endif
