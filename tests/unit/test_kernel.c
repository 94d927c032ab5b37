/* Specification: the kernel's single heap. What an operation does is kmem.h's matter; here is what the layer
 * adds.
 *
 * The heap is static and there is one: the tests of what holds before kmem_kernel_init has succeeded come
 * first, and every other test starts a new heap. */
#include "tests/unit/kernel_fixture.h"

static void before_init(void) {
    watch_faults();
}

#define UNBOOTED_TEST(name) TEST_WITH(name, before_init, NULL)

/* Before kmem_kernel_init has succeeded. */

UNBOOTED_TEST(before_init_every_allocation_is_refused) {
    assert_null(kmalloc(1));
    assert_null(kzmalloc(1));
    assert_null(kcalloc(1, 1));
    assert_null(kmalloc_aligned(64, 1));
    assert_null(krealloc(NULL, 1));
    assert_null(kmalloc(0));
    assert_no_fault();
}

UNBOOTED_TEST(before_init_every_free_but_that_of_null_is_a_fault) {
    kfree(NULL);
    assert_no_fault();
    ASSERT_FAULTS(kfree(memory), KMEM_FOREIGN_POINTER, memory);
    ASSERT_FAULTS(kfree((void *)1), KMEM_FOREIGN_POINTER, (void *)1);
    ASSERT_FAULTS(assert_null(krealloc(memory, 1)), KMEM_FOREIGN_POINTER, memory);
}

UNBOOTED_TEST(before_init_there_is_nothing_to_see) {
    coalesce();
    assert_no_fault();
    assert_null(kmem_kernel_head());
    assert_null(kmem_kernel_page_table());
    assert_int_equal(kmem_kernel_page_count(), 0);
    assert_int_equal(kmem_kernel_usable_size(memory), 0);
}

/* The page allocator is as before: nothing taken, and all of it in one run. */
static void assert_init_is_refused(size_t free_count) {
    assert_int_equal(kmem_kernel_init(&pages), KMEM_EXHAUSTED);
    assert_int_equal(pages.taken_count, pages.page_count - free_count);
    for (size_t i = 0; i < free_count; i++) {
        assert_int_equal(pages.descriptors[pages.page_count - free_count + i], 0);
    }
}

UNBOOTED_TEST(init_without_enough_pages_is_refused_and_takes_none) {
    static const size_t page_counts[] = {1, 2, KMEM_KERNEL_PAGE_COUNT - 1, KMEM_KERNEL_PAGE_COUNT};
    for (size_t i = 0; i < LENGTH(page_counts); i++) {
        start_pages(page_counts[i]);
        assert_init_is_refused(page_counts[i]);
        before_init_there_is_nothing_to_see();
        before_init_every_allocation_is_refused();
    }
}

UNBOOTED_TEST(init_that_meets_a_damaged_descriptor_says_so_and_takes_no_page) {
    /* Met for the table, or the heap. */
    for (size_t index = 0; index <= KMEM_KERNEL_PAGE_COUNT; index += 256) {
        start_pages(PAGE_COUNT);
        pages.descriptors[index] = 0x80;
        assert_int_equal(kmem_kernel_init(&pages), KMEM_CORRUPT_PAGES);
        assert_int_equal(pages.taken_count, 0);
        assert_int_equal(pages.descriptors[index == 0], 0);
        assert_no_fault();
        before_init_there_is_nothing_to_see();
    }
}

UNBOOTED_TEST(init_without_any_page_is_refused) {
    start_pages(PAGE_COUNT);
    assert_non_null(page_alloc(&pages, PAGE_COUNT));
    assert_init_is_refused(0);
    before_init_there_is_nothing_to_see();
}

static void assert_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

BOOTED_TEST(init_takes_512_zeroed_pages_as_one_free_block_and_one_for_the_page_table) {
    const unsigned char *const table = kmem_kernel_page_table();
    const unsigned char *const head = kmem_kernel_head();
    assert_int_equal(kmem_kernel_page_count(), 512);
    assert_int_equal(pages.taken_count, 513);
    assert_int_equal((uintptr_t)head % PAGE_SIZE, 0);
    assert_block(0, KERNEL_HEAP_SIZE, false);
    /* The core has poisoned the free payload; this looks at it as a debugger would. */
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(head, KERNEL_HEAP_SIZE);
    }
    assert_zero(head + BLOCK_HEADER_SIZE, KERNEL_HEAP_SIZE - BLOCK_HEADER_SIZE);
    assert_non_null(table);
    assert_int_equal((uintptr_t)table % PAGE_SIZE, 0);
    assert_true(table + PAGE_SIZE <= head || table >= head + KERNEL_HEAP_SIZE);
    assert_zero(table, PAGE_SIZE);
}

