/* First fit in a list of free blocks, which are cut and never merged. */
#include "heap.h"

struct block {
    size_t size; /* bytes, with this header; a multiple of it */
    struct block *next;
};

static struct block *first;

int heap_start(void *memory, size_t size) {
    if (size < sizeof *first) {
        return 0;
    }
    first = memory;
    first->size = size & ~(sizeof *first - 1);
    first->next = NULL;
    return 1;
}

void *heap_alloc(size_t size) {
    const size_t need = ((size + sizeof *first - 1) & ~(sizeof *first - 1)) + sizeof *first;
    if (need < size) {
        return NULL;
    }
    struct block **link = &first;
    while (*link != NULL && (*link)->size < need) {
        link = &(*link)->next;
    }
    struct block *const block = *link;
    if (block == NULL) {
        return NULL;
    }
    if (block->size > need) {
        struct block *const rest = (struct block *)((char *)block + need);
        rest->size = block->size - need;
        rest->next = block->next;
        block->size = need;
        *link = rest;
    } else {
        *link = block->next;
    }
    return block + 1;
}

void heap_free(void *payload) {
    struct block *const block = (struct block *)payload - 1;
    block->next = first;
    first = block;
}
