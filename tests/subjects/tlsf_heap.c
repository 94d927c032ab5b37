/* A two-level segregated fit: free blocks in lists by size, a first level for powers of two and a second that
 * divides each evenly; two maps of bits say which lists have a block. A request looks from the first list on
 * in which every block is large enough. All of that stands in front of the blocks. Alignment of two words.
 *
 *     | control | before | size | payload | before | size | next | previous | ... | before | 0 |
 *       the block's own size, and in front of it that of the one before ^           the end
 */
#include <string.h>

#include "fuzz/execute/subject.h"
#include "tests/subjects/claim.h"
#include "tests/subjects/defect.h"

enum {
    TLSF_HEAP_SOUND,
    TLSF_HEAP_WRAPS,            /* rounding up a huge size gives a small one */
    TLSF_HEAP_ROUNDS_DOWN,      /* a request is for a unit less when it looks for its list */
    TLSF_HEAP_LEAVES_THE_BIT,   /* of a list whose last block is taken */
    TLSF_HEAP_LEAVES_THE_LINK,  /* from the next block back to one that is taken */
    TLSF_HEAP_FORGETS_BEFORE,   /* free does not tell the next block how large this one is now */
    TLSF_HEAP_MERGES_TAKEN,     /* free looks at the next block's size only */
    TLSF_HEAP_LEAVES_THE_GROWN, /* a block that realloc has grown into stays in its list */
    TLSF_HEAP_ENDS_TOO_FAR,     /* the end stands past the memory */
    TLSF_HEAP_COUNTS_LEVELS,    /* of any size, until a power of two is larger */
    TLSF_HEAP_ZEROES_BY_BYTE,   /* counted in 8 bits */
    TLSF_HEAP_FRONT_TOO_SMALL,  /* alloc_aligned makes a block of any gap */
    TLSF_HEAP_CLEARS_TOO_MUCH,  /* start takes the memory to be as large as a page */
};

#define UNIT         (2 * sizeof(size_t)) /* bytes: of block sizes and addresses */
#define HEADER_SIZE  UNIT
#define BLOCK_LEAST  (2 * UNIT) /* bytes: a header and two links */
#define PART_COUNT   ((size_t)16)
#define LEVEL_COUNT  ((size_t)26)
#define SMALL_SIZE   (PART_COUNT * UNIT)               /* bytes: below, a list for each unit */
#define LARGEST_SIZE (SMALL_SIZE << (LEVEL_COUNT - 3)) /* bytes of a block: twice that is a size too */
#define FREE         ((size_t)1)                       /* in a size */

struct block {
    size_t before; /* bytes of the block in front of this one; 0: it is the first */
    size_t size;   /* bytes, and FREE */
    struct block *next;
    struct block *previous;
};

struct control {
    uint32_t levels;             /* those with a free block */
    uint32_t parts[LEVEL_COUNT]; /* of each level, those with one */
    struct block *lists[LEVEL_COUNT][PART_COUNT];
};

#define CONTROL_SIZE ((sizeof(struct control) + UNIT - 1) & ~(UNIT - 1))

static struct control *control;

static bool is(int defect) {
    return subject_defect == defect;
}

static size_t size_of(const struct block *block) {
    return block->size & ~FREE;
}

static bool is_free(const struct block *block) {
    return (block->size & FREE) != 0;
}

static struct block *block_at(const struct block *from, size_t distance) {
    return (struct block *)((uintptr_t)from + distance);
}

static struct block *next_of(const struct block *block) {
    return block_at(block, size_of(block));
}

/* Lists. */

struct place {
    size_t level;
    size_t part;
};

/* The list of blocks of a size; a level of LEVEL_COUNT or more: no block is so large. */
static struct place place_of(size_t size) {
    struct place place = {0, size / UNIT};
    size_t part_size = UNIT;
    for (size_t limit = SMALL_SIZE; limit <= size; limit *= 2) {
        part_size *= place.level == 0 ? 1 : 2;
        place.level++;
    }
    place.part = place.level == 0 ? place.part : size / part_size - PART_COUNT;
    return place;
}

static void link_block(struct block *block) {
    const struct place place = place_of(size_of(block));
    struct block **const list = &control->lists[place.level][place.part];
    block->size |= FREE;
    block->previous = NULL;
    block->next = *list;
    if (*list != NULL) {
        (*list)->previous = block;
    }
    *list = block;
    control->levels |= UINT32_C(1) << place.level;
    control->parts[place.level] |= UINT32_C(1) << place.part;
}

