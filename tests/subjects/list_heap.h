/* The heap of list_heap.c, and its defects, for tests that choose them. */
#ifndef KMEM_LIST_HEAP_H
#define KMEM_LIST_HEAP_H

#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

enum {
    LIST_HEAP_SOUND,
    LIST_HEAP_GRANTS_TOO_MUCH,   /* the size check wraps */
    LIST_HEAP_MISALIGNS,         /* sizes are not rounded up */
    LIST_HEAP_IGNORES_ALIGNMENT, /* of alloc_aligned */
    LIST_HEAP_OVERLAPS,          /* a split forgets the header */
    LIST_HEAP_LINKS_TOO_LOW,     /* free writes its link two words too low */
    LIST_HEAP_WRITES_PAST,       /* a byte past the memory */
    LIST_HEAP_ZEROES_TOO_LITTLE, /* zalloc forgets the last byte */
    LIST_HEAP_MOVES_TOO_LITTLE,  /* realloc copies 8 bytes at the most */
    LIST_HEAP_LOSES_THE_OLD,     /* a failed realloc frees the old payload */
    LIST_HEAP_CLAIMS_LESS,       /* usable_size is always 0 */
    LIST_HEAP_SHARES_NOTHING,    /* alloc(0) returns the inside of the last payload */
    LIST_HEAP_GRANTS_NOTHING,    /* alloc refuses everything */
    LIST_HEAP_FORGETS_THE_LEAST, /* free drops the smallest blocks */
    LIST_HEAP_DISORDERS,         /* free puts a block first in the list, wherever it is */
};

bool list_heap_start(void *given, size_t size);
void *list_heap_alloc(size_t size);
void list_heap_free(void *pointer);
void *list_heap_zalloc(size_t size);
void *list_heap_realloc(void *pointer, size_t size);
void *list_heap_alloc_aligned(size_t alignment, size_t size);
bool list_heap_check(void);
size_t list_heap_usable_size(const void *pointer);

extern const struct subject subject_list_heap;

#endif
