/* A heap unlike this project's: first fit in a list of free blocks in the order of their addresses, which
 * free merges; 4-byte alignment, headers of 4 bytes.
 *
 *     | head | size | payload, or the next free block | size | ...
 */
#include "tests/subjects/list_heap.h"

#include <string.h>

#define UNIT        ((size_t)4) /* bytes: of addresses and sizes */
#define HEADER_SIZE ((size_t)4) /* bytes: a block's size, itself included */
#define BLOCK_LEAST ((size_t)8) /* bytes: a header and a link */
#define NONE        UINT32_MAX
#define LEAST_SIZE  ((size_t)64) /* bytes: no heap starts in less */

/* Links and sizes are offsets from memory, since pointers are wider than 4 bytes. */
static unsigned char *memory;
static size_t memory_size;
static uint32_t first; /* free block; NONE when all is taken */
static uint32_t last_payload;

static bool is(int defect) {
    return subject_defect == defect;
}

static uint32_t load(size_t offset) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        value |= (uint32_t)memory[offset + i] << (8 * i);
    }
    return value;
}

static void store(size_t offset, size_t value) {
    for (size_t i = 0; i < 4; i++) {
        memory[offset + i] = (unsigned char)(value >> (8 * i));
    }
}

static uint32_t size_of(size_t block) {
    return load(block);
}

static uint32_t next_of(size_t block) {
    return load(block + HEADER_SIZE);
}

static void set_next(size_t block, size_t next) {
    store(block + HEADER_SIZE, next);
}

/* Puts `next` where the list has the block after `previous`, which is NONE at its start. */
static void link_after(uint32_t previous, uint32_t next) {
    if (previous == NONE) {
        first = next;
    } else {
        set_next(previous, next);
    }
}

bool list_heap_start(void *given, size_t size) {
    if (size < LEAST_SIZE) {
        return false;
    }
    memory = given;
    memory_size = size & ~(UNIT - 1);
    first = 0;
    last_payload = 0;
    store(0, memory_size);
    set_next(0, NONE);
    return true;
}

static size_t block_size_for(size_t size) {
    const size_t unit = is(LIST_HEAP_MISALIGNS) ? 1 : UNIT;
    const size_t need = (size + HEADER_SIZE + unit - 1) & ~(unit - 1);
    return need < BLOCK_LEAST ? BLOCK_LEAST : need;
}

static void *take(uint32_t previous, uint32_t block, size_t need) {
    const size_t rest = size_of(block) - need;
    uint32_t next = next_of(block);
    if (rest >= BLOCK_LEAST) {
        const size_t cut = is(LIST_HEAP_OVERLAPS) ? block + need - HEADER_SIZE : block + need;
        store(cut, rest);
        set_next(cut, next);
        store(block, need);
        next = (uint32_t)cut;
    }
    link_after(previous, next);
    last_payload = (uint32_t)(block + HEADER_SIZE);
    return memory + last_payload;
}

void *list_heap_alloc(size_t size) {
    if (size == 0) {
        return is(LIST_HEAP_SHARES_NOTHING) && last_payload != 0 ? memory + last_payload + UNIT : NULL;
    }
    if ((size > memory_size && !is(LIST_HEAP_GRANTS_TOO_MUCH)) || is(LIST_HEAP_GRANTS_NOTHING)) {
        return NULL;
    }
    const size_t need = block_size_for(size);
    uint32_t previous = NONE;
    for (uint32_t block = first; block != NONE; block = next_of(block)) {
        if (size_of(block) >= need) {
            return take(previous, block, need);
        }
        previous = block;
    }
    return NULL;
}

/* Gives a block back, merged with its free neighbours. */
static void give(size_t offset) {
    uint32_t block = (uint32_t)offset;
    uint32_t previous = NONE;
    uint32_t next = first;
    if (size_of(block) == BLOCK_LEAST && is(LIST_HEAP_FORGETS_THE_LEAST)) {
        return;
    }
    while (next != NONE && next < block && !is(LIST_HEAP_DISORDERS)) {
        previous = next;
        next = next_of(next);
    }
    if (next != NONE && block + size_of(block) == next) {
        store(block, size_of(block) + size_of(next));
        next = next_of(next);
    }
    if (previous != NONE && previous + size_of(previous) == block) {
        store(previous, size_of(previous) + size_of(block));
        block = previous;
    } else {
        link_after(previous, block);
    }
    set_next(is(LIST_HEAP_LINKS_TOO_LOW) && block >= 2 * HEADER_SIZE ? block - 2 * HEADER_SIZE : block, next);
    if (is(LIST_HEAP_WRITES_PAST)) {
        memory[memory_size] = 0;
    }
}

