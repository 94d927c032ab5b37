/* The kernel's single heap. kernel.h is the contract; the work is done by kmem.c and page.c. */
#include "kernel.h"

#include "port.h"

static struct {
    struct kmem heap;
    void *page_table;
    kmem_fault_hook *fault_hook; /* NULL: PORT_FAULT */
} kernel;

static bool is_fault(enum kmem_error error) {
    return error != KMEM_OK && error != KMEM_EXHAUSTED;
}

/* Ends an operation: unlocks, and only then reports, so that the hook may use the heap or never return. */
static void finish(enum kmem_error error, const void *pointer) {
    kmem_fault_hook *const hook = kernel.fault_hook;
    PORT_UNLOCK();
    if (!is_fault(error)) {
        return;
    }
    if (hook != NULL) {
        hook(error, pointer);
    } else {
        PORT_FAULT(error, pointer);
    }
}

/* finish, with the outcome of the operation just done on the heap. */
static void *finish_with(void *payload, const void *pointer) {
    finish(kmem_last_error(&kernel.heap), pointer);
    return payload;
}

/* The page source of a heap that is a run of a page allocator, the context: the pages that follow it. */
static bool extend_run(void *context, size_t page_count) {
    return page_extend(context, kernel.heap.base, page_count) == PAGE_OK;
}

/* Pages the heap may have in all: those from its first to the page allocator's last. */
static size_t page_limit(const struct page_allocator *pages, const unsigned char *base) {
    return pages->page_count - (size_t)(base - pages->base) / PAGE_SIZE;
}

enum kmem_error kmem_kernel_init(struct page_allocator *pages) {
    /* The table first: then the pages behind the heap are free for it to grow into. */
    void *const page_table = page_zalloc(pages, 1);
    if (page_table == NULL) {
        return KMEM_EXHAUSTED;
    }
    unsigned char *const base = page_zalloc(pages, KMEM_KERNEL_PAGE_COUNT);
    if (base == NULL) {
        (void)page_free(pages, page_table); /* taken just now, so it can be freed */
        return KMEM_EXHAUSTED;
    }
    const struct kmem_page_source source = {
        .extend = extend_run, .context = pages, .page_limit = page_limit(pages, base)};
    return kmem_kernel_init_at(page_table, base, KMEM_KERNEL_PAGE_COUNT, &source);
}

enum kmem_error kmem_kernel_init_at(void *page_table, void *base, size_t page_count,
                                    const struct kmem_page_source *source) {
    struct kmem heap;
    const enum kmem_error error = kmem_init(&heap, base, page_count, PAGE_SIZE, source);
    if (error == KMEM_OK) {
        PORT_LOCK();
        kernel.heap = heap;
        kernel.page_table = page_table;
        PORT_UNLOCK();
    }
    return error;
}

void kmem_kernel_set_fault_hook(kmem_fault_hook *hook) {
    PORT_LOCK();
    kernel.fault_hook = hook;
    PORT_UNLOCK();
}

void *kmalloc(size_t size) {
    PORT_LOCK();
    return finish_with(kmem_alloc(&kernel.heap, size), NULL);
}

void *kzmalloc(size_t size) {
    PORT_LOCK();
    return finish_with(kmem_zalloc(&kernel.heap, size), NULL);
}

void *kcalloc(size_t count, size_t size) {
    PORT_LOCK();
    return finish_with(kmem_calloc(&kernel.heap, count, size), NULL);
}

void *kmalloc_aligned(size_t alignment, size_t size) {
    PORT_LOCK();
    return finish_with(kmem_alloc_aligned(&kernel.heap, alignment, size), NULL);
}

void *krealloc(void *pointer, size_t size) {
    PORT_LOCK();
    return finish_with(kmem_realloc(&kernel.heap, pointer, size), pointer);
}

void kfree(void *pointer) {
    PORT_LOCK();
    finish(kmem_free(&kernel.heap, pointer), pointer);
}

void coalesce(void) {
    PORT_LOCK();
    finish(kmem_coalesce(&kernel.heap), NULL);
}

const void *kmem_kernel_head(void) {
    return kmem_head(&kernel.heap);
}

size_t kmem_kernel_page_count(void) {
    return kmem_page_count(&kernel.heap);
}

void *kmem_kernel_page_table(void) {
    return kernel.page_table;
}

void kmem_kernel_print(void (*output)(void *context, const char *text), void *context) {
    PORT_LOCK();
    kmem_print(&kernel.heap, output, context);
    PORT_UNLOCK();
}
