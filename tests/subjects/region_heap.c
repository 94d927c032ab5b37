/* A heap of several regions: first fit in one list of free blocks in the order of their addresses, merged
 * where they touch, which those of two regions never do. It knows every block of a region, and so answers any
 * pointer.
 *
 *     a region:  | next region, size | size, taken | payload ... | size, taken | next free block ... |
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

enum defect {
    REGION_HEAP_SOUND,
    REGION_HEAP_MERGES_ACROSS,      /* what is free in two regions becomes one block */
    REGION_HEAP_ENDS_TOO_LATE,      /* a region added is taken for 16 bytes longer */
    REGION_HEAP_ZERO_IS_A_UNIT,     /* alloc(0) returns a payload */
    REGION_HEAP_REFUSES_EXACT_FITS, /* a free block must be larger than what is needed */
    REGION_HEAP_KEEPS_THE_CUT,      /* a resize to less keeps the whole block */
    REGION_HEAP_WALKS_TOO_SHORT,    /* its walk leaves the last block of each region out */
    REGION_HEAP_COUNTS_MISUSES,     /* a double free counts as free what it does not free */
    REGION_HEAP_EXTENDS_TOO_FAR,    /* extend takes the next block, whether free or not */
    REGION_HEAP_TRUSTS_THE_SIZE,    /* free_sized believes a block to be 16 bytes longer than it is */
    REGION_HEAP_REMEMBERS,          /* a second start leaves the first 32 bytes out */
    REGION_HEAP_CLEARS_FIRST,       /* a resize that fails has cleared the old payload's first word */
    REGION_HEAP_ACCEPTS_INTERIOR,   /* free takes a pointer inside a block for that block's */
};

#define UNIT        ((size_t)16) /* bytes: of addresses and sizes, and of a header */
#define BLOCK_LEAST (2 * UNIT)
#define LEAST_SIZE  ((size_t)96) /* bytes: no heap starts in less */

struct block {
    size_t size;        /* bytes, header included; TAKEN is added while it is taken */
    struct block *next; /* free block; unused while it is taken */
};

#define TAKEN ((size_t)1)

struct region {
    struct region *next;
    size_t size; /* bytes after this */
};

static struct region *regions; /* in the order of their addresses, as they come */
static struct block *first;    /* free block */
static size_t free_size;
static unsigned start_count;

static bool is(enum defect defect) {
    return subject_defect == (int)defect;
}

static size_t size_of(const struct block *block) {
    return block->size & ~TAKEN;
}

static bool is_taken(const struct block *block) {
    return (block->size & TAKEN) != 0;
}

static struct block *after(const struct block *block) {
    return (struct block *)((uintptr_t)block + size_of(block));
}

static bool may_merge(const struct block *left, const struct block *right) {
    return right != NULL && (after(left) == right || (is(REGION_HEAP_MERGES_ACROSS) && left < right &&
                                                      (uintptr_t)right - (uintptr_t)after(left) <= 128));
}

static void merge(struct block *left) {
    struct block *const right = left->next;
    left->size = (size_t)((uintptr_t)right - (uintptr_t)left) + right->size;
    left->next = right->next;
}

/* Puts a block that was taken into the list. */
static void give(struct block *block) {
    struct block **link = &first;
    struct block *before = NULL;
    while (*link != NULL && *link < block) { /* up to the list's end */
        before = *link;
        link = &before->next;
    }
    free_size += size_of(block);
    block->size = size_of(block);
    block->next = *link;
    *link = block;
    if (may_merge(block, block->next)) {
        merge(block);
    }
    if (before != NULL && may_merge(before, block)) {
        merge(before);
    }
}

static bool add_region(void *memory, size_t size) {
    if (size < LEAST_SIZE) {
        return false;
    }
    struct region *const region = memory;
    struct region **link = &regions;
    const bool added = regions != NULL;
    region->size = (size - sizeof *region) & ~(UNIT - 1);
    region->size += added && is(REGION_HEAP_ENDS_TOO_LATE) ? UNIT : 0;
    region->next = NULL;
    while (*link != NULL) { /* up to the list's end */
        link = &(*link)->next;
    }
    *link = region;
    struct block *const block = (struct block *)(region + 1);
    block->size = region->size;
    give(block);
    return true;
}

static void reset(void) {
    if (!is(REGION_HEAP_REMEMBERS)) {
        start_count = 0;
    }
}

