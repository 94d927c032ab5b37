/* Specification: what reaches the kernel layer's fault hook, and the printed block table. The platform's own
 * hooks are in test_kernel_port.c. */
#include "tests/unit/kernel_fixture.h"

BOOTED_TEST(every_misuse_is_a_fault_with_the_pointer_passed) {
    unsigned char *const payload = kmalloc(24);
    unsigned char *const freed = kmalloc(24);
    kfree(freed);
    ASSERT_FAULTS(kfree(freed), KMEM_DOUBLE_FREE, freed);
    ASSERT_FAULTS(kfree(payload + 8), KMEM_INTERIOR_POINTER, payload + 8);
    ASSERT_FAULTS(kfree(payload + 3), KMEM_MISALIGNED_POINTER, payload + 3);
    ASSERT_FAULTS(kfree(&fault), KMEM_FOREIGN_POINTER, &fault);
    ASSERT_FAULTS(assert_null(krealloc(freed, 8)), KMEM_DOUBLE_FREE, freed);
    ASSERT_FAULTS(assert_null(krealloc(payload + 8, 0)), KMEM_INTERIOR_POINTER, payload + 8);
    ASSERT_FAULTS(assert_null(kmalloc_aligned(24, 8)), KMEM_BAD_ALIGNMENT, NULL);
    kfree(payload);
    assert_no_fault();
}

/* Every call that allocates meets this fault. */
static void assert_allocations_fault(enum kmem_error error, void *payload) {
    ASSERT_FAULTS(assert_null(kmalloc(8)), error, NULL);
    ASSERT_FAULTS(assert_null(kzmalloc(8)), error, NULL);
    ASSERT_FAULTS(assert_null(kcalloc(8, 8)), error, NULL);
    ASSERT_FAULTS(assert_null(kmalloc_aligned(64, 8)), error, NULL);
    ASSERT_FAULTS(assert_null(krealloc(payload, 100)), error, payload);
}

BOOTED_TEST(corruption_met_by_any_operation_is_a_fault) {
    void *const payload = kmalloc(24);
    block_write(header_at(32), 12, false);
    assert_allocations_fault(KMEM_CORRUPT, payload);
    ASSERT_FAULTS(assert_null(krealloc(NULL, 100)), KMEM_CORRUPT, NULL);
    ASSERT_FAULTS(kfree(payload), KMEM_CORRUPT, payload);
    ASSERT_FAULTS(coalesce(), KMEM_CORRUPT, NULL);
}

BOOTED_TEST(running_out_of_memory_is_no_fault) {
    void *const payload = kmalloc(8);
    assert_null(kmalloc(SIZE_MAX));
    assert_null(kzmalloc(SIZE_MAX));
    assert_null(kcalloc(SIZE_MAX, SIZE_MAX));
    assert_null(kmalloc_aligned(64, SIZE_MAX));
    assert_null(kmalloc_aligned((size_t)1 << (8 * sizeof(size_t) - 1), 8));
    assert_null(krealloc(payload, SIZE_MAX));
    assert_null(krealloc(NULL, 16 * KERNEL_HEAP_SIZE));
    assert_no_fault();
}

/* Descriptor 0 is the page table's, 1 to 512 are the heap's, and 513 is that of the first page it can grow
 * by. */
static const struct {
    const char *name;
    size_t index;
    unsigned char descriptor;
} damages[] = {
    {"impossible", 1, 0x80},
    {"free: someone else has given the heap's pages back", 1, 0},
    {"the heap is not the start of a run", 0, PAGE_TAKEN},
    {"the run has no end", 300, 0},
    {"impossible, and in the way", 513, PAGE_LAST},
};

TEST_EACH_WITH(damage_of_the_page_allocator_met_by_growth_is_a_fault_of_its_own_name, damages, booted, NULL) {
    void *const payload = kmalloc(24);
    void *const filler = kmalloc(KERNEL_HEAP_SIZE - 40);
    pages.descriptors[row->index] = row->descriptor;
    assert_allocations_fault(KMEM_CORRUPT_PAGES, payload);
    assert_int_equal(kmem_kernel_page_count(), 512);
    assert_int_equal(pages.taken_count, 513);
    kfree(filler); /* the heap itself is sound, and serves what needs no growth */
    assert_ptr_equal(kmalloc(8), filler);
    assert_no_fault();
}

