/* The byte allocator: one heap over one contiguous run of pages.
 *
 * Every operation takes the heap it works on; heaps share nothing, and nothing here locks (the kernel's
 * single heap, kernel.h, does). The whole policy, so that every address can be predicted:
 *
 *   - A request of n bytes needs a block of 8 + n bytes, rounded up to a multiple of 8, and at least 16.
 *   - First fit: the lowest-addressed free block that is large enough serves it.
 *   - Split: a remainder of 16 bytes or more becomes a free block; the block keeps a smaller one.
 *   - Free merges with a free neighbour on either side, so no two adjacent blocks are free between
 *     operations.
 *   - Growth: when nothing fits, the page source is asked, once, for just as many pages as the request needs
 *     beyond a free block at the region's end.
 *
 * Payload bytes beyond the request (slack) belong to the block; the caller may not use them.
 * Pointers are checked before use: a misuse is reported and changes nothing. Headers are checked before they
 * are followed: whatever they say, no walk loops or leaves the region.
 *
 * Unless stated otherwise, a function costs one walk over the blocks up to the one it works on.
 *
 * The design follows the byte allocator of Stephen Marz's "The Adventures of OS" and repairs its known
 * faults. */
#ifndef KMEM_KMEM_H
#define KMEM_KMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How an operation ended. kmem_error_name() gives the name printed for each. */
enum kmem_error {
    KMEM_OK = 0,
    KMEM_EXHAUSTED,     /* no free block fits and the heap could not grow, or no block could ever be so large
                         */
    KMEM_BAD_ALIGNMENT, /* the alignment asked for is not a power of two */
    KMEM_BAD_REGION,    /* kmem_init: the region is NULL, misaligned, empty, too large, or wraps the address
                           space */
    KMEM_FOREIGN_POINTER,    /* the pointer is outside the region */
    KMEM_MISALIGNED_POINTER, /* the pointer is not 8-aligned */
    KMEM_INTERIOR_POINTER,   /* the pointer is in a taken block, but is not its payload */
    KMEM_DOUBLE_FREE,        /* the pointer is in a free block: its allocation was freed before */
    KMEM_CORRUPT,            /* a header is impossible: size under 16, not a multiple of 8, or past the end */
    KMEM_CORRUPT_PAGES,      /* kernel.h only: the page allocator reports impossible descriptors, or that the
                                heap's pages are not a run of its own */
};

/* Where more pages come from. extend(context, count) makes the `count` pages that follow the region readable
 * and writable and returns true, or changes nothing and returns false. It may not call the heap that asks. */
struct kmem_page_source {
    bool (*extend)(void *context, size_t page_count); /* NULL: the heap never grows */
    void *context;                                    /* passed to extend; owned by the caller */
    size_t page_limit; /* pages: the heap never asks for more than these in total (the reserved range) */
};

/* One heap. Owned by the caller, filled by kmem_init; its members are for kmem.c and the checker. */
struct kmem {
    unsigned char *base;            /* the region's first byte, where the first header is */
    size_t page_size;               /* bytes; a power of two */
    size_t page_count;              /* pages; the region is page_count * page_size bytes */
    size_t taken_count;             /* taken blocks */
    size_t taken_size;              /* bytes in taken blocks, headers included */
    struct kmem_page_source source; /* where more pages come from */
    enum kmem_error error;          /* how the last operation ended */
    size_t error_offset; /* bytes from base: of the impossible header, when error is KMEM_CORRUPT */
};

/* Makes heap own page_count pages of page_size bytes (a power of two, 16 or more) at base, as one free block.
 * base is 8-aligned; the memory need not be zeroed. It stays the caller's, who keeps it alive and does not
 * touch it while the heap is used. source may be NULL: the heap then never grows. Keeps a copy of *source.
 * Returns KMEM_OK, or KMEM_BAD_REGION, and then heap is not usable, iff base is NULL or not 8-aligned,
 * page_size is under 16 or not a power of two, page_count is 0, or the region would have more than
 * PTRDIFF_MAX bytes or reach the end of the address space. Cost: constant. */
enum kmem_error kmem_init(struct kmem *heap, void *base, size_t page_count, size_t page_size,
                          const struct kmem_page_source *source);

/* Takes a block for size bytes, 8-aligned, contents unspecified. The caller owns the payload until it passes
 * it to kmem_free or kmem_realloc. Returns NULL iff size is 0 (KMEM_OK), nothing fits and the heap could not
 * grow (KMEM_EXHAUSTED), or an impossible header was met on the way (KMEM_CORRUPT); kmem_last_error() says
 * which, and the heap is unchanged. */
