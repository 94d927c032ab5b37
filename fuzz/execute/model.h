/* The reference model: predicts, for every operation, what the heap must return and how it must look
 * afterwards.
 *
 * It holds no headers and no free list, only the live blocks in a sorted array; in a heap that merges its
 * free neighbours, exactly one free block lies between two of them. All positions are offsets from the
 * region's base, which is `skew` bytes past a multiple of every alignment a program can ask for (the arena
 * ensures that).
 *
 * It builds the policy of subject.h and kmem.h a second time, from their words. It must never use block.h,
 * kmem.h or any code that the allocator shares, or it would repeat the allocator's mistakes. */
#ifndef KMEM_MODEL_H
#define KMEM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/execute/refusal.h"
#include "fuzz/execute/subject.h"
#include "invariants/live.h"

#define MODEL_NOTHING SIZE_MAX /* the offset of no payload: the operation returns NULL */

/* By which sizes are resolved for a heap that declares no policy. */
extern const struct subject_policy model_policy_undeclared;

struct model {
    struct subject_policy policy;
    struct live_block *live; /* sorted by offset; the caller's array */
    size_t live_count;
    size_t live_capacity;
    size_t taken_size; /* bytes in live blocks, headers included */
    size_t first;      /* bytes in front of the first block; model_start makes it 0 */
    size_t skew;       /* bytes; the base modulo the alignments programs ask for; model_start makes it 0 */
    size_t page_size;  /* bytes; a power of two */
    size_t page_count; /* pages now */
    size_t page_limit; /* pages at most */
    /* The page source as the program set it up. */
    uint16_t refused_asks; /* bit i: asks whose number is i modulo 16 are refused */
    bool refuse_next;      /* the next ask is refused as well */
    size_t ask_count;      /* asks so far */
    bool last_ask_granted; /* the answer to the last ask, for the real page source to repeat */
};

/* What one operation must return. */
struct prediction {
    enum refusal refusal; /* NONE also when a correct call returns NULL */
    size_t offset;        /* bytes from base, of the payload; MODEL_NOTHING: NULL */
    size_t usable_size;   /* bytes in that payload; 0 when there is none */
    size_t asked_pages;   /* pages the page source is asked for; 0: it is not asked */
    size_t freed_offset;  /* of the payload the operation freed or moved away from; MODEL_NOTHING: none */
};

/* Makes the model one of an empty heap. live has room for live_capacity blocks and stays the caller's. */
void model_start(struct model *model, const struct subject_policy *policy, struct live_block *live,
                 size_t live_capacity, size_t page_size, size_t page_count, size_t page_limit,
                 uint16_t refused_asks);

/* Each predicts an operation and carries it out on the model. Sizes and alignments are in bytes, and may be
 * any value; an offset is that of a payload or of anything else a caller might pass by mistake. Allocating
 * needs live_count below live_capacity. Cost: one walk over the live blocks. */
struct prediction model_alloc(struct model *model, uint64_t alignment, uint64_t size);
struct prediction model_calloc(struct model *model, uint64_t count, uint64_t size);
struct prediction model_realloc(struct model *model, size_t offset, uint64_t size);
struct prediction model_free(struct model *model, size_t offset);
struct prediction model_extend(struct model *model, size_t offset, uint64_t size);

/* Predicts the usable size of a pointer, which is 0 unless it is a live payload. */
struct prediction model_usable(const struct model *model, size_t offset);

/* What freeing a pointer at this offset must return: NONE for a live payload, otherwise the name of the
 * misuse. */
enum refusal model_judge_pointer(const struct model *model, size_t offset);

/* Does the page source grant its next ask? Counts the ask. */
bool model_ask(struct model *model);

/* The prediction of an operation that returns NULL and changes nothing. */
struct prediction model_nothing(void);

/* A block: a live one, or the free one between two. */
struct model_block {
    size_t offset; /* bytes from base */
    size_t size;   /* bytes, header included */
    bool taken;
};

/* The block that has the byte at offset, which is in the region and not before the first block. Cost: a
 * binary search. */
struct model_block model_block_at(const struct model *model, size_t offset);

/* As an alignment must be, and a page size. */
static inline bool model_is_power_of_two(uint64_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

/* Bytes in the region. */
size_t model_region_size(const struct model *model);

/* Bytes in the block that holds the live payload at offset, header included; 0 when there is none. */
size_t model_block_size(const struct model *model, size_t offset);

/* Payload sizes of free blocks, 0 when there is none: of the largest, the lowest, and the one at the end. */
size_t model_largest_payload(const struct model *model);
size_t model_first_payload(const struct model *model);
size_t model_tail_payload(const struct model *model);

#endif
