/* The page allocator as its subject calls it, and as C files do that reproduce what is found in it: in bytes,
 * and in memory of different shapes.
 *
 *     region
 *       | dirt | memory: descriptors | room | page 0 | page 1 | ... |
 *       |<----------- a page ------------->|
 *
 * How much room there is, and how far the memory goes on after the last page, depends on how many there are.
 */
#ifndef KMEM_PAGES_CALLS_H
#define KMEM_PAGES_CALLS_H

#include "src/page.h"

static struct page_allocator pages;
static unsigned char *descriptors;
static size_t page_count; /* pages there must be */

/* Requests are rounded up to pages; those that no memory can hold are counted in pages down from the largest
 * number there is. */
static inline size_t pages_for(size_t size) {
    return size > PTRDIFF_MAX ? SIZE_MAX - (SIZE_MAX - size) / PAGE_SIZE
                              : size / PAGE_SIZE + (size % PAGE_SIZE != 0);
}

static inline bool pages_start(void *memory, size_t size) {
    static const size_t tails[4] = {0, 1, PAGE_SIZE / 2, PAGE_SIZE - 1};
    page_count = size / PAGE_SIZE - 1;
    const size_t rooms[4] = {0, PAGE_SIZE - page_count, 100, 1};
    const size_t front_size = page_count + rooms[page_count % 4];
    descriptors = (unsigned char *)memory + PAGE_SIZE - front_size;
    return page_init(&pages, descriptors, front_size + page_count * PAGE_SIZE + tails[page_count / 4 % 4]) ==
           PAGE_OK;
}

static inline void *pages_alloc(size_t size) {
    return page_alloc(&pages, pages_for(size));
}

static inline void *pages_zalloc(size_t size) {
    return page_zalloc(&pages, pages_for(size));
}

static inline bool pages_extend(void *pointer, size_t size) {
    const size_t wanted = pages_for(size);
    const size_t count = page_run_count(&pages, pointer);
    return page_extend(&pages, pointer, wanted > count ? wanted - count : 0) == PAGE_OK;
}

static inline enum page_error pages_free(void *pointer) {
    return page_free(&pages, pointer);
}

static inline size_t pages_usable_size(const void *pointer) {
    return page_run_count(&pages, pointer) * PAGE_SIZE;
}

#endif
