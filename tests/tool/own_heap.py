"""A heap of one's own for tests, in a folder: its sources and the file that describes it. It returns large payloads at wrong
addresses when HEAP_BUG is in the environment. No tests here."""

from folders import write_file

HEADER = """\
#include <stddef.h>
int heap_init(void *memory, size_t size);
void *heap_alloc(size_t size);
void heap_free(void *pointer);
"""

SOURCE = """\
#include "heap.h"

#include <stdint.h>
#include <stdlib.h>

struct block {
    struct block *next;
    size_t size;
};

static struct block *first;
static size_t shift; /* bytes */

int heap_init(void *memory, size_t size) {
    if (size < 64) {
        return -1;
    }
    shift = getenv("HEAP_BUG") == NULL ? 0 : 8;
    first = memory;
    *first = (struct block){.next = NULL, .size = size & ~(size_t)15};
    return 0;
}

void *heap_alloc(size_t size) {
    const size_t need = ((size + 15) & ~(size_t)15) + sizeof(struct block);
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    for (struct block **link = &first; *link != NULL; link = &(*link)->next) {
        struct block *const block = *link;
        if (block->size == need) {
            *link = block->next;
            return block + 1;
        }
        if (block->size > need) {
            block->size -= need;
            struct block *const taken = (struct block *)((char *)block + block->size);
            taken->size = need;
            return (char *)(taken + 1) + (size >= 100 ? shift : 0);
        }
    }
    return NULL;
}

void heap_free(void *pointer) {
    struct block *const block = (struct block *)pointer - 1;
    struct block **link = &first;
    while (*link != NULL && *link < block) {
        link = &(*link)->next;
    }
    block->next = *link;
    *link = block;
    if (block->next != NULL && (char *)block + block->size == (char *)block->next) {
        block->size += block->next->size;
        block->next = block->next->next;
    }
}
"""

SUBJECT = """\
#define KMEMFUZZ_SUBJECT 1
#include "kmemfuzz.h"

#include "../kernel/heap.h"

static bool start(void *memory, size_t size) {
    return heap_init(memory, size) == 0;
}

static const struct subject table = {
    .name = "my heap",
    .start = start,
    .alloc = heap_alloc,
    .free = heap_free,
    .facts = {.alignment = 16},
};

const struct subject *const subject_under_test = &table;
"""


def write_heap(folder):
    """Writes tests/my_heap.c, kernel/heap.c and its header into a folder."""
    write_file(folder / "kernel/heap.h", HEADER)
    write_file(folder / "kernel/heap.c", SOURCE)
    write_file(folder / "tests/my_heap.c", SUBJECT)
