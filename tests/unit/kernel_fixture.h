/* What the tests of the kernel layer share: the pages its one static heap is made of, and a fault hook that
 * remembers. */
#ifndef KMEM_KERNEL_FIXTURE_H
#define KMEM_KERNEL_FIXTURE_H

#include "src/block.h"
#include "src/kernel.h"
#include "tests/unit/test.h"

#define SPARE_PAGE_COUNT ((size_t)8) /* pages after the heap and the table */
#define PAGE_COUNT       (KMEM_KERNEL_PAGE_COUNT + 1 + SPARE_PAGE_COUNT)
#define MEMORY_SIZE      ((PAGE_COUNT + 1) * PAGE_SIZE) /* and one page for the descriptors */
#define KERNEL_HEAP_SIZE (KMEM_KERNEL_PAGE_COUNT * PAGE_SIZE)
#define DIRT             0xa5

/* Weak: the program may be linked without a sanitizer. */
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *address, size_t size);

static _Alignas(4096) unsigned char memory[MEMORY_SIZE];
static struct page_allocator pages;

/* The last fault, and how many there were. */
static struct {
    size_t count;
    enum kmem_error error;
    const void *pointer;
} fault;

static inline void record_fault(enum kmem_error error, const void *pointer) {
    fault.count++;
    fault.error = error;
    fault.pointer = pointer;
}

/* A page allocator with page_count dirty pages, all free. */
static inline void start_pages(size_t page_count) {
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(memory, sizeof memory);
    }
    memset(memory, DIRT, sizeof memory);
    assert_int_equal(page_init(&pages, memory, (page_count + 1) * PAGE_SIZE), PAGE_OK);
    assert_int_equal(pages.page_count, page_count);
}

static inline void watch_faults(void) {
    fault.count = 0;
    fault.error = KMEM_OK;
    fault.pointer = NULL;
    kmem_kernel_set_fault_hook(record_fault);
}

/* No fault since the last call, or exactly this one. */
static inline void assert_no_fault(void) {
    assert_int_equal(fault.count, 0);
}

static inline void assert_fault(enum kmem_error error, const void *pointer) {
    assert_int_equal(fault.count, 1);
    assert_string_equal(kmem_error_name(fault.error), kmem_error_name(error));
    assert_ptr_equal(fault.pointer, pointer);
    fault.count = 0;
}

/* The call meets exactly this fault. */
#define ASSERT_FAULTS(call, error, pointer)                                                                  \
    do {                                                                                                     \
        call;                                                                                                \
        assert_fault(error, pointer);                                                                        \
    } while (0)

/* A new heap of these pages, with as many more after it as there are. */
static inline void boot(size_t page_count) {
    start_pages(page_count);
    assert_int_equal(kmem_kernel_init(&pages), KMEM_OK);
    watch_faults();
}

/* A new heap with 8 free pages after it. */
static inline void booted(void) {
    boot(PAGE_COUNT);
}

#define BOOTED_TEST(name) TEST_WITH(name, booted, NULL)

/* The header of the block at offset, and what the kernel heap lets no one do: write one. */
static inline unsigned char *header_at(size_t offset) {
    return (unsigned char *)(uintptr_t)kmem_kernel_head() + offset;
}

static inline void *payload_at(size_t offset) {
    return header_at(offset) + BLOCK_HEADER_SIZE;
}

static inline void assert_block(size_t offset, size_t size, bool taken) {
    const struct block block = block_read(header_at(offset));
    assert_int_equal(block.size, size);
    assert_int_equal(block.taken, taken);
}

#endif