void *kmem_alloc(struct kmem *heap, size_t size);

/* kmem_alloc, with every byte of the usable size set to 0. Cost: also one store per 8 bytes. */
void *kmem_zalloc(struct kmem *heap, size_t size);

/* kmem_zalloc for count * size bytes. A product that does not fit in a size_t is KMEM_EXHAUSTED. */
void *kmem_calloc(struct kmem *heap, size_t count, size_t size);

/* kmem_alloc with the payload at a multiple of alignment, a power of two (8 and less mean 8): the lowest such
 * address in the first free block that has one with room for the request, where the gap before the new block
 * is either empty or 16 bytes or more, and so a free block itself. Returns NULL with KMEM_BAD_ALIGNMENT iff
 * alignment is not a power of two; that is checked before size. */
void *kmem_alloc_aligned(struct kmem *heap, size_t alignment, size_t size);

/* Gives the block of pointer room for size bytes, keeps its contents up to the smaller of both sizes, and
 * returns the payload, which may have moved. Exactly:
 *   - pointer NULL: kmem_alloc(heap, size). size 0: frees pointer and returns NULL.
 *   - The block and a free right neighbour together are one span. If the request fits in it, the block stays
 *     where it is and the span is split as in kmem_alloc: it shrinks, grows, or keeps its size in place.
 *   - Otherwise it moves: a new block as by kmem_alloc (growth included), contents copied, the old block
 *     freed. A moved payload is 8-aligned, whatever alignment the old one had.
 * Returns NULL, with the block and its contents untouched, iff size is 0 (freed, KMEM_OK), there is no room
 * (KMEM_EXHAUSTED), the pointer is a misuse (as kmem_free), or the heap is corrupt (KMEM_CORRUPT). Cost: also
 * one load and store per 8 bytes moved. */
void *kmem_realloc(struct kmem *heap, void *pointer, size_t size);

/* Frees the block whose payload is at pointer and merges it with free neighbours; NULL does nothing. Returns
 * KMEM_OK; or, having changed nothing, a misuse or KMEM_CORRUPT. Checked in this order: outside the region
 * KMEM_FOREIGN_POINTER, not 8-aligned KMEM_MISALIGNED_POINTER, in a free block KMEM_DOUBLE_FREE, in a taken
 * block but not its payload KMEM_INTERIOR_POINTER. */
enum kmem_error kmem_free(struct kmem *heap, void *pointer);

/* Merges all adjacent free blocks of the whole heap; changes nothing on a healthy one. Returns KMEM_OK, or
 * KMEM_CORRUPT when it met an impossible header: then everything before it is merged. Cost: a whole walk. */
enum kmem_error kmem_coalesce(struct kmem *heap);

/* Bytes in the payload at pointer: the request and its slack. 0 iff pointer is not the payload of a taken
 * block. Does not change kmem_last_error(). */
size_t kmem_usable_size(const struct kmem *heap, const void *pointer);

/* How the last fallible operation on heap ended. */
enum kmem_error kmem_last_error(const struct kmem *heap);

/* The name of an error, such as "double-free"; "unknown" for any other value. Static storage. */
const char *kmem_error_name(enum kmem_error error);

/* The first block's header: where a walk starts. Cost: constant, as for the two below. */
const void *kmem_head(const struct kmem *heap);

/* Pages in the region, growth included. */
size_t kmem_page_count(const struct kmem *heap);

/* Bytes in the region, growth included. */
size_t kmem_size(const struct kmem *heap);

/* Prints the block table through output, a piece of text at a time: a line for each block (address, size in
 * bytes, taken or free), then a line of totals of the lines above. Numbers are hexadecimal. At an impossible
 * header it stops with a line that says so. output may use the heap: each line is true of the moment at which
 * its block was read, and the next block is the first that starts where the last one ended, or later. Cost:
 * for each line one walk up to its block. */
void kmem_print(const struct kmem *heap, void (*output)(void *context, const char *text), void *context);

/* kmem_print for a shared heap: lock and unlock are called before and after each block is read, output only
 * outside of them. */
void kmem_print_shared(const struct kmem *heap, void (*lock)(void), void (*unlock)(void),
                       void (*output)(void *context, const char *text), void *context);

#ifdef __cplusplus
}
#endif

#endif
