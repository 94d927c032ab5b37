/* A heap with boundary tags: next fit over blocks whose size stands at both ends, so that free finds the
 * neighbour on either side without a list. 8-byte alignment.
 *
 *     | end | head | payload | end | head | payload | end | head |
 *       ^ never merged with                                 ^ nor this, of size 0 like it
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

#define UNIT        8u  /* bytes: of block sizes and payload addresses */
#define TAG_SIZE    4u  /* bytes: a block's size, and its lowest bit whether it is taken */
#define BLOCK_LEAST 16u /* bytes: two tags and a unit */
#define LEAST_SIZE  32u /* bytes: no heap starts in less */
#define NONE        UINT32_MAX

enum {
    TAG_HEAP_SOUND,
    TAG_HEAP_WRAPS,              /* rounding up a huge size gives a small one */
    TAG_HEAP_PRODUCT_WRAPS,      /* calloc multiplies without looking */
    TAG_HEAP_ZEROES_ONE_ELEMENT, /* calloc takes the element for the product */
    TAG_HEAP_LEAVES_THE_ROVER,   /* inside of a block that a merge made */
    TAG_HEAP_SPLITS_ONE_TAG,     /* the remainder's end still says the size of the whole */
    TAG_HEAP_SPLITS_NOTHING,     /* into the block and a remainder of 0 bytes */
    TAG_HEAP_GROWS_INTO_TAKEN,   /* realloc looks at the next block's size only */
    TAG_HEAP_SHRINKS_ONE_TAG,    /* realloc forgets the end of what it keeps */
    TAG_HEAP_MOVES_THE_NEW_SIZE, /* realloc reads as much as it was asked for */
};

static unsigned char *memory;
static uint32_t memory_size;
static uint32_t rover; /* block where the next search begins */

static bool is(int defect) {
    return subject_defect == defect;
}

static uint32_t *tag_at(uint32_t offset) {
    return (uint32_t *)(void *)(memory + offset);
}

static uint32_t size_in(uint32_t tag) {
    return *tag_at(tag) & ~(UNIT - 1);
}

static bool is_taken(uint32_t tag) {
    return (*tag_at(tag) & 1) != 0;
}

static void set_block(uint32_t block, uint32_t size, bool taken) {
    *tag_at(block) = size | taken;
    *tag_at(block + size - TAG_SIZE) = size | taken;
}

static bool start(void *given, size_t size) {
    if (size < LEAST_SIZE) {
        return false;
    }
    memory = given;
    memory_size = (uint32_t)size & ~(UNIT - 1);
    rover = TAG_SIZE;
    *tag_at(0) = 1;
    set_block(TAG_SIZE, memory_size - 2 * TAG_SIZE, false);
    *tag_at(memory_size - TAG_SIZE) = 1;
    return true;
}

/* NONE: more than the whole memory. */
static uint32_t block_size_for(size_t size) {
    if (size > memory_size && !is(TAG_HEAP_WRAPS)) {
        return NONE;
    }
    const size_t need = (size + 2 * TAG_SIZE + UNIT - 1) & ~(size_t)(UNIT - 1);
    return need < BLOCK_LEAST ? BLOCK_LEAST : need > memory_size ? NONE : (uint32_t)need;
}

/* The block from here on that is free and large enough; NONE: there is none before the limit. */
static uint32_t search(uint32_t block, uint32_t limit, uint32_t need) {
    const uint32_t block_count_most = memory_size / BLOCK_LEAST + 1;
    for (uint32_t i = 0; block < limit && i < block_count_most; i++) {
        if (!is_taken(block) && size_in(block) >= need) {
            return block;
        }
        block += size_in(block);
    }
    return NONE;
}

