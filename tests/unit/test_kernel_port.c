/* Specification: the hooks a platform gives the kernel layer. The lock is taken and given back exactly once
 * by every operation, never nested, never held by a fault hook or while text is printed, always when pages
 * are asked for; PORT_FAULT gets what no fault hook takes. Threads that share it are in
 * test_kernel_threads.c.
 *
 * The kernel layer is compiled into this file, with hooks that watch it. */

#include "src/kmem.h"
#include "src/page.h"
#include "tests/unit/test.h"

static void lock(void);
static void unlock(void);
static void require_lock(void);
static void default_fault(enum kmem_error error, const void *pointer);

#define PORT_LOCK()                lock()
#define PORT_UNLOCK()              unlock()
#define PORT_FAULT(error, pointer) default_fault((error), (pointer))

/* What the kernel layer calls of the page allocator's it calls with the lock held. */
#define page_zalloc(allocator, count)          (require_lock(), page_zalloc((allocator), (count)))
#define page_extend(allocator, pointer, count) (require_lock(), page_extend((allocator), (pointer), (count)))
#define page_free(allocator, pointer)          (require_lock(), page_free((allocator), (pointer)))

#include "src/kernel.c"
#include "tests/unit/kernel_fixture.h"

static size_t lock_count;
static bool is_locked;
static size_t page_call_count;

static void lock(void) {
    assert_false(is_locked);
    is_locked = true;
    lock_count++;
}

static void unlock(void) {
    assert_true(is_locked);
    is_locked = false;
}

static void require_lock(void) {
    assert_true(is_locked);
    page_call_count++;
}

/* How many faults there were, by the platform's default and by a hook, and the last that the former got. */
static size_t default_fault_count;
static size_t hook_count;
static enum kmem_error fault_error;
static const void *fault_pointer;

static void default_fault(enum kmem_error error, const void *pointer) {
    assert_false(is_locked);
    default_fault_count++;
    fault_error = error;
    fault_pointer = pointer;
}

static void hook(enum kmem_error error, const void *pointer) {
    assert_false(is_locked);
    hook_count++;
    assert_int_equal(error, KMEM_FOREIGN_POINTER);
    assert_ptr_equal(pointer, &pages);
}

static void start_unlocked(void) {
    booted();
    kmem_kernel_set_fault_hook(NULL);
    default_fault_count = 0;
    hook_count = 0;
}

#define PORT_TEST(name) TEST_WITH(name, start_unlocked, NULL)

/* The call takes the lock once, and gives it back. */
#define ASSERT_LOCKS_ONCE(call)                                                                              \
    do {                                                                                                     \
        lock_count = 0;                                                                                      \
        call;                                                                                                \
        assert_int_equal(lock_count, 1);                                                                     \
        assert_false(is_locked);                                                                             \
    } while (0)

static void collect(void *context, const char *text) {
    (void)context;
    (void)text;
    assert_false(is_locked);
}

PORT_TEST(every_operation_takes_the_lock_once_and_gives_it_back) {
    void *payload;
    ASSERT_LOCKS_ONCE(payload = kmalloc(8));
    ASSERT_LOCKS_ONCE(assert_non_null(kzmalloc(8)));
    ASSERT_LOCKS_ONCE(assert_non_null(kcalloc(8, 8)));
    ASSERT_LOCKS_ONCE(assert_non_null(kmalloc_aligned(64, 8)));
    ASSERT_LOCKS_ONCE(payload = krealloc(payload, 100));
    ASSERT_LOCKS_ONCE(kfree(payload));
    ASSERT_LOCKS_ONCE(coalesce());
    ASSERT_LOCKS_ONCE(kmem_kernel_set_fault_hook(hook));
    ASSERT_LOCKS_ONCE(assert_int_equal(kmem_kernel_init(&pages), KMEM_EXHAUSTED));
    ASSERT_LOCKS_ONCE(assert_int_equal(kmem_kernel_init_at(NULL, NULL, 1, NULL), KMEM_BAD_REGION));
    assert_int_equal(default_fault_count + hook_count, 0);
}

PORT_TEST(every_question_takes_the_lock_once_and_gives_it_back) {
    void *const payload = kmalloc(20);
    ASSERT_LOCKS_ONCE(assert_int_equal(kmem_kernel_usable_size(payload), 24));
    ASSERT_LOCKS_ONCE(assert_non_null(kmem_kernel_head()));
    ASSERT_LOCKS_ONCE(assert_non_null(kmem_kernel_page_table()));
    ASSERT_LOCKS_ONCE(assert_int_equal(kmem_kernel_page_count(), KMEM_KERNEL_PAGE_COUNT));
}

PORT_TEST(print_holds_the_lock_for_each_look_at_a_block_and_for_no_text) {
    assert_non_null(kmalloc(8));
    lock_count = 0;
    kmem_kernel_print(collect, NULL);
    assert_int_equal(lock_count, 3); /* two blocks, and the end */
    assert_false(is_locked);
}

PORT_TEST(pages_are_asked_for_with_the_lock_held) {
    page_call_count = 0;
    assert_int_equal(kmem_kernel_init(&pages), KMEM_EXHAUSTED);
    assert_int_equal(page_call_count, 3); /* the table's page, the refused heap's, and the table's back */
    assert_non_null(kmalloc(KMEM_KERNEL_PAGE_COUNT * PAGE_SIZE));
    assert_int_equal(page_call_count, 4);
}

PORT_TEST(an_operation_that_fails_gives_the_lock_back_too) {
    ASSERT_LOCKS_ONCE(assert_null(kmalloc(SIZE_MAX)));
    ASSERT_LOCKS_ONCE(assert_null(kzmalloc(SIZE_MAX)));
    ASSERT_LOCKS_ONCE(assert_null(kcalloc(SIZE_MAX, 2)));
    ASSERT_LOCKS_ONCE(assert_null(kmalloc_aligned(3, 8)));
    ASSERT_LOCKS_ONCE(assert_null(krealloc(&pages, 8)));
    ASSERT_LOCKS_ONCE(kfree(&pages));
}

PORT_TEST(init_takes_the_lock_once) {
    assert_int_equal(page_init(&pages, memory, sizeof memory), PAGE_OK);
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(memory, sizeof memory);
    }
    ASSERT_LOCKS_ONCE(assert_int_equal(kmem_kernel_init(&pages), KMEM_OK));
}

PORT_TEST(a_fault_goes_to_the_platform_while_no_hook_is_set) {
    kfree(&pages);
    assert_int_equal(default_fault_count, 1);
    assert_int_equal(fault_error, KMEM_FOREIGN_POINTER);
    assert_ptr_equal(fault_pointer, &pages);
    assert_null(kmalloc_aligned(3, 8));
    assert_int_equal(default_fault_count, 2);
    assert_int_equal(fault_error, KMEM_BAD_ALIGNMENT);
    assert_null(fault_pointer);
    assert_null(kmalloc(SIZE_MAX));
    kfree(NULL);
    assert_int_equal(default_fault_count, 2);
}

PORT_TEST(a_fault_goes_to_the_hook_alone_while_one_is_set) {
    kmem_kernel_set_fault_hook(hook);
    kfree(&pages);
    assert_int_equal(hook_count, 1);
    assert_int_equal(default_fault_count, 0);
    kmem_kernel_set_fault_hook(NULL);
    kfree(&pages);
    assert_int_equal(hook_count, 1);
    assert_int_equal(default_fault_count, 1);
}