static void unlink_block(struct block *block) {
    const struct place place = place_of(size_of(block));
    struct block **const list = &control->lists[place.level][place.part];
    CLAIM(is_free(block));
    CLAIM(block->previous == NULL ? *list == block : block->previous->next == block);
    if (block->next != NULL && !is(TLSF_HEAP_LEAVES_THE_LINK)) {
        block->next->previous = block->previous;
    }
    *(block->previous == NULL ? list : &block->previous->next) = block->next;
    if (*list == NULL && !is(TLSF_HEAP_LEAVES_THE_BIT)) {
        control->parts[place.level] &= ~(UINT32_C(1) << place.part);
        if (control->parts[place.level] == 0) {
            control->levels &= ~(UINT32_C(1) << place.level);
        }
    }
    block->size &= ~FREE;
}

/* The lowest bit of a map at or above one; 32: there is none. */
static size_t lowest(uint32_t map, size_t from) {
    const uint32_t above = from < 32 ? map & ~UINT32_C(0) << from : 0;
    return above == 0 ? 32 : (size_t)__builtin_ctz(above);
}

/* A block of at least this size; NULL: there is none in the lists looked at. */
static struct block *search(size_t size) {
    struct place place = place_of(is(TLSF_HEAP_ROUNDS_DOWN) ? size - UNIT : size);
    if (place.level >= LEVEL_COUNT) {
        return NULL;
    }
    const size_t part_size = place.level == 0 ? UNIT : UNIT << (place.level - 1);
    place.part += size % part_size != 0;
    place.part = lowest(control->parts[place.level], place.part);
    if (place.part == 32) {
        place.level = lowest(control->levels, place.level + 1);
        if (place.level == 32) {
            return NULL;
        }
        place.part = lowest(control->parts[place.level], 0);
    }
    struct block *const block = control->lists[place.level][place.part];
    CLAIM(block != NULL);
    return block;
}

/* Blocks. */

static void set_size(struct block *block, size_t size, bool tells_next) {
    block->size = size;
    if (tells_next) {
        next_of(block)->before = size;
    }
}

/* Frees a block, merged with what is free on either side. */
static void give(struct block *block) {
    struct block *const next = next_of(block);
    size_t size = size_of(block);
    if (is_free(next)) {
        unlink_block(next);
        size += size_of(next);
    } else if (is(TLSF_HEAP_MERGES_TAKEN)) {
        size += size_of(next);
    }
    struct block *merged = block;
    if (block->before != 0 && is_free(block_at(block, 0 - block->before))) {
        merged = block_at(block, 0 - block->before);
        unlink_block(merged);
        size += size_of(merged);
    }
    set_size(merged, size, !is(TLSF_HEAP_FORGETS_BEFORE));
    link_block(merged);
}

/* Keeps need bytes of a block that is in no list, and frees the rest, if that can be a block. */
static void cut(struct block *block, size_t need) {
    if (size_of(block) < need + BLOCK_LEAST) {
        return;
    }
    const size_t rest = size_of(block) - need;
    struct block *const remainder = block_at(block, need);
    set_size(block, need, true);
    remainder->size = rest;
    give(remainder);
}

/* 0: no block is so large. */
static size_t block_size_for(size_t size) {
    const size_t need = (size + HEADER_SIZE + UNIT - 1) & ~(UNIT - 1);
    if ((is(TLSF_HEAP_WRAPS) ? need : size) > LARGEST_SIZE) {
        return is(TLSF_HEAP_COUNTS_LEVELS) ? size & ~(UNIT - 1) : 0;
    }
    return need < BLOCK_LEAST ? BLOCK_LEAST : need;
}

/* Calls. */

static bool start(void *given, size_t size) {
    size &= ~(UNIT - 1);
    if (size < CONTROL_SIZE + BLOCK_LEAST + HEADER_SIZE) {
        return false;
    }
    control = given;
    memset(given, 0, is(TLSF_HEAP_CLEARS_TOO_MUCH) ? (size + 4095) & ~(size_t)4095 : CONTROL_SIZE);
    struct block *const first = block_at(given, CONTROL_SIZE);
    const size_t end = size - CONTROL_SIZE - (is(TLSF_HEAP_ENDS_TOO_FAR) ? 0 : HEADER_SIZE);
    if (end > LARGEST_SIZE) {
        return false;
    }
    first->before = 0;
    set_size(first, end, true);
    next_of(first)->size = 0;
    link_block(first);
    return true;
}

