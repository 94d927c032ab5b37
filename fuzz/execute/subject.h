/* The subject: the allocator under test, as the harness sees it. To plug one in, write one file with such a
 * table (fuzz/subjects/ has examples); the harness reaches the heap through nothing else. It has one heap at
 * a time, and keeps what it needs to know of it where it likes.
 *
 * A table that an author fills in needs this header only, and this header needs none of ours. */
#ifndef KMEM_SUBJECT_H
#define KMEM_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a heap promises its callers. Every default, 0, promises nothing, so that no sound heap is accused:
 * declare what you promise, and it is checked. */
struct subject_facts {
    size_t alignment;      /* bytes: every payload is a multiple of it; a power of two */
    bool zero_size_unique; /* alloc(0) returns a payload that no other live one overlaps, or NULL */
    bool free_null;        /* free(NULL) does nothing */
    bool realloc_null;     /* realloc(NULL, size) is alloc(size) */
    bool realloc_zero;     /* realloc(pointer, 0) is free(pointer), and returns NULL */
    bool merges; /* once all is freed, the same calls again get no less: nothing is lost, and the place where
                  * a last search ended is not kept */
};

struct subject_view;

struct subject {
    const char *name;

    /* Required. */

    /* Makes an empty heap of the size bytes at memory, which the caller owns, and forgets the one before.
     * Returns false iff it cannot: then nothing is asked of it. Unused if there is a view, which starts heaps
     * that can grow. */
    bool (*start)(void *memory, size_t size);

    /* size bytes, or NULL. */
    void *(*alloc)(size_t size);

    /* Takes back a payload. Any other pointer is passed only to a subject whose view says that it answers. */
    void (*free)(void *pointer);

    /* Optional. What is NULL is never called, and never made of other calls. */

    void *(*zalloc)(size_t size); /* alloc, and what was asked for is zero; with a view, all that is usable */
    void *(*calloc)(size_t count, size_t size); /* count times size bytes, zeroed; NULL if that wraps */
    void *(*alloc_aligned)(size_t alignment, size_t size);
    void *(*realloc)(void *pointer, size_t size); /* NULL: the old payload is as it was, unless size is 0 */
    void (*coalesce)(void);                       /* merges what is free */
    size_t (*usable_size)(const void *pointer); /* bytes usable at a live payload, at least those asked for */
    bool (*check)(void);                        /* the heap's own check; false: something is wrong */

    struct subject_facts facts;

    /* What it shows of itself for a model that predicts every address (fuzz/execute/view.h). NULL: nothing.
     */
    const struct subject_view *view;
};

/* The subject of the fuzz target and of the tools: a program's own sources may define it. Otherwise it is
 * kmem (fuzz/subjects/under_test.c). */
extern const struct subject *const subject_under_test;

/* This project's own allocator. */
extern const struct subject subject_kmem;

#ifdef __cplusplus
}
#endif

#endif
