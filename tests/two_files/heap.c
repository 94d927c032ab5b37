/* First or last fit, by turns, in a list of free blocks in the order of their addresses:
 *
 *     | size | next free block, or the payload ... | size | ...
 *
 * HEAP_BUG plants a defect. */
#include "heap.h"

#include <stdint.h>

#ifndef HEAP_BUG
#define HEAP_BUG 0
#endif
enum {
    SOUND,
    FORGETS_TO_ROUND,
    PANICS,
    FAULTS,
};

#define NONE        0xffffffffu
#define HEADER_SIZE 8u
#define BLOCK_LEAST 16u

struct block {
    uint32_t size; /* bytes, the header included */
    uint32_t next; /* where the next free block is */
};

static unsigned char *memory;
static uint32_t list; /* the first free block */
static unsigned turns;

static struct block *at(uint32_t offset) {
    return (struct block *)(void *)(memory + offset);
}

bool kinit(void *start, size_t size) {
    if (size < 64) {
        return false;
    }
    memory = start;
    list = 0;
    at(0)->size = (uint32_t)size & ~7u;
    at(0)->next = NONE;
    return true;
}

void kforget(void) {
    turns = 0;
}

void *kalloc(size_t size) {
    uint32_t *found = NULL;
    if (size > NONE / 2) {
        return NULL;
    }
    if (HEAP_BUG == PANICS && size == 24) {
        panic("size != 24", "heap.c", 53);
    }
    if (HEAP_BUG == FAULTS && size == 24) {
        *(volatile uint32_t *)16 = 0;
    }
    const uint32_t grain = HEAP_BUG == FORGETS_TO_ROUND ? 1 : 8;
    const uint32_t padded = ((uint32_t)size + HEADER_SIZE + grain - 1) & ~(grain - 1);
    const uint32_t need = padded < BLOCK_LEAST ? BLOCK_LEAST : padded;
    for (uint32_t *link = &list; *link != NONE; link = &at(*link)->next) {
        if (at(*link)->size >= need && (found == NULL || turns % 2 == 1)) {
            found = link;
        }
    }
    if (found == NULL) {
        return NULL;
    }
    turns++;
    struct block *const block = at(*found);
    const uint32_t rest = block->size - need;
    if (rest < BLOCK_LEAST) {
        *found = block->next;
        return block + 1;
    }
    *found += need;
    const uint32_t next = block->next;
    block->size = need;
    at(*found)->size = rest;
    at(*found)->next = next;
    return block + 1;
}

static void merge_with_next(uint32_t block) {
    const uint32_t next = at(block)->next;
    if (next != NONE && block + at(block)->size == next) {
        at(block)->size += at(next)->size;
        at(block)->next = at(next)->next;
    }
}

void kfree(void *pointer) {
    const uint32_t block = (uint32_t)((unsigned char *)pointer - memory) - HEADER_SIZE;
    uint32_t before = NONE;
    for (uint32_t other = list; other != NONE && other < block; other = at(other)->next) {
        before = other;
    }
    uint32_t *const link = before == NONE ? &list : &at(before)->next;
    at(block)->next = *link;
    *link = block;
    merge_with_next(block);
    if (before != NONE) {
        merge_with_next(before);
    }
}