TEST(exactly_513_pages_are_enough) {
    boot(KMEM_KERNEL_PAGE_COUNT + 1);
    assert_null(kmalloc(KERNEL_HEAP_SIZE));
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE - 8));
    assert_null(kmalloc(1));
    assert_no_fault();
}

BOOTED_TEST(a_refused_init_leaves_the_heap_there_was) {
    struct page_allocator none;
    static _Alignas(4096) unsigned char small_memory[2 * PAGE_SIZE];
    const void *const head = kmem_kernel_head();
    const void *const table = kmem_kernel_page_table();
    void *const payload = kmalloc(8);
    assert_int_equal(page_init(&none, small_memory, sizeof small_memory), PAGE_OK);
    assert_int_equal(kmem_kernel_init(&none), KMEM_EXHAUSTED);
    assert_ptr_equal(kmem_kernel_head(), head);
    assert_ptr_equal(kmem_kernel_page_table(), table);
    kfree(payload);
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE)); /* grows, and so still knows its page allocator */
    assert_no_fault();
}

static size_t asked_count;

static bool grant(void *context, size_t page_count) {
    asked_count += page_count;
    return *(const bool *)context;
}

BOOTED_TEST(init_at_makes_the_heap_of_the_pages_and_the_source_given) {
    static unsigned char table;
    bool granted = false;
    const struct kmem_page_source source = {.extend = grant, .context = &granted, .page_limit = 8};
    start_pages(PAGE_COUNT);
    watch_faults();
    asked_count = 0;
    assert_int_equal(kmem_kernel_init_at(&table, memory + 3 * PAGE_SIZE, 2, &source), KMEM_OK);
    assert_ptr_equal(kmem_kernel_page_table(), &table);
    assert_ptr_equal(kmem_kernel_head(), memory + 3 * PAGE_SIZE);
    assert_int_equal(kmem_kernel_page_count(), 2);
    assert_int_equal(pages.taken_count, 0);
    assert_null(kmalloc(2 * PAGE_SIZE));
    assert_int_equal(asked_count, 1);
    granted = true;
    assert_non_null(kmalloc(2 * PAGE_SIZE));
    assert_int_equal(kmem_kernel_page_count(), 3);
    assert_no_fault();
}

BOOTED_TEST(init_at_without_a_source_makes_a_heap_that_never_grows) {
    start_pages(PAGE_COUNT);
    assert_int_equal(kmem_kernel_init_at(NULL, memory, 1, NULL), KMEM_OK);
    assert_null(kmalloc(PAGE_SIZE));
    assert_non_null(kmalloc(PAGE_SIZE - 8));
}

BOOTED_TEST(a_refused_init_at_leaves_the_heap_there_was) {
    const void *const head = kmem_kernel_head();
    const void *const table = kmem_kernel_page_table();
    assert_int_equal(kmem_kernel_init_at(memory, NULL, 1, NULL), KMEM_BAD_REGION);
    assert_int_equal(kmem_kernel_init_at(memory, memory + 1, 1, NULL), KMEM_BAD_REGION);
    assert_int_equal(kmem_kernel_init_at(memory, memory, 0, NULL), KMEM_BAD_REGION);
    assert_ptr_equal(kmem_kernel_head(), head);
    assert_ptr_equal(kmem_kernel_page_table(), table);
    assert_non_null(kmalloc(8));
    assert_no_fault();
}

BOOTED_TEST(a_second_init_starts_a_new_heap_and_leaves_the_old_pages_taken) {
    static _Alignas(4096) unsigned char second_memory[MEMORY_SIZE];
    struct page_allocator second_pages;
    void *const payload = kmalloc(8);
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(second_memory, sizeof second_memory);
    }
    assert_int_equal(page_init(&second_pages, second_memory, sizeof second_memory), PAGE_OK);
    assert_int_equal(kmem_kernel_init(&second_pages), KMEM_OK);
    assert_int_equal(pages.taken_count, 513);
    assert_int_equal(second_pages.taken_count, 513);
    assert_block(0, KERNEL_HEAP_SIZE, false);
    ASSERT_FAULTS(kfree(payload), KMEM_FOREIGN_POINTER, payload);
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE));
    assert_int_equal(pages.taken_count, 513);
    assert_int_equal(second_pages.taken_count, 514);
}

