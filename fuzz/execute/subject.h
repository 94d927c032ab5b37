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

/* The version of this interface. It rises when a table written for the one before would no longer compile, or
 * would mean something else. A table's file may say which one it was written for, before it includes this:
 *
 *     #define KMEMFUZZ_SUBJECT 1
 *
 * kmemfuzz defines KMEMFUZZ_SUBJECT_TOOL, its own version, for what it compiles. */
#define SUBJECT_VERSION 1

#if defined KMEMFUZZ_SUBJECT_TOOL && KMEMFUZZ_SUBJECT_TOOL != SUBJECT_VERSION
#error "this header is of another kmemfuzz than the one that runs: delete it or run kmemfuzz two-files"
#elif defined KMEMFUZZ_SUBJECT && KMEMFUZZ_SUBJECT < SUBJECT_VERSION
#error "your file is written for an older kmemfuzz: see CHANGELOG.md for what to change"
#elif defined KMEMFUZZ_SUBJECT && KMEMFUZZ_SUBJECT > SUBJECT_VERSION
#error "your file is written for a newer kmemfuzz, as KMEMFUZZ_SUBJECT says: install that"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Whose memory payloads lie in. */
enum subject_memory {
    SUBJECT_MEMORY_GIVEN,   /* what start and add_region are given */
    SUBJECT_MEMORY_OWN,     /* an array of the heap's own, at own_memory: that is what start is given */
    SUBJECT_MEMORY_UNKNOWN, /* anywhere, as a system's malloc: start is given NULL and 0 */
};

/* What alloc(0) returns. */
enum subject_zero {
    SUBJECT_ZERO_EITHER, /* anything */
    SUBJECT_ZERO_UNIQUE, /* NULL, or a payload that no other live one overlaps */
    SUBJECT_ZERO_NULL,   /* NULL */
};

/* Pointers that free, given one, leaves the heap as it is for. */
enum subject_misuse {
    SUBJECT_DOUBLE_FREE = 1, /* a payload freed before, where no live one is now */
    SUBJECT_INTERIOR = 2,    /* inside a live payload, at a multiple of 8 bytes from its start */
    SUBJECT_MISALIGNED = 4,  /* 1 to 7 bytes past a live payload's start */
    SUBJECT_FOREIGN = 8,     /* outside all memory given */
};

/* First fit: the lowest block that is large enough, cut when its rest can be a block, and free neighbours
 * merged at once. The first block starts with the region, or after the metadata. A size of 0 gets NULL; an
 * aligned payload lies as low as it can with nothing or a block in front; realloc shrinks where it is, grows
 * into what is free behind, or else moves. */
struct subject_policy {
    size_t header_size; /* in front of a payload; a multiple of grain */
    size_t grain;       /* offsets and sizes of blocks are multiples of it; a power of two */
    size_t block_least; /* the smallest block; a multiple of grain */
};

/* What a heap is, and what it promises its callers. Every default, 0, promises nothing, so that no sound heap
 * is accused: declare what you promise, and it is checked. Sizes are in bytes. */
struct subject_facts {
    enum subject_memory memory;
    void *own_memory; /* SUBJECT_MEMORY_OWN's */
    size_t own_size;
    bool below_4_gib; /* it needs a region whose addresses have 32 bits */
    size_t
        region_least; /* that start can take; 0: it says so itself. Equal to region_most: it takes no other */
    size_t region_most;     /* 0: any */
    size_t metadata;        /* of the region, in front of the first payload */
    size_t header_size;     /* of a block, in front of its payload; 0: unknown, or none */
    unsigned size_width;    /* bits of its size parameters, such as 16: no more is asked for; 0: a size_t's */
    size_t largest_request; /* more is refused, and no more than an eighth of an empty heap is; SIZE_MAX: no
                             * such limit; 0: not said, and 16 bytes are held to be granted */

    size_t alignment; /* every payload is a multiple of it; a power of two */
    enum subject_zero zero_size;
    bool free_null;    /* free(NULL) does nothing */
    bool realloc_null; /* realloc(NULL, size) is alloc(size) */
    bool realloc_zero; /* realloc(pointer, 0) is free(pointer), and returns NULL */
    unsigned answers;  /* bits of enum subject_misuse: free answers those, and changes nothing */
    bool merges; /* once all is freed, the same calls again get no less: nothing is lost, and the place where
                  * a last search ended is not kept */
    bool refits; /* what was freed can be had again at once, in a call with the same size and alignment;
                  * unless it was ever resized */
    bool gives_back; /* realloc to less, down to half and by 256 bytes or more, frees what is cut off for
                      * alloc: a quarter of it can be had at once */
    bool assertion_refuses; /* a failed assertion in start, or in a call that would return a payload, is a
                             * refusal: false, or NULL, and the heap is as it was */
    struct subject_policy first_fit; /* a model then predicts every address; all 0: another policy */
};

