/* The kernel layer on pages of a page allocator. kernel_pages.h is the contract. */
#include "fuzz/subjects/kernel_pages.h"

#include <stdlib.h>

#include "src/kernel.h"
#include "src/port.h"

#define SPARE_LIMIT ((size_t)8) /* pages */
#define HEAP_SIZE   (KMEM_KERNEL_PAGE_COUNT * PAGE_SIZE)
#define LEAST       (1 + KMEM_KERNEL_PAGE_COUNT) /* pages: a table and the heap */
#define HEADER_SIZE ((size_t)8)
#define DAMAGE      0xff

static struct page_allocator pages;
static struct {
    size_t count;
    enum kmem_error error;
    const void *pointer;
} fault;

static void hook(enum kmem_error error, const void *pointer) {
    fault.count++;
    fault.error = error;
    fault.pointer = pointer;
}

/* Has the hook been called so since the last time it was asked, and only so? */
static bool was_fault(enum kmem_error error, const void *pointer) {
    const bool right = fault.count == 1 && fault.error == error && fault.pointer == pointer;
    fault.count = 0;
    return right;
}

static bool has_pages(unsigned char *memory, size_t count) {
    return page_init(&pages, memory, (1 + count) * PAGE_SIZE) == PAGE_OK && pages.page_count == count;
}

static bool takes_none_of_too_few(unsigned char *memory) {
    for (size_t count = 1; count < LEAST; count += LEAST - 2) {
        if (!has_pages(memory, count) || kmem_kernel_init(&pages) != KMEM_EXHAUSTED ||
            pages.taken_count != 0) {
            return false;
        }
    }
    return true;
}

static bool takes_none_of_damaged(unsigned char *memory) {
    bool right = has_pages(memory, LEAST);
    for (size_t i = 0; i < 2 && right; i++) {
        pages.descriptors[i] = DAMAGE;
        right = kmem_kernel_init(&pages) == KMEM_CORRUPT_PAGES && pages.taken_count == 0;
        pages.descriptors[i] = 0;
    }
    return right;
}

static bool starts_and_stays(unsigned char *memory, size_t spare_count) {
    if (!has_pages(memory, LEAST + spare_count) || kmem_kernel_init(&pages) != KMEM_OK) {
        return false;
    }
    const struct kmem *const heap = kmem_kernel_heap();
    const bool refused = kmem_kernel_init_at(memory, NULL, 1, NULL) == KMEM_BAD_REGION;
    return refused && kmem_kernel_page_table() == pages.base &&
           kmem_kernel_head() == pages.base + PAGE_SIZE &&
           kmem_kernel_page_count() == KMEM_KERNEL_PAGE_COUNT && kmem_head(heap) == kmem_kernel_head() &&
           kmem_page_count(heap) == KMEM_KERNEL_PAGE_COUNT &&
           heap->source.page_limit == KMEM_KERNEL_PAGE_COUNT + spare_count && pages.taken_count == LEAST;
}

/* To the last page, and not beyond; one spare page is met damaged first. */
static bool grows(size_t spare_count) {
    const size_t most = HEAP_SIZE + spare_count * PAGE_SIZE - HEADER_SIZE;
    fault.count = 0;
    if (spare_count != 0) {
        pages.descriptors[LEAST] = DAMAGE;
        if (kmalloc(HEAP_SIZE) != NULL || !was_fault(KMEM_CORRUPT_PAGES, NULL)) {
            return false;
        }
        pages.descriptors[LEAST] = 0;
    }
    if (kmalloc(most + 1) != NULL || fault.count != 0) {
        return false;
    }
    void *const payload = kmalloc(most);
    const bool right = payload != NULL && kmem_kernel_usable_size(payload) == most &&
                       kmem_kernel_page_count() == KMEM_KERNEL_PAGE_COUNT + spare_count &&
                       pages.taken_count == LEAST + spare_count;
    kfree(payload);
    kmem_kernel_set_fault_hook(NULL);
    kfree(pages.base); /* the platform's PORT_FAULT does nothing here */
    kmem_kernel_set_fault_hook(hook);
    kfree(pages.base);
    return right && was_fault(KMEM_FOREIGN_POINTER, pages.base);
}

static void count_text(void *context, const char *text) {
    *(size_t *)context += text[0] != '\0';
}

static bool prints(void) {
    size_t text_count = 0;
    kmem_kernel_print(count_text, &text_count);
    return text_count != 0;
}

bool kernel_pages_work(void) {
    static const size_t spare_counts[] = {0, 1, SPARE_LIMIT};
    const size_t size = (1 + LEAST + SPARE_LIMIT) * PAGE_SIZE;
    unsigned char *const memory = aligned_alloc(PAGE_SIZE, size);
    if (memory == NULL) {
        abort(); /* some MiB */
    }
    kmem_kernel_set_fault_hook(hook);
    fault.count = 0;
    bool right = takes_none_of_too_few(memory) && takes_none_of_damaged(memory) && fault.count == 0;
    for (size_t i = 0; i < sizeof spare_counts / sizeof spare_counts[0] && right; i++) {
        PORT_UNPOISON(memory, size);
        right = starts_and_stays(memory, spare_counts[i]) && grows(spare_counts[i]) && prints();
    }
    PORT_UNPOISON(memory, size);
    free(memory);
    return right;
}
