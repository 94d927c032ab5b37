/* What is done from a layout of a small heap: for close.c. */
#ifndef KMEM_ALPHABET_H
#define KMEM_ALPHABET_H

#include "fuzz/search/close.h"

#define ALPHABET_CAPACITY ((size_t)16384)
#define ALPHABET_STALE                                                                                       \
    ((uint16_t)32) /* the first slot with a stale pointer, one for each grain; those below hold payloads */
#define ALPHABET_SLOTS ((size_t)64)

struct alphabet {
    size_t count;
    struct operation operations[ALPHABET_CAPACITY];
};

/* Fills in the operations from the executor's present state, in which slots from first_slot to below
 * ALPHABET_STALE hold payloads without a gap. */
void alphabet_fill(struct alphabet *alphabet, const struct close *close, enum close_growth growth,
                   size_t first_slot);

#endif
