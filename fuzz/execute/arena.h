/* The arena: the memory heaps are made in, one after another, and how it is kept in a known state.
 *
 *     | guard | one page | region ............... | not yet given pages | guard |
 *             base                              region end              base + capacity
 *
 * Between runs every byte holds the dirt and is poisoned, so that each run starts from the same bytes, reads
 * nothing of the run before, and cannot mistake fresh memory for zeroed memory. Only what a run may have
 * touched is made dirty again.
 *
 * Such a piece of memory need not always be there: the owner of an arena in pages maps it as far as a run's
 * region reaches, and dirty.
 *
 * Accesses here are PORT_UNCHECKED: the arena is the one place of the harness that touches poisoned memory.
 * Where the memory comes from is the caller's. */
#ifndef KMEM_ARENA_H
#define KMEM_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "fuzz/program/program.h"

#define ARENA_GUARD_SIZE ((size_t)64) /* bytes */
#define ARENA_CAPACITY                                                                                       \
    (PROGRAM_REGION_SIZE_MAXIMUM + 4096) /* bytes: the largest region and the page before it */
/* bytes: a region starts a page past a multiple of this and ends less than halfway to the next one, so that a
 * larger alignment fits nowhere in it, wherever the arena is. */
#define ARENA_ALIGNMENT (2 * PROGRAM_REGION_SIZE_MAXIMUM)
#define ARENA_DIRT      0xa5 /* as a header: taken, and of an impossible size */

struct arena {
    unsigned char *base; /* a multiple of ARENA_ALIGNMENT; the guards are before it and after capacity */
    size_t capacity;     /* bytes: ARENA_CAPACITY for every program to fit */
    /* 0: all of it is memory, at any time. Otherwise bytes, a power of two: while a run needs them, its owner
     * maps pages of this size, from the guard before the region to the region's last byte, each full of dirt,
     * and unmaps them at the end. Outside the region's pages there is then no guard: a write there is a
     * fault. */
    size_t page_size;
    bool borrowed; /* it is the subject's own memory, or anywhere: never filled, and without guards */
};

/* Fills the whole arena and both guards with dirt and poisons them. Cost: capacity. An arena in pages has
 * nothing to fill, here and in arena_reset. */
void arena_prepare(struct arena arena);

/* Puts the first `size` bytes from base on back to dirt, and poisons them. */
void arena_reset(struct arena arena, size_t size);

/* The offset from base, possibly negative, of the first guard byte that is no longer dirt, of the guard
 * before the region, the bytes after its end, and the guard after the arena; in pages, of those that exist.
 * Returns true, and the offset, iff there is one. */
bool arena_guard_broken(struct arena arena, size_t region_size, ptrdiff_t *offset);

/* The same for ARENA_GUARD_SIZE bytes of dirt at offset, between two regions. */
bool arena_gap_broken(struct arena arena, size_t gap_offset, ptrdiff_t *offset);

/* The first of size bytes from offset on that is not 0; size when all are. Fastest
 * where it is 8-aligned. */
size_t arena_first_nonzero(struct arena arena, size_t offset, size_t size);

/* The byte at offset, -ARENA_GUARD_SIZE <= offset < capacity + ARENA_GUARD_SIZE. */
unsigned char arena_byte(struct arena arena, ptrdiff_t offset);

#endif