static void *payload_of(struct block *block) {
    return (unsigned char *)block + HEADER_SIZE;
}

static struct block *block_of(const void *payload) {
    return (struct block *)((uintptr_t)payload - HEADER_SIZE);
}

static void *alloc(size_t size) {
    const size_t need = block_size_for(size);
    struct block *const block = size == 0 || need == 0 ? NULL : search(need);
    if (block == NULL) {
        return NULL;
    }
    unlink_block(block);
    cut(block, need);
    return payload_of(block);
}

static void call_free(void *pointer) {
    if (pointer != NULL) {
        CLAIM(!is_free(block_of(pointer)));
        give(block_of(pointer));
    }
}

static size_t usable_size(const void *pointer) {
    return size_of(block_of(pointer)) - HEADER_SIZE;
}

static void *zalloc(size_t size) {
    unsigned char *const payload = alloc(size);
    if (payload != NULL && is(TLSF_HEAP_ZEROES_BY_BYTE)) {
        for (uint8_t i = 0; i < size; i++) { /* NOLINT(bugprone-too-small-loop-variable): it is the defect */
            payload[i] = 0;
        }
    }
    if (payload != NULL) {
        memset(payload, 0, size);
    }
    return payload;
}

/*     | front | header | aligned payload ... */
static void *alloc_aligned(size_t alignment, size_t size) {
    if (alignment <= UNIT || size == 0 || alignment > LARGEST_SIZE || size > LARGEST_SIZE) {
        return alignment <= UNIT ? alloc(size) : NULL;
    }
    void *const payload = alloc(size + alignment + BLOCK_LEAST);
    if (payload == NULL) {
        return NULL;
    }
    struct block *const block = block_of(payload);
    size_t front = (size_t)(0 - (uintptr_t)payload) & (alignment - 1);
    front += front != 0 && front < BLOCK_LEAST && !is(TLSF_HEAP_FRONT_TOO_SMALL) ? alignment : 0;
    if (front == 0) {
        cut(block, block_size_for(size));
        return payload;
    }
    struct block *const aligned = block_at(block, front);
    set_size(aligned, size_of(block) - front, true);
    set_size(block, front, true);
    give(block);
    cut(aligned, block_size_for(size));
    return payload_of(aligned);
}

static void *call_realloc(void *pointer, size_t size) {
    if (pointer == NULL || size == 0) {
        call_free(pointer);
        return alloc(size);
    }
    struct block *const block = block_of(pointer);
    struct block *const next = next_of(block);
    const size_t need = block_size_for(size);
    const size_t room = size_of(block) + (is_free(next) ? size_of(next) : 0);
    if (need != 0 && need <= room) {
        if (is_free(next) && need > size_of(block)) {
            if (!is(TLSF_HEAP_LEAVES_THE_GROWN)) {
                unlink_block(next);
            }
            set_size(block, room, true);
        }
        cut(block, need);
        return pointer;
    }
    void *const payload = alloc(size);
    if (payload != NULL) {
        memcpy(payload, pointer, usable_size(pointer));
        call_free(pointer);
    }
    return payload;
}

/* Does every block say how large the one before it is, and does no free one touch another? */
static bool check(void) {
    const struct block *block = block_at((const struct block *)control, CONTROL_SIZE);
    while (size_of(block) != 0) {
        const struct block *const next = next_of(block);
        if (next->before != size_of(block) || (is_free(block) && is_free(next))) {
            return false;
        }
        block = next;
    }
    return true;
}

const struct subject subject_tlsf_heap = {
    .name = "TLSF heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .zalloc = zalloc,
    .realloc = call_realloc,
    .alloc_aligned = alloc_aligned,
    .usable_size = usable_size,
    .check = check,
    .facts = {.region_least = 2 * CONTROL_SIZE,
              .metadata = CONTROL_SIZE,
              .header_size = HEADER_SIZE,
              .alignment = UNIT,
              .zero_size = SUBJECT_ZERO_NULL,
              .free_null = true,
              .realloc_null = true,
              .realloc_zero = true,
              .merges = true,
              .gives_back = true},
};
