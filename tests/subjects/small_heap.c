/* A heap for a small machine: sizes and links of 16 bits, so no more than 64 KiB of a region are used. The
 * block freed last is looked at first, and free blocks are merged only by coalesce. 4-byte alignment.
 *
 *     | size, link | payload | size, link | payload | ...
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

#define UNIT        ((size_t)4) /* bytes: of addresses and sizes */
#define HEADER_SIZE ((size_t)4) /* bytes */
#define BLOCK_LEAST ((size_t)8) /* bytes: a header and a unit */
#define REGION_MOST ((size_t)65532)
#define NONE        UINT16_MAX

enum {
    SMALL_HEAP_SOUND,
    SMALL_HEAP_TRUNCATES,            /* a size to its lowest 16 bits */
    SMALL_HEAP_GRANTS_TWICE,         /* what fits exactly stays in the list */
    SMALL_HEAP_FREES_FIRST,          /* realloc, and the old payload is lost where there is no room */
    SMALL_HEAP_COUNTS_THE_HEADER,    /* in what realloc can grow into */
    SMALL_HEAP_COPIES_PAIRS,         /* of units: realloc leaves out an odd one */
    SMALL_HEAP_ZEROES_TOO_MUCH,      /* as many bytes as the block has, from the payload on */
    SMALL_HEAP_MERGES_TAKEN,         /* coalesce never asks whether the next block is free */
    SMALL_HEAP_LISTS_WHAT_IT_MERGED, /* coalesce leaves the second of two blocks in the list */
};

struct header {
    uint16_t size; /* bytes of the block; lowest bit: it is taken */
    uint16_t next; /* free block; NONE at the list's end */
};

/* Blocks are named by their offsets from memory. */
static unsigned char *memory;
static size_t memory_size;
static uint16_t first; /* free block; NONE when all is taken */

static bool is(int defect) {
    return subject_defect == defect;
}

static struct header *header_at(size_t block) {
    return (struct header *)(void *)(memory + block);
}

static size_t size_of(size_t block) {
    return header_at(block)->size & ~(UNIT - 1);
}

static bool is_taken(size_t block) {
    return (header_at(block)->size & 1) != 0;
}

static void set_size(size_t block, size_t size, bool taken) {
    header_at(block)->size = (uint16_t)(size | taken);
}

static void push(size_t block) {
    header_at(block)->next = first;
    first = (uint16_t)block;
}

static bool start(void *given, size_t size) {
    memory = given;
    memory_size = size < REGION_MOST ? size & ~(UNIT - 1) : REGION_MOST;
    first = NONE;
    set_size(0, memory_size, false);
    push(0);
    return true;
}

/* The link to the first block in the list that is large enough; NULL: there is none. */
static uint16_t *search(size_t need) {
    uint16_t *link = &first;
    for (size_t i = 0; *link != NONE && i < memory_size / BLOCK_LEAST; i++) {
        if (size_of(*link) >= need) {
            return link;
        }
        link = &header_at(*link)->next;
    }
    return NULL;
}

static void *alloc(size_t size) {
    const size_t asked = is(SMALL_HEAP_TRUNCATES) ? (uint16_t)size : size;
    if (asked > memory_size) {
        return NULL;
    }
    const size_t rounded = (asked + HEADER_SIZE + UNIT - 1) & ~(UNIT - 1);
    const size_t need = rounded < BLOCK_LEAST ? BLOCK_LEAST : rounded;
    uint16_t *const link = search(need);
    if (link == NULL) {
        return NULL;
    }
    const size_t block = *link;
    const size_t rest = size_of(block) - need;
    if (rest >= BLOCK_LEAST) {
        *header_at(block + need) = (struct header){(uint16_t)rest, header_at(block)->next};
        *link = (uint16_t)(block + need);
    } else if (rest != 0 || !is(SMALL_HEAP_GRANTS_TWICE)) {
        *link = header_at(block)->next;
    }
    set_size(block, rest >= BLOCK_LEAST ? need : need + rest, true);
    return memory + block + HEADER_SIZE;
}

static size_t block_of(const void *payload) {
    return (size_t)((const unsigned char *)payload - memory) - HEADER_SIZE;
}

static size_t usable_size(const void *pointer) {
    return size_of(block_of(pointer)) - HEADER_SIZE;
}

static void call_free(void *pointer) {
    const size_t block = block_of(pointer);
    set_size(block, size_of(block), false);
    push(block);
}

static void *zalloc(size_t size) {
    unsigned char *const payload = alloc(size);
    if (payload != NULL) {
        const size_t zeroed_size = usable_size(payload) + (is(SMALL_HEAP_ZEROES_TOO_MUCH) ? HEADER_SIZE : 0);
        for (size_t i = 0; i < zeroed_size; i++) {
            payload[i] = 0;
        }
    }
    return payload;
}

static void *call_realloc(void *pointer, size_t size) {
    const unsigned char *const old = pointer;
    const size_t old_size = usable_size(old);
    const size_t copied_size = is(SMALL_HEAP_COPIES_PAIRS) ? old_size & ~(2 * UNIT - 1) : old_size;
    if (size <= old_size + (is(SMALL_HEAP_COUNTS_THE_HEADER) ? HEADER_SIZE : 0)) {
        return pointer;
    }
    if (is(SMALL_HEAP_FREES_FIRST)) {
        call_free(pointer);
    }
    unsigned char *const payload = alloc(size);
    for (size_t i = 0; payload != NULL && i < copied_size; i++) {
        payload[i] = old[i];
    }
    if (payload != NULL && !is(SMALL_HEAP_FREES_FIRST)) {
        call_free(pointer);
    }
    return payload;
}

/* Merges from the lowest block to the highest, and builds the list again from what is free. */
static void coalesce(void) {
    first = NONE;
    for (size_t block = 0; block < memory_size; block += size_of(block)) {
        if (size_of(block) == 0) {
            return; /* the heap is broken */
        }
        if (is_taken(block)) {
            continue;
        }
        size_t next = block + size_of(block);
        while (next < memory_size && size_of(next) != 0 && (!is_taken(next) || is(SMALL_HEAP_MERGES_TAKEN))) {
            if (is(SMALL_HEAP_LISTS_WHAT_IT_MERGED)) {
                push(next);
            }
            set_size(block, size_of(block) + size_of(next), false);
            next = block + size_of(block);
        }
        push(block);
    }
}

const struct subject subject_small_heap = {
    .name = "small heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .zalloc = zalloc,
    .realloc = call_realloc,
    .coalesce = coalesce,
    .usable_size = usable_size,
    .facts = {.alignment = UNIT, .zero_size = SUBJECT_ZERO_UNIQUE},
};