static size_t payload_size(const unsigned char *payload) {
    return size_of((size_t)(payload - memory) - HEADER_SIZE) - HEADER_SIZE;
}

void list_heap_free(void *pointer) {
    give((size_t)((unsigned char *)pointer - memory) - HEADER_SIZE);
}

void *list_heap_zalloc(size_t size) {
    unsigned char *const payload = list_heap_alloc(size);
    if (payload != NULL && size != 0) {
        memset(payload, 0, size - is(LIST_HEAP_ZEROES_TOO_LITTLE));
    }
    return payload;
}

void *list_heap_realloc(void *pointer, size_t size) {
    unsigned char *const old = pointer;
    const size_t old_size = payload_size(old);
    unsigned char *const new = list_heap_alloc(size);
    for (size_t i = 0; new != NULL &&i < old_size &&i < size; i++) {
        new[i] = is(LIST_HEAP_MOVES_TOO_LITTLE) && i >= 8 ? 0 : old[i];
    }
    if (new != NULL || is(LIST_HEAP_LOSES_THE_OLD)) {
        list_heap_free(old);
    }
    return new;
}

/* Takes enough for the worst case, and gives back what lies in front. */
void *list_heap_alloc_aligned(size_t alignment, size_t size) {
    if (alignment <= UNIT || is(LIST_HEAP_IGNORES_ALIGNMENT)) {
        return list_heap_alloc(size);
    }
    if (size == 0 || alignment > memory_size || size > memory_size) {
        return NULL;
    }
    unsigned char *const payload = list_heap_alloc(size + alignment + BLOCK_LEAST);
    if (payload == NULL) {
        return NULL;
    }
    const size_t block = (size_t)(payload - memory) - HEADER_SIZE;
    size_t front = (size_t)(0 - (uintptr_t)payload) & (alignment - 1);
    front += front != 0 && front < BLOCK_LEAST ? alignment : 0;
    if (front == 0) {
        return payload;
    }
    const size_t whole = size_of(block);
    store(block, front);
    store(block + front, whole - front);
    give(block);
    return payload + front;
}

/* Are the free blocks in order, and none beside another? */
bool list_heap_check(void) {
    size_t end = 0; /* of the last free block */
    for (uint32_t block = first; block != NONE; block = next_of(block)) {
        if ((end != 0 && block <= end) || block >= memory_size || size_of(block) > memory_size - block) {
            return false;
        }
        end = block + size_of(block);
    }
    return true;
}

size_t list_heap_usable_size(const void *pointer) {
    return payload_size(pointer) - (is(LIST_HEAP_CLAIMS_LESS) ? payload_size(pointer) : 0);
}

static const struct subject_names names = {
    .sources = "-DSUBJECT_DEFECT=0 tests/subjects/list_heap.c",
    .head = "#include \"tests/subjects/list_heap.h\"\n",
    .start = "list_heap_start",
    .alloc = "list_heap_alloc",
    .free = "list_heap_free",
    .zalloc = "list_heap_zalloc",
    .alloc_aligned = "list_heap_alloc_aligned",
    .realloc = "list_heap_realloc",
    .usable_size = "list_heap_usable_size",
    .check = "list_heap_check",
};

const struct subject subject_list_heap = {
    .name = "list heap",
    .start = list_heap_start,
    .alloc = list_heap_alloc,
    .free = list_heap_free,
    .zalloc = list_heap_zalloc,
    .realloc = list_heap_realloc,
    .alloc_aligned = list_heap_alloc_aligned,
    .usable_size = list_heap_usable_size,
    .check = list_heap_check,
    .names = &names,
    .facts = {.alignment = UNIT, .merges = true},
};