static bool start(void *memory, size_t size) {
    const size_t left_out = start_count++ % 2 == 1 ? BLOCK_LEAST : 0;
    const uintptr_t base = ((uintptr_t)memory + left_out + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
    const size_t skipped = base - (uintptr_t)memory;
    regions = NULL;
    first = NULL;
    free_size = 0;
    return size >= skipped && add_region((void *)base, size - skipped);
}

/* SIZE_MAX: more than there can be. */
static size_t needed_size(size_t size) {
    const size_t needed =
        size > SIZE_MAX / 2 ? SIZE_MAX & ~(UNIT - 1) : (size + UNIT + UNIT - 1) & ~(UNIT - 1);
    return needed < BLOCK_LEAST ? BLOCK_LEAST : needed;
}

/* Makes a free block that *link points to a taken one of what is needed, and puts back the rest. */
static void take(struct block **link, size_t needed) {
    struct block *const block = *link;
    const size_t rest = block->size - needed;
    *link = block->next;
    free_size -= block->size;
    if (rest >= BLOCK_LEAST) {
        block->size = needed;
        after(block)->size = rest;
        give(after(block));
    }
    block->size |= TAKEN;
}

static void *alloc(size_t size) {
    const size_t needed = needed_size(size);
    if (size == 0 && !is(REGION_HEAP_ZERO_IS_A_UNIT)) {
        return NULL;
    }
    for (struct block **link = &first; *link != NULL; link = &(*link)->next) { /* up to the list's end */
        struct block *const block = *link;
        if (block->size > needed || (block->size == needed && !is(REGION_HEAP_REFUSES_EXACT_FITS))) {
            take(link, needed);
            return block + 1;
        }
    }
    return NULL;
}

static bool is_of_a_region(const void *pointer) {
    for (const struct region *region = regions; region != NULL; region = region->next) {
        if ((uintptr_t)pointer - (uintptr_t)(region + 1) < region->size) {
            return true;
        }
    }
    return false;
}

/* The taken block of a payload; NULL: it is none. */
static struct block *block_of(const void *pointer) {
    for (struct region *region = regions; region != NULL; region = region->next) {
        struct block *block = (struct block *)(region + 1);
        const uintptr_t end = (uintptr_t)block + region->size;
        while ((uintptr_t)block < end) { /* up to the region's end */
            const bool inside = (uintptr_t)pointer > (uintptr_t)(block + 1) && pointer < (void *)after(block);
            if (is_taken(block) && (block + 1 == pointer || (inside && is(REGION_HEAP_ACCEPTS_INTERIOR)))) {
                return block;
            }
            block = after(block);
        }
    }
    return NULL;
}

static void call_free(void *pointer) {
    struct block *const block = block_of(pointer);
    if (block != NULL) {
        give(block);
    } else if (is(REGION_HEAP_COUNTS_MISUSES) && is_of_a_region(pointer)) {
        free_size += UNIT;
    }
}

static void free_sized(void *pointer, size_t size) {
    struct block *const block = (struct block *)pointer - 1;
    if (is(REGION_HEAP_TRUSTS_THE_SIZE)) {
        block->size = needed_size(size) + UNIT;
    }
    give(block);
}

/* The place in the list of a block; NULL: it is taken, or behind its region's end. */
static struct block **link_to(const struct block *block) {
    for (struct block **link = &first; *link != NULL && *link <= block; link = &(*link)->next) {
        if (*link == block) {
            return link;
        }
    }
    return NULL;
}

static bool extend(void *pointer, size_t size) {
    struct block *const block = (struct block *)pointer - 1;
    const size_t needed = needed_size(size);
    const size_t own = size_of(block);
    struct block *const next = after(block);
    if (needed <= own) {
        return true;
    }
    if (is(REGION_HEAP_EXTENDS_TOO_FAR) && is_of_a_region(next) && needed - own <= BLOCK_LEAST) {
        block->size += size_of(next);
        return true;
    }
    struct block **const link = is_of_a_region(next) ? link_to(next) : NULL;
    if (link == NULL || next->size < needed - own) {
        return false;
    }
    take(link, needed - own < BLOCK_LEAST ? BLOCK_LEAST : needed - own);
    block->size += size_of(next);
    return true;
}

/* Frees what a block has beyond what is needed, if that can be a block. */
static void cut(struct block *block, size_t needed) {
    const size_t rest = size_of(block) - needed;
    if (rest >= BLOCK_LEAST && !is(REGION_HEAP_KEEPS_THE_CUT)) {
        block->size = needed | TAKEN;
        after(block)->size = rest;
        give(after(block));
    }
}

static void *call_realloc(void *pointer, size_t size) {
    struct block *const block = (struct block *)pointer - 1;
    const size_t needed = needed_size(size);
    const size_t old_size = size_of(block) - sizeof *block;
    if (needed <= size_of(block)) {
        cut(block, needed);
        return pointer;
    }
    unsigned char *const payload = alloc(size);
    if (payload == NULL && is(REGION_HEAP_CLEARS_FIRST)) {
        *(size_t *)pointer = 0;
    }
    for (size_t i = 0; payload != NULL && i < old_size; i++) {
        payload[i] = ((unsigned char *)pointer)[i];
    }
    if (payload != NULL) {
        give(block);
    }
    return payload;
}

static size_t free_bytes(void) {
    return free_size;
}

static bool walk(subject_visit_block *visit, void *context) {
    for (const struct region *region = regions; region != NULL; region = region->next) {
        const struct block *block = (const struct block *)(region + 1);
        const uintptr_t end = (uintptr_t)block + region->size;
        while ((uintptr_t)block < end) { /* up to the region's end */
            const bool last = (uintptr_t)after(block) >= end;
            if (!last || !is(REGION_HEAP_WALKS_TOO_SHORT)) {
                visit(context, block, size_of(block), is_taken(block));
            }
            block = after(block);
        }
    }
    return true;
}

const struct subject subject_region_heap = {
    .name = "region heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .realloc = call_realloc,
    .free_sized = free_sized,
    .extend = extend,
    .add_region = add_region,
    .free_bytes = free_bytes,
    .walk = walk,
    .reset = reset,
    .facts = {.region_least = LEAST_SIZE,
              .metadata = sizeof(struct region) + UNIT,
              .header_size = sizeof(struct block),
              .largest_request = SIZE_MAX,
              .alignment = 8,
              .zero_size = SUBJECT_ZERO_NULL,
              .free_null = true,
              .answers = SUBJECT_DOUBLE_FREE | SUBJECT_INTERIOR | SUBJECT_MISALIGNED | SUBJECT_FOREIGN,
              .merges = true,
              .refits = true,
              .gives_back = true},
};
