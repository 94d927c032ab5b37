/* The page allocator. page.h is the contract.
 *
 * Called by the kernel layer (kernel.c), for the kernel's heap and its root page table, and by the page
 * tables (riscv/sv39.c). */
#include "page.h"

#define PAGE_FREE 0u /* the descriptor of a free page */

/* A word of a page, which may hold objects of any type. */
typedef uint64_t __attribute__((may_alias)) word;

/* Neighbouring pages. */
struct run {
    size_t first; /* page index */
    size_t count; /* pages */
};

static enum page_error set_error(struct page_allocator *pages, enum page_error error) {
    pages->error = error;
    return error;
}

/* Can this descriptor be true, whatever its neighbours say? */
static bool is_possible(unsigned char descriptor) {
    return descriptor == PAGE_FREE || descriptor == PAGE_TAKEN || descriptor == (PAGE_TAKEN | PAGE_LAST);
}

/* Walks. Each step is one descriptor, so each ends after at most page_count steps. */

/* The lowest run of count free pages, count being at least 1; its first page in *first. Free pages are
 * counted up to count instead of adding count to anything, so that no count can wrap. */
static enum page_error find_first_fit(const struct page_allocator *pages, size_t count, size_t *first) {
    size_t free_count = 0;    /* free pages that end where the walk stands */
    bool is_run_open = false; /* the page before is taken and not the last of its run */
    for (size_t index = 0; index < pages->page_count; index++) {
        const unsigned char descriptor = pages->descriptors[index];
        if (!is_possible(descriptor) || (is_run_open && descriptor == PAGE_FREE)) {
            return PAGE_CORRUPT;
        }
        is_run_open = descriptor == PAGE_TAKEN;
        free_count = descriptor == PAGE_FREE ? free_count + 1 : 0;
        if (free_count == count) {
            *first = index + 1 - count;
            return PAGE_OK;
        }
    }
    return is_run_open ? PAGE_CORRUPT : PAGE_EXHAUSTED;
}

/* How many pages the run has that starts at first; 0 when it is impossible. */
static size_t count_run(const struct page_allocator *pages, size_t first) {
    for (size_t index = first; index < pages->page_count; index++) {
        const unsigned char descriptor = pages->descriptors[index];
        if (descriptor == (PAGE_TAKEN | PAGE_LAST)) {
            return index + 1 - first;
        }
        if (descriptor != PAGE_TAKEN) {
            return 0;
        }
    }
    return 0;
}

/* Are the count pages from first on all there and free? As with find_first_fit, count itself is never added.
 */
static enum page_error check_free(const struct page_allocator *pages, size_t first, size_t count) {
    for (size_t index = first; index < pages->page_count && index - first < count; index++) {
        const unsigned char descriptor = pages->descriptors[index];
        if (!is_possible(descriptor)) {
            return PAGE_CORRUPT;
        }
        if (descriptor != PAGE_FREE) {
            return PAGE_EXHAUSTED;
        }
    }
    return count <= pages->page_count - first ? PAGE_OK : PAGE_EXHAUSTED;
}

/* Finds the run that starts at pointer. Errors as page_free; *run then means nothing. */
static enum page_error locate(const struct page_allocator *pages, const void *pointer, struct run *run) {
    const size_t offset =
        (uintptr_t)pointer - (uintptr_t)pages->base; /* wraps below base: then past the pages */
    const size_t index = offset / PAGE_SIZE;
    if (index >= pages->page_count) {
        return PAGE_FOREIGN_POINTER;
    }
    if (offset % PAGE_SIZE != 0) {
        return PAGE_MISALIGNED_POINTER;
    }
    if (!is_possible(pages->descriptors[index])) {
        return PAGE_CORRUPT;
    }
    if (pages->descriptors[index] == PAGE_FREE) {
        return PAGE_DOUBLE_FREE;
    }
    const unsigned char before = index == 0 ? PAGE_FREE : pages->descriptors[index - 1];
    if (!is_possible(before)) {
        return PAGE_CORRUPT;
    }
    if (before == PAGE_TAKEN) {
        return PAGE_INTERIOR_POINTER;
    }
    *run = (struct run){.first = index, .count = count_run(pages, index)};
    /* More pages than are taken in all: some descriptor lies, and the counter would wrap. */
    return run->count == 0 || run->count > pages->taken_count ? PAGE_CORRUPT : PAGE_OK;
}