/* Marks as taken what is needed of a block, and as free what is left, if that can be a block. */
static void place(uint32_t block, uint32_t whole, uint32_t need) {
    const uint32_t rest = whole - need;
    if (rest < BLOCK_LEAST && !(rest == 0 && is(TAG_HEAP_SPLITS_NOTHING))) {
        set_block(block, whole, true);
        return;
    }
    set_block(block, need, true);
    *tag_at(block + need) = rest;
    if (!is(TAG_HEAP_SPLITS_ONE_TAG)) {
        *tag_at(block + whole - TAG_SIZE) = rest;
    }
}

static void *alloc(size_t size) {
    const uint32_t need = block_size_for(size);
    uint32_t block = search(rover, memory_size - TAG_SIZE, need);
    if (block == NONE) {
        block = search(TAG_SIZE, rover, need);
    }
    if (block == NONE) {
        return NULL;
    }
    place(block, size_in(block), need);
    rover = block;
    return memory + block + TAG_SIZE;
}

static uint32_t block_of(const void *payload) {
    return (uint32_t)((const unsigned char *)payload - memory) - TAG_SIZE;
}

static size_t usable_size(const void *pointer) {
    return size_in(block_of(pointer)) - 2 * TAG_SIZE;
}

static void call_free(void *pointer) {
    if (pointer == NULL) {
        return;
    }
    const uint32_t block = block_of(pointer);
    const uint32_t next = block + size_in(block);
    const uint32_t end = is_taken(next) ? next : next + size_in(next);
    const uint32_t merged = is_taken(block - TAG_SIZE) ? block : block - size_in(block - TAG_SIZE);
    set_block(merged, end - merged, false);
    if (rover > merged && rover < end && !is(TAG_HEAP_LEAVES_THE_ROVER)) {
        rover = merged;
    }
}

static void *call_calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size && !is(TAG_HEAP_PRODUCT_WRAPS)) {
        return NULL;
    }
    unsigned char *const payload = alloc(count * size);
    if (payload != NULL) {
        const size_t zeroed = is(TAG_HEAP_ZEROES_ONE_ELEMENT) ? size : usable_size(payload);
        for (size_t i = 0; i < zeroed; i++) {
            payload[i] = 0;
        }
    }
    return payload;
}

/* Keeps a block where it is, with what is needed of it and of the next one. False: that is too little. */
static bool resize(uint32_t block, uint32_t need) {
    const uint32_t size = size_in(block);
    const uint32_t next = block + size;
    const bool merges = !is_taken(next) || (is(TAG_HEAP_GROWS_INTO_TAKEN) && need > size);
    const uint32_t whole = merges ? size + size_in(next) : size;
    if (whole < need) {
        return false;
    }
    const uint32_t kept_end = block + need - TAG_SIZE;
    const uint32_t old = *tag_at(kept_end);
    place(block, whole, need);
    if (is(TAG_HEAP_SHRINKS_ONE_TAG) && need < size) {
        *tag_at(kept_end) = old;
    }
    if (rover > block && rover <= next) {
        rover = block;
    }
    return true;
}

static void *call_realloc(void *pointer, size_t size) {
    if (pointer == NULL) {
        return alloc(size);
    }
    if (size == 0) {
        call_free(pointer);
        return NULL;
    }
    const uint32_t need = block_size_for(size);
    if (need == NONE || resize(block_of(pointer), need)) {
        return need == NONE ? NULL : pointer;
    }
    unsigned char *const old = pointer;
    unsigned char *const payload = alloc(size);
    const size_t moved_size = is(TAG_HEAP_MOVES_THE_NEW_SIZE) ? size : usable_size(old);
    for (size_t i = 0; payload != NULL && i < moved_size; i++) {
        payload[i] = old[i];
    }
    if (payload != NULL) {
        call_free(old);
    }
    return payload;
}

const struct subject subject_tag_heap = {
    .name = "tag heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .calloc = call_calloc,
    .realloc = call_realloc,
    .usable_size = usable_size,
    .facts = {.alignment = UNIT,
              .zero_size = SUBJECT_ZERO_UNIQUE,
              .free_null = true,
              .realloc_null = true,
              .realloc_zero = true},
};