BOOTED_TEST(kzmalloc_and_kcalloc_give_zeros_where_others_have_written) {
    for (int i = 0; i < 2; i++) {
        unsigned char *const dirty = kmalloc(64);
        assert_non_null(dirty);
        memset(dirty, DIRT, 64);
        kfree(dirty);
        unsigned char *const clean = i == 0 ? kzmalloc(64) : kcalloc(8, 8);
        assert_ptr_equal(clean, dirty);
        assert_zero(clean, 64);
        kfree(clean);
    }
}

BOOTED_TEST(the_heap_that_is_shown_is_the_one_that_kmalloc_takes_from) {
    const void *const payload = kmalloc(24);
    assert_ptr_equal(kmem_head(kmem_kernel_heap()), kmem_kernel_head());
    assert_int_equal(kmem_usable_size(kmem_kernel_heap(), payload), 24);
    assert_int_equal(kmem_kernel_heap()->taken_count, 1);
}

BOOTED_TEST(the_heap_grows_by_the_pages_behind_it_until_there_are_no_more) {
    void *const payload = kmalloc(KERNEL_HEAP_SIZE - 8);
    assert_non_null(payload);
    assert_int_equal(kmem_kernel_page_count(), 512);
    for (size_t i = 1; i <= SPARE_PAGE_COUNT; i++) {
        unsigned char *const page = kmalloc(PAGE_SIZE - 8);
        assert_ptr_equal(page, payload_at(KERNEL_HEAP_SIZE + (i - 1) * PAGE_SIZE));
        memset(page, DIRT, PAGE_SIZE - 8);
        assert_int_equal(kmem_kernel_page_count(), 512 + i);
        assert_int_equal(pages.taken_count, 513 + i);
    }
    assert_null(kmalloc(1));
    assert_int_equal(kmem_kernel_page_count(), 520);
    kfree(payload);
    assert_ptr_equal(kmalloc(KERNEL_HEAP_SIZE - 8), payload);
    assert_no_fault();
}

BOOTED_TEST(the_heap_grows_by_as_many_pages_as_a_request_needs_at_once) {
    assert_null(kmalloc(KERNEL_HEAP_SIZE + SPARE_PAGE_COUNT * PAGE_SIZE - 7));
    assert_int_equal(pages.taken_count, 513);
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE + SPARE_PAGE_COUNT * PAGE_SIZE - 8));
    assert_int_equal(kmem_kernel_page_count(), 520);
    assert_no_fault();
}

BOOTED_TEST(growth_stops_at_a_page_someone_else_has_taken) {
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE - 8));
    void *const other = page_alloc(&pages, 1);
    assert_non_null(other);
    assert_null(kmalloc(8));
    assert_int_equal(kmem_kernel_page_count(), 512);
    assert_int_equal(pages.taken_count, 514);
    assert_int_equal(page_free(&pages, other), PAGE_OK);
    assert_non_null(kmalloc(8));
    assert_int_equal(kmem_kernel_page_count(), 513);
    assert_no_fault();
}

/* Where the page allocator's first free pages are not its first pages, fewer lie after the heap. */
TEST(the_page_limit_counts_from_the_heap_and_not_from_the_first_page) {
    start_pages(PAGE_COUNT);
    assert_non_null(page_alloc(&pages, 3));
    assert_int_equal(kmem_kernel_init(&pages), KMEM_OK);
    watch_faults();
    assert_null(kmalloc(KERNEL_HEAP_SIZE + (SPARE_PAGE_COUNT - 3) * PAGE_SIZE - 7));
    assert_int_equal(page_last_error(&pages), PAGE_OK); /* it was not even asked */
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE + (SPARE_PAGE_COUNT - 3) * PAGE_SIZE - 8));
    assert_int_equal(kmem_kernel_page_count(), 517);
    assert_int_equal(pages.taken_count, PAGE_COUNT);
    assert_no_fault();
}

TEST(the_page_limit_is_right_behind_as_many_pages_as_a_page_has_bytes) {
    static _Alignas(4096) unsigned char large_memory[(2 + PAGE_SIZE + PAGE_COUNT) * PAGE_SIZE];
    assert_int_equal(page_init(&pages, large_memory, sizeof large_memory - 1), PAGE_OK);
    assert_non_null(page_alloc(&pages, PAGE_SIZE - 1)); /* one more is the page table */
    assert_int_equal(kmem_kernel_init(&pages), KMEM_OK);
    assert_int_equal(kmem_kernel_heap()->source.page_limit, pages.page_count - PAGE_SIZE);
}
