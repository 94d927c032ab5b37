/* The kernel's single heap. kernel.h is the contract; the work is done by kmem.c and page.c. */
#include "kernel.h"

#include "port.h"
#include "require.h"

static struct {
    struct kmem heap;
    void *page_table;
    kmem_fault_hook *fault_hook; /* NULL: PORT_FAULT */
    bool pages_are_corrupt;      /* so the page allocator has answered the operation being done */
} kernel;

static void lock_kernel(void) {
    PORT_LOCK();
}

static void unlock_kernel(void) {
    PORT_UNLOCK();
}

static bool is_fault(enum kmem_error error) {
    return error != KMEM_OK && error != KMEM_EXHAUSTED;
}

/* Ends an operation: unlocks, and only then reports, so that the hook may use the heap or never return. */
static void finish(enum kmem_error error, const void *pointer) {
    kmem_fault_hook *const hook = kernel.fault_hook;
    unlock_kernel();
    if (!is_fault(error)) {
        return;
    }
    if (hook != NULL) {
        hook(error, pointer);
    } else {
        PORT_FAULT(error, pointer);
    }
}

/* finish, with the outcome of the operation just done on the heap: of that the heap knows only that it could
 * not grow, and not why. */
static void *finish_with(void *payload, const void *pointer) {
    const bool pages_are_corrupt = kernel.pages_are_corrupt;
    kernel.pages_are_corrupt = false;
    REQUIRE(payload == NULL || !pages_are_corrupt);
    finish(pages_are_corrupt ? KMEM_CORRUPT_PAGES : kmem_last_error(&kernel.heap), pointer);
    return payload;
}

/* Is a refusal by the page allocator no answer, but a sign that its descriptors are damaged? The kernel layer
 * names only runs that it has taken. */
static bool is_page_fault(enum page_error error) {
    return error != PAGE_OK && error != PAGE_EXHAUSTED;
}

/* The page source of a heap that is a run of a page allocator, the context: the pages that follow it. */
static bool extend_run(void *context, size_t page_count) {
    REQUIRE(context != NULL && page_count != 0);
    const enum page_error error = page_extend(context, kernel.heap.base, page_count);
    kernel.pages_are_corrupt = is_page_fault(error);
    return error == PAGE_OK;
}

/* Pages the heap may have in all: those from its first to the page allocator's last. */
static size_t page_limit(const struct page_allocator *pages, const unsigned char *base) {
    REQUIRE(base >= pages->base && (size_t)(base - pages->base) / PAGE_SIZE < pages->page_count);
    return pages->page_count - (size_t)(base - pages->base) / PAGE_SIZE;
}

/* Starts a heap; the lock is held. Errors as kmem_kernel_init_at. */
static enum kmem_error start(void *page_table, void *base, size_t page_count,
                             const struct kmem_page_source *source) {
    struct kmem heap;
    const enum kmem_error error = kmem_init(&heap, base, page_count, PAGE_SIZE, source);
    if (error == KMEM_OK) {
        REQUIRE(heap.base == base && heap.page_count == page_count);
        kernel.heap = heap;
        kernel.page_table = page_table;
    }
    return error;
}

/* Starts a heap of pages; the lock is held. Errors as kmem_kernel_init. */
static enum kmem_error start_in_run(struct page_allocator *pages) {
    /* The table first: then the pages after the heap are free for it to grow into. */
    void *const page_table = page_zalloc(pages, 1);
    unsigned char *const base = page_table == NULL ? NULL : page_zalloc(pages, KMEM_KERNEL_PAGE_COUNT);
    if (base == NULL) {
        const bool is_fault = is_page_fault(page_last_error(pages));
        (void)page_free(pages, page_table); /* NULL, or taken just now, so it can be freed */
        return is_fault ? KMEM_CORRUPT_PAGES : KMEM_EXHAUSTED;
    }
    const struct kmem_page_source source = {
        .extend = extend_run, .context = pages, .page_limit = page_limit(pages, base)};
    return start(page_table, base, KMEM_KERNEL_PAGE_COUNT, &source);
}

enum kmem_error kmem_kernel_init(struct page_allocator *pages) {
    REQUIRE(pages != NULL);
    lock_kernel();
    const enum kmem_error error = start_in_run(pages);
    unlock_kernel();
    return error;
}

enum kmem_error kmem_kernel_init_at(void *page_table, void *base, size_t page_count,
                                    const struct kmem_page_source *source) {
    lock_kernel();
    const enum kmem_error error = start(page_table, base, page_count, source);
    unlock_kernel();
    return error;
}

void kmem_kernel_set_fault_hook(kmem_fault_hook *hook) {
    lock_kernel();
    kernel.fault_hook = hook;
    unlock_kernel();
}

void *kmalloc(size_t size) {
    lock_kernel();
    return finish_with(kmem_alloc(&kernel.heap, size), NULL);
}

void *kzmalloc(size_t size) {
    lock_kernel();
    return finish_with(kmem_zalloc(&kernel.heap, size), NULL);
}

void *kcalloc(size_t count, size_t size) {
    lock_kernel();
    return finish_with(kmem_calloc(&kernel.heap, count, size), NULL);
}

void *kmalloc_aligned(size_t alignment, size_t size) {
    lock_kernel();
    return finish_with(kmem_alloc_aligned(&kernel.heap, alignment, size), NULL);
}

void *krealloc(void *pointer, size_t size) {
    lock_kernel();
    return finish_with(kmem_realloc(&kernel.heap, pointer, size), pointer);
}

void kfree(void *pointer) {
    lock_kernel();
    finish(kmem_free(&kernel.heap, pointer), pointer);
}

void coalesce(void) {
    lock_kernel();
    finish(kmem_coalesce(&kernel.heap), NULL);
}

const struct kmem *kmem_kernel_heap(void) {
    return &kernel.heap;
}

const void *kmem_kernel_head(void) {
    lock_kernel();
    const void *const head = kmem_head(&kernel.heap);
    unlock_kernel();
    return head;
}

size_t kmem_kernel_page_count(void) {
    lock_kernel();
    const size_t page_count = kmem_page_count(&kernel.heap);
    unlock_kernel();
    return page_count;
}

void *kmem_kernel_page_table(void) {
    lock_kernel();
    void *const page_table = kernel.page_table;
    unlock_kernel();
    return page_table;
}

size_t kmem_kernel_usable_size(const void *pointer) {
    lock_kernel();
    const size_t usable_size = kmem_usable_size(&kernel.heap, pointer);
    unlock_kernel();
    return usable_size;
}

void kmem_kernel_print(void (*output)(void *context, const char *text), void *context) {
    kmem_print_shared(&kernel.heap, lock_kernel, unlock_kernel, output, context);
}
