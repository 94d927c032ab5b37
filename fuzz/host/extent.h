/* Which bytes a failure is about, for pictures to mark: from a verdict, or the address the subject died at.
 */
#ifndef KMEM_EXTENT_H
#define KMEM_EXTENT_H

#include "fuzz/host/history.h"

#define EXTENT_COUNT_MAXIMUM 2

struct extent {
    int64_t offset;   /* bytes from base; negative before it */
    uint64_t size;    /* bytes; at least 1 */
    const char *what; /* such as "the payload returned" */
};

/* Fills extents with the bytes that the history's failure is about, going by the blocks after its last step;
 * none when it did not fail or no byte is to blame. Returns how many. */
size_t extent_find(const struct history *history, const struct history_block *blocks, size_t block_count,
                   struct extent extents[EXTENT_COUNT_MAXIMUM]);

/* The same for the blocks after the history's last step. */
size_t extent_find_last(const struct history *history, struct extent extents[EXTENT_COUNT_MAXIMUM]);

#endif
