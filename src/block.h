/* The block: the only thing a heap is made of, and the contract everything else stands on.
 *
 *     base                                                                     base + size
 *      | header | payload ............ | header | payload ... | header | payload ......|
 *      |<------- block, 32 bytes ----->|<--- block, 24 ------>|<----- block, 32 ------>|
 *
 * A region is filled end to end with blocks. There are no pointers: the next block starts where this one
 * ends, so the headers form a linked list by size (the notes call the header AllocList).
 *
 *     bit 63      taken (1) or free (0)
 *     bits 62..0  the block's size in bytes, header included: a multiple of 8, at least 16
 *
 * Headers are 8-aligned and in the machine's byte order, 64 bits wide on 32-bit machines too.
 *
 * Only the layout of a header and the two accessors that touch one belong here; nothing here knows where a
 * region starts or ends. The core and the checker include it. The model must not: it is independent of the
 * layout. */
#ifndef KMEM_BLOCK_H
#define KMEM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

#define BLOCK_ALIGNMENT   ((size_t)8) /* bytes; of every header, payload and size (alignment order 3) */
#define BLOCK_HEADER_SIZE ((size_t)8) /* bytes */
#define BLOCK_SIZE_MINIMUM                                                                                   \
    ((size_t)16) /* bytes; a header and the smallest payload; also the split threshold */
#define BLOCK_TAKEN (UINT64_C(1) << 63)

/* A word of a region: a header, or 8 bytes of a payload, which may hold objects of any type. */
typedef uint64_t __attribute__((may_alias)) block_word;

/* A header as its parts. Not how it lies in memory. */
struct block {
    uint64_t size; /* bytes, header included; as read, so it may be anything when the heap is corrupt */
    bool taken;
};

/* The header at address, whatever it says: nothing is judged here. address is 8-aligned. May read poisoned
 * memory. Cost: one load. */
PORT_UNCHECKED static inline struct block block_read(const unsigned char *address) {
    const uint64_t header = *(const block_word *)(const void *)address;
    const struct block block = {header & ~BLOCK_TAKEN, (header & BLOCK_TAKEN) != 0}; /* C++ reads it too */
    return block;
}

/* Writes a header at address: size in bytes, header included, below 2^63. May write poisoned memory. Cost:
 * one store. */
PORT_UNCHECKED static inline void block_write(unsigned char *address, uint64_t size, bool taken) {
    *(block_word *)(void *)address = size | (taken ? BLOCK_TAKEN : 0);
}

/* Can this header be true for a block with `room` bytes between its start and the region's end? A walk that
 * checks it at every step neither loops (each step is 16 bytes or more) nor leaves the region. */
static inline bool block_is_possible(struct block block, size_t room) {
    return block.size >= BLOCK_SIZE_MINIMUM && block.size % BLOCK_ALIGNMENT == 0 && block.size <= room;
}

#endif