/* Marks count pages, at least 1, as one run, or as the end of the one before. */
static void take(struct page_allocator *pages, size_t first, size_t count) {
    const size_t last = first + (count - 1);
    for (size_t index = first; index < last; index++) {
        pages->descriptors[index] = PAGE_TAKEN;
    }
    pages->descriptors[last] = PAGE_TAKEN | PAGE_LAST;
    pages->taken_count += count;
}

/* The operations. */

enum page_error page_init(struct page_allocator *pages, void *memory, size_t size) {
    const uintptr_t start = (uintptr_t)memory;
    *pages = (struct page_allocator){.descriptors = NULL, .error = PAGE_BAD_REGION};
    if (memory == NULL || size > UINTPTR_MAX - start || size > PTRDIFF_MAX) {
        return PAGE_BAD_REGION;
    }
    /* As many pages fit as if they lay at the very end, on page boundaries, and their descriptors at the
     * start:
     *
     *     start                                     end     start + size
     *       | descriptors | ... | page | ... | page | ....... |
     *
     * Moving the pages down to the first boundary after the descriptors then makes no room for one more. */
    const uintptr_t end = (start + size) & ~(uintptr_t)(PAGE_SIZE - 1);
    const size_t page_count = end > start ? (end - start) / (PAGE_SIZE + 1) : 0;
    if (page_count == 0) {
        return PAGE_BAD_REGION;
    }
    const uintptr_t base = (start + page_count + (PAGE_SIZE - 1)) & ~(uintptr_t)(PAGE_SIZE - 1);
    pages->descriptors = memory;
    pages->base = pages->descriptors + (base - start);
    pages->page_count = page_count;
    for (size_t index = 0; index < page_count; index++) {
        pages->descriptors[index] = PAGE_FREE;
    }
    return set_error(pages, PAGE_OK);
}

void *page_alloc(struct page_allocator *pages, size_t count) {
    if (count == 0) {
        set_error(pages, PAGE_OK);
        return NULL;
    }
    size_t first = 0;
    if (set_error(pages, find_first_fit(pages, count, &first)) != PAGE_OK) {
        return NULL;
    }
    take(pages, first, count);
    return pages->base + first * PAGE_SIZE;
}

void *page_zalloc(struct page_allocator *pages, size_t count) {
    void *const run = page_alloc(pages, count);
    if (run == NULL) {
        return NULL;
    }
    word *const words = run;
    for (size_t i = 0; i < count * (PAGE_SIZE / sizeof *words); i++) {
        words[i] = 0;
    }
    return run;
}

enum page_error page_extend(struct page_allocator *pages, void *pointer, size_t count) {
    struct run run = {.first = 0, .count = 0};
    enum page_error error = locate(pages, pointer, &run);
    if (error == PAGE_OK) {
        error = check_free(pages, run.first + run.count, count);
    }
    if (error == PAGE_OK && count != 0) {
        pages->descriptors[run.first + run.count - 1] = PAGE_TAKEN; /* no longer the last */
        take(pages, run.first + run.count, count);
    }
    return set_error(pages, error);
}

enum page_error page_free(struct page_allocator *pages, void *pointer) {
    if (pointer == NULL) {
        return set_error(pages, PAGE_OK);
    }
    struct run run = {.first = 0, .count = 0};
    const enum page_error error = locate(pages, pointer, &run);
    if (error == PAGE_OK) {
        for (size_t i = 0; i < run.count; i++) {
            pages->descriptors[run.first + i] = PAGE_FREE;
        }
        pages->taken_count -= run.count;
    }
    return set_error(pages, error);
}

/* Questions. */

size_t page_run_count(const struct page_allocator *pages, const void *pointer) {
    struct run run = {.first = 0, .count = 0};
    const bool is_run = pointer != NULL && locate(pages, pointer, &run) == PAGE_OK;
    return is_run ? run.count : 0;
}

enum page_error page_last_error(const struct page_allocator *pages) {
    return pages->error;
}

/* No default, so that the compiler asks for a name when an error is added. */
const char *page_error_name(enum page_error error) {
    switch (error) {
    case PAGE_OK:
        return "ok";
    case PAGE_EXHAUSTED:
        return "exhausted";
    case PAGE_BAD_REGION:
        return "bad-region";
    case PAGE_FOREIGN_POINTER:
        return "foreign-pointer";
    case PAGE_MISALIGNED_POINTER:
        return "misaligned-pointer";
    case PAGE_INTERIOR_POINTER:
        return "interior-pointer";
    case PAGE_DOUBLE_FREE:
        return "double-free";
    case PAGE_CORRUPT:
        return "corrupt";
    }
    return "unknown";
}
