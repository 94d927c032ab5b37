/* The page allocator: whole pages out of one contiguous stretch of memory, for the kernel's heap and page
 * tables.
 *
 *     memory
 *       | descriptors, one byte a page | (up to a page boundary) | page 0 | page 1 | ... | page count - 1 |
 *
 * A descriptor says whether its page is taken and whether it is the last of its run (one allocation is one
 * run of neighbouring pages). First fit over pages. Pointers and descriptors are checked before use. Every
 * operation costs at most one walk over the descriptors, and a store for each that it changes.
 *
 * A descriptor is impossible when it has unknown bits, or is last but not taken. A run is impossible when a
 * free page, an impossible descriptor or the end of the pages comes before its last page. Any operation that
 * meets either reports PAGE_CORRUPT; page_free and page_extend also do so for a run of more pages than
 * taken_count.
 *
 * Nothing here locks. Callers that share an allocator use one lock, also for page_last_error and members; for
 * the kernel heap's allocator that is PORT_LOCK (kernel.h).
 *
 * The design follows the page allocator of Stephen Marz's "The Adventures of OS". */
#ifndef KMEM_PAGE_H
#define KMEM_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAGE_SIZE ((size_t)4096) /* bytes */

/* Descriptor bits; the other six are always 0. */
#define PAGE_TAKEN 0x01u
#define PAGE_LAST  0x02u /* only together with PAGE_TAKEN */

/* How an operation ended. page_error_name() gives the name printed for each. */
enum page_error {
    PAGE_OK = 0,
    PAGE_EXHAUSTED,  /* no run of free pages is long enough */
    PAGE_BAD_REGION, /* page_init: the memory is NULL, too large, wraps the address space, or holds no page */
    PAGE_FOREIGN_POINTER,    /* the pointer is outside the pages */
    PAGE_MISALIGNED_POINTER, /* the pointer is not at the start of a page */
    PAGE_INTERIOR_POINTER,   /* the pointer names a taken page, but not the first of its run */
    PAGE_DOUBLE_FREE,        /* the pointer names a free page */
    PAGE_CORRUPT,            /* the descriptors are impossible: see above */
};

/* One page allocator. The caller owns it, page_init fills it; only page.c writes its members. */
struct page_allocator {
    unsigned char *descriptors; /* page_count bytes */
    unsigned char *base;        /* page 0; a multiple of PAGE_SIZE */
    size_t page_count;
    size_t taken_count;    /* pages taken */
    enum page_error error; /* how the last operation ended */
};

/* Makes pages manage as many whole pages as fit in size bytes at memory, after their descriptors; all are
 * free. Page 0 starts at the first page boundary at or after the last descriptor's end. The memory may start
 * anywhere; it stays the caller's, who keeps it alive. Returns PAGE_OK, or PAGE_BAD_REGION iff memory is
 * NULL, size is over PTRDIFF_MAX, memory + size does not fit in a size_t, or not even one page and its
 * descriptor fit; pages is then an allocator without pages, to which every pointer but NULL is foreign. Cost:
 * one store per page. */
enum page_error page_init(struct page_allocator *pages, void *memory, size_t size);

/* Takes the lowest run of count free pages and returns the first, PAGE_SIZE-aligned, contents unspecified.
 * The caller owns the run until page_free. Returns NULL iff count is 0 (PAGE_OK), no run of free pages is
 * that long (PAGE_EXHAUSTED), or a descriptor or a run on the way is impossible (PAGE_CORRUPT);
 * page_last_error() says which, and nothing changed. The way goes from page 0 to the end of the run taken,
 * or of the pages. */
void *page_alloc(struct page_allocator *pages, size_t count);

/* page_alloc, with every byte set to 0. Cost: also one store per 8 bytes. */
void *page_zalloc(struct page_allocator *pages, size_t count);

/* Makes the run that starts at pointer longer by count pages, in place. The pages' contents are unspecified.
 * Returns PAGE_OK; or, having changed nothing: a misuse or PAGE_CORRUPT as page_free, except that NULL is a
 * foreign pointer; PAGE_EXHAUSTED when the count pages that follow do not all exist and are free. These are
 * checked in order, and the first that is not free decides: PAGE_CORRUPT if its descriptor is impossible,
 * otherwise PAGE_EXHAUSTED. A count of 0 changes nothing. Cost: one step per page of the run, old and new. */
enum page_error page_extend(struct page_allocator *pages, void *pointer, size_t count);

/* Frees the run that starts at pointer; NULL does nothing. Returns PAGE_OK; or, having changed nothing, a
 * misuse or PAGE_CORRUPT. Checked in this order: outside the pages PAGE_FOREIGN_POINTER, not at the start of
 * a page PAGE_MISALIGNED_POINTER, impossible descriptor PAGE_CORRUPT, a free page PAGE_DOUBLE_FREE,
 * impossible descriptor of the page before PAGE_CORRUPT, not the first of its run PAGE_INTERIOR_POINTER,
 * impossible run PAGE_CORRUPT. Cost: one step per page of the run. */
enum page_error page_free(struct page_allocator *pages, void *pointer);

/* The number of pages in the run that starts at pointer; 0 iff page_free would refuse pointer, or it is NULL.
 * Changes nothing, page_last_error() included. Cost: one step per page of the run. */
size_t page_run_count(const struct page_allocator *pages, const void *pointer);

/* How the last fallible operation on pages ended. */
enum page_error page_last_error(const struct page_allocator *pages);

/* The name of an error, such as "double-free"; "unknown" for any other value. Static storage. */
const char *page_error_name(enum page_error error);

#ifdef __cplusplus
}
#endif

#endif