/* A violation that is known, and set aside: the run it happens in ends there, and is not accused. */
struct subject_known {
    const char *oracle; /* its id, such as "alignment" */
    const char *call;   /* the member that was called, such as "alloc_aligned"; NULL: any */
    const char *place;  /* of one that has a line of code, as reported, such as "heap.c:120"; NULL: any */
};

/* For a heap's own assertion or panic to call, on a host: the report has all three, of which text and file
 * outlive the call. Ends the call. */
__attribute__((noreturn)) void subject_failed(const char *text, const char *file, int line);

/* How a C file that reproduces a finding calls the heap (kmemfuzz show --c). Each is the name of a function,
 * or of a macro, that takes and returns what the member does; what has none is called through the table. */
struct subject_names {
    const char *sources; /* what is compiled with such a file, and flags that it takes: "heap.c -Iinclude" */
    const char *head;    /* the lines that declare the names: "#include \"heap.h\"\n" */
    const char *start;
    const char *alloc;
    const char *free;
    const char *zalloc;
    const char *calloc;
    const char *alloc_aligned;
    const char *realloc;
    const char *coalesce;
    const char *usable_size;
    const char *free_sized;
    const char *extend;
    const char *check;
    const char *add_region;
};

struct subject_view;

typedef void subject_visit_block(void *context, const void *block, size_t size, bool taken);

struct subject {
    const char *name;

    /* Required. */

    /* Makes an empty heap of the size bytes at memory, which the caller owns, and forgets the one before.
     * Returns false iff it cannot: then nothing is asked of it. Unused if there is a view, which starts heaps
     * that can grow. */
    bool (*start)(void *memory, size_t size);

    /* size bytes, or NULL. */
    void *(*alloc)(size_t size);

    /* Takes back a payload. Any other pointer is passed only where the facts, or the view, say that it is
     * answered. */
    void (*free)(void *pointer);

    /* Optional. What is NULL is never called, and never made of other calls. */

    void *(*zalloc)(size_t size); /* alloc, and what was asked for is zero; with a view, all that is usable */
    void *(*calloc)(size_t count, size_t size); /* count times size bytes, zeroed; NULL if that wraps */
    void *(*alloc_aligned)(size_t alignment, size_t size);
    void *(*realloc)(void *pointer, size_t size); /* NULL: the old payload is as it was, unless size is 0 */
    void (*coalesce)(void);                       /* merges what is free */
    size_t (*usable_size)(const void *pointer); /* bytes usable at a live payload, at least those asked for */
    void (*free_sized)(void *pointer, size_t size); /* free, told how many bytes were asked for */
    bool (*extend)(void *pointer, size_t size); /* grows a payload where it is; false: nothing has changed */

    /* Adds the size bytes at memory, which do not touch what it has, to the heap there is. */
    bool (*add_region)(void *memory, size_t size);

    size_t (*free_bytes)(
        void);           /* no more than the heap's memory less what is live; the same when a misuse was
                          * answered or a call failed, and when all that was taken since is freed */
    bool (*check)(void); /* the heap's own check; false: something is wrong */

    /* Calls visit for every block, lowest first, whole: with its header, if it has one. False: it cannot. */
    bool (*walk)(subject_visit_block *visit, void *context);

    /* Makes all that the heap keeps outside its memory what it was when the program started; called before
     * start. NULL: the harness does it, if it knows where that is (kmem_foreign_heap in CMake). */
    void (*reset)(void);

    struct subject_facts facts;

    /* What is known and set aside, an entry with a NULL oracle after the last; NULL: nothing. */
    const struct subject_known *known;
    size_t request_cap; /* bytes: more is never asked for; 0: anything is. For heaps known to fail on it */

    const struct subject_names *names; /* NULL: C files call the table */

    /* What it shows of itself, headers and refusals (fuzz/execute/view.h). NULL: nothing. */
    const struct subject_view *view;
};

/* For heaps that grow by themselves, as by sbrk: size more bytes, right after what the heap was given by
 * start and by this; NULL: there are no more, maybe from the first on. So they use start's memory first: a
 * pure sbrk gives that before it asks here. */
void *subject_more(size_t size);

/* The subject of the fuzz target and of the tools: a program's own sources may define it. Otherwise it is
 * kmem (fuzz/subjects/under_test.c). */
extern const struct subject *const subject_under_test;

/* This project's own allocator. */
extern const struct subject subject_kmem;

#ifdef __cplusplus
}
#endif

#endif