BOOTED_TEST(damage_that_growth_does_not_meet_is_no_fault) {
    assert_non_null(kmalloc(KERNEL_HEAP_SIZE - 8));
    pages.descriptors[514] = 0x80;
    assert_non_null(kmalloc(8));
    assert_null(kmalloc(SIZE_MAX)); /* no page is asked for */
    assert_no_fault();
}

static void *payload_of_hook;

static void use_the_heap(enum kmem_error error, const void *pointer) {
    record_fault(error, pointer);
    if (error == KMEM_DOUBLE_FREE) {
        payload_of_hook = kmalloc(8);
        kfree((void *)1); /* a fault within a fault */
    }
}

BOOTED_TEST(the_hook_may_use_the_heap) {
    void *const payload = kmalloc(100);
    kfree(payload);
    kmem_kernel_set_fault_hook(use_the_heap);
    kfree(payload);
    assert_int_equal(fault.count, 2);
    assert_int_equal(fault.error, KMEM_FOREIGN_POINTER);
    assert_ptr_equal(fault.pointer, (void *)1);
    assert_ptr_equal(payload_of_hook, payload);
    assert_block(0, 16, true);
}

static jmp_buf back_to_test;

static void never_return(enum kmem_error error, const void *pointer) {
    record_fault(error, pointer);
    longjmp(back_to_test, 1);
}

BOOTED_TEST(the_hook_need_not_return) {
    kmem_kernel_set_fault_hook(never_return);
    if (setjmp(back_to_test) == 0) {
        kfree(&fault);
        fail();
    }
    assert_fault(KMEM_FOREIGN_POINTER, &fault);
    assert_ptr_equal(kmalloc(8), payload_at(0));
}

BOOTED_TEST(null_restores_the_platforms_default) {
    kmem_kernel_set_fault_hook(NULL);
    kfree(&fault);
    assert_no_fault();
    kmem_kernel_set_fault_hook(record_fault);
    ASSERT_FAULTS(kfree(&fault), KMEM_FOREIGN_POINTER, &fault);
}

static char printed[512];

static void collect(void *context, const char *text) {
    assert_ptr_equal(context, printed);
    assert_true(strlen(printed) + strlen(text) < sizeof printed);
    strcat(printed, text);
}

BOOTED_TEST(print_shows_the_block_table) {
    char expected[512];
    assert_non_null(kmalloc(24));
    const uintptr_t head = (uintptr_t)kmem_kernel_head();
    (void)snprintf(expected, sizeof expected,
                   "0x%" PRIxPTR "  size 0x20  taken\n"
                   "0x%" PRIxPTR "  size 0x1fffe0  free\n"
                   "pages 0x200  taken bytes 0x20  free bytes 0x1fffe0\n",
                   head, head + 32);
    printed[0] = '\0';
    kmem_kernel_print(collect, printed);
    assert_string_equal(printed, expected);
}

/* What prints uses the heap: each piece of text takes a block and frees the one before, so that blocks come
 * and go while the table is printed. */
static size_t line_count;
static void *kept;

static void use_the_heap_to_print(void *context, const char *text) {
    (void)context;
    assert_null(strstr(text, "corrupt"));
    line_count += strchr(text, '\n') != NULL;
    kfree(kept);
    kept = kmalloc(16 + line_count % 3 * 100);
    assert_non_null(kept);
}

BOOTED_TEST(what_prints_may_use_the_heap) {
    void *payloads[16];
    for (size_t i = 0; i < 16; i++) {
        payloads[i] = kmalloc(40);
    }
    for (size_t i = 0; i < 16; i += 2) {
        kfree(payloads[i]);
    }
    line_count = 0;
    kept = NULL;
    kmem_kernel_print(use_the_heap_to_print, NULL);
    assert_in_range(line_count, 16, 20);
    assert_no_fault();
}
