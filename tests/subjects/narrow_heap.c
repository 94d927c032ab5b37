/* A heap that keeps addresses in 32 bits, as one for a small machine does: it needs a region below 4 GiB. The
 * block freed last is looked at first, and what is left of one stays in its place in the list. Nothing is
 * merged. 8-byte alignment.
 *
 *     | size, next | payload | size, next | payload | ...
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

enum {
    NARROW_HEAP_SOUND,
    NARROW_HEAP_LINKS_OF_16_BITS,     /* the upper half of an address is lost */
    NARROW_HEAP_WRAPS_AT_32_BITS,     /* a larger size loses its upper half */
    NARROW_HEAP_FORGETS_ITS_HEADER,   /* where it compares sizes */
    NARROW_HEAP_LISTS_WHAT_IT_GRANTS, /* when nothing is left of the block */
    NARROW_HEAP_MOVES_HALF,           /* of a payload, in realloc */
};

struct block {
    uint32_t size; /* bytes, this header included */
    uint32_t next; /* address of the next free block; 0: it is the last */
};

#define UNIT ((uint32_t)sizeof(struct block))

static uint32_t first;
static size_t memory_size;

static bool is(int defect) {
    return subject_defect == defect;
}

static struct block *block_at(uint32_t address) {
    return (struct block *)(uintptr_t)address;
}

static uint32_t address_of(const void *pointer) {
    const uint32_t address = (uint32_t)(uintptr_t)pointer;
    return is(NARROW_HEAP_LINKS_OF_16_BITS) ? address & 0xffff : address;
}

static void push(struct block *block) {
    block->next = first;
    first = address_of(block);
}

static bool start(void *memory, size_t size) {
    struct block *const block = memory;
    if (size < sizeof(struct block)) {
        return false;
    }
    memory_size = size;
    first = 0;
    block->size = (uint32_t)size & ~(UNIT - 1);
    push(block);
    return true;
}

/* 0 where no memory is so large. */
static uint32_t block_size_for(size_t size) {
    if (size > memory_size && !is(NARROW_HEAP_WRAPS_AT_32_BITS)) {
        return 0;
    }
    return ((uint32_t)size + 2 * UNIT - 1) & ~(UNIT - 1);
}

/* The link to the first block that is large enough; NULL: there is none. */
static uint32_t *search(uint32_t need) {
    uint32_t *link = &first;
    const uint32_t least = is(NARROW_HEAP_FORGETS_ITS_HEADER) ? need - UNIT : need;
    while (*link != 0 && block_at(*link)->size < least) {
        link = &block_at(*link)->next;
    }
    return *link == 0 ? NULL : link;
}

static void *alloc(size_t size) {
    const uint32_t need = block_size_for(size);
    uint32_t *const link = need == 0 ? NULL : search(need);
    if (link == NULL) {
        return NULL;
    }
    struct block *const block = block_at(*link);
    if (block->size > need) {
        struct block *const rest = block_at(*link + need);
        rest->size = block->size - need;
        rest->next = block->next;
        block->size = need;
        *link = address_of(rest);
    } else if (!is(NARROW_HEAP_LISTS_WHAT_IT_GRANTS)) {
        *link = block->next;
    }
    return block + 1;
}

static void call_free(void *pointer) {
    push((struct block *)pointer - 1);
}

static size_t usable_size(const void *pointer) {
    return ((const struct block *)pointer - 1)->size - UNIT;
}

static void *call_realloc(void *pointer, size_t size) {
    const size_t old_size = usable_size(pointer);
    const size_t moved_size = is(NARROW_HEAP_MOVES_HALF) ? old_size / 2 : old_size;
    if (size <= old_size) {
        return pointer;
    }
    unsigned char *const payload = alloc(size);
    for (size_t i = 0; payload != NULL && i < moved_size; i++) {
        payload[i] = ((unsigned char *)pointer)[i];
    }
    if (payload != NULL) {
        call_free(pointer);
    }
    return payload;
}

const struct subject subject_narrow_heap = {
    .name = "narrow heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .realloc = call_realloc,
    .usable_size = usable_size,
    .facts = {.below_4_gib = true,
              .header_size = sizeof(struct block),
              .alignment = sizeof(struct block),
              .zero_size = SUBJECT_ZERO_UNIQUE},
};
