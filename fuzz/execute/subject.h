/* The subject: the allocator under test, as the harness sees it. To plug one in, write one such table
 * (fuzz/subjects/); the executor reaches the heap through nothing else.
 *
 * Every function gets the subject's own heap structure, which the executor keeps in struct executor, zeroed
 * before start. Pointers passed to free, realloc and usable_size may be any value: report the misuse and
 * leave the heap unchanged. */
#ifndef KMEM_SUBJECT_H
#define KMEM_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/execute/refusal.h"
#include "invariants/invariant.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SUBJECT_HEAP_SIZE ((size_t)256) /* bytes: room for any subject's heap structure */

/* Where to make a heap. */
struct subject_region {
    unsigned char *base; /* a page past a multiple of ARENA_ALIGNMENT */
    size_t page_size;    /* bytes; a power of two */
    size_t page_count;   /* pages to start with */
    struct kmem_page_source source;
};

/* subject.walk calls it for every block, from the lowest on. */
typedef void subject_visit(void *context, size_t offset, uint64_t size, bool taken);

struct subject {
    const char *name;

    /* It keeps headers, slack and free memory poisoned by port.h's hooks: the poison oracle checks that. */
    bool poisons;

    /* Its blocks have the headers of block.h, and it promises to report a damaged one: the damage operations
     * and their oracles are for such subjects. */
    bool answers_damage;

    /* Makes an empty heap in the region. Returns false iff the subject cannot. */
    bool (*start)(void *heap, const struct subject_region *region);

    /* Tries to make a heap in an impossible region: any member may be wrong. Returns whether it did. NULL:
     * start takes good regions only. */
    bool (*start_badly)(void *heap, const struct subject_region *region);

    void *(*alloc)(void *heap, size_t size);
    void *(*zalloc)(void *heap, size_t size);
    void *(*calloc)(void *heap, size_t count, size_t size);
    void *(*alloc_aligned)(void *heap, size_t alignment, size_t size);
    void *(*realloc)(void *heap, void *pointer, size_t size);
    enum refusal (*free)(void *heap, void *pointer); /* returns what last_refusal will say */
    enum refusal (*coalesce)(void *heap);            /* the same */

    /* Cuts free blocks into several side by side, as no operation leaves them, within 64 bytes of where each
     * starts: the next call is coalesce, which must undo it. NULL: coalesce is called on the heap as it is.
     */
    void (*shatter)(void *heap);

    /* Why the last of the above failed or was refused; REFUSAL_NONE if it was not. */
    enum refusal (*last_refusal)(const void *heap);

    /* Bytes usable at a live payload; 0 for any other pointer. Leaves last_refusal as it is. */
    size_t (*usable_size)(const void *heap, const void *pointer);

    /* Where the first block starts, and the pages of the region, growth included, as reported to its callers.
     * NULL: it does not. */
    const void *(*head)(const void *heap);
    size_t (*page_count)(const void *heap);

    /* Checks the invariants in mask and fills *census; as invariant_check. */
    struct verdict (*check)(const void *heap, const struct expectation *expectation, uint64_t mask,
                            struct census *census);

    /* Visits every block of the size bytes at base, for the picture of a heap that may be corrupt: stops at
     * an impossible header, and returns false. */
    bool (*walk)(const void *heap, const unsigned char *base, size_t size, subject_visit *visit,
                 void *context);

    /* Makes the heap, just started, hold exactly these blocks, sorted by offset, and no others, each payload
     * wholly accessible; every gap between them is one free block. To start from a given state. */
    void (*arrange)(void *heap, const struct live_block *live, size_t live_count);
};

/* This project's own allocator. */
extern const struct subject subject_kmem;

#ifdef __cplusplus
}
#endif

#endif
