/* Specification: what reaches the kernel layer's fault hook, and the printed block table. The platform's own
 * hooks are in test_kernel_port.c. */
#include "tests/unit/kernel_fixture.h"

/* Faults. */

static void every_misuse_is_a_fault_with_the_pointer_passed(void **state) {
    (void)state;
    unsigned char *const payload = kmalloc(24);
    unsigned char *const freed = kmalloc(24);
    kfree(freed);
    kfree(freed);
    assert_fault(KMEM_DOUBLE_FREE, freed);
    kfree(payload + 8);
    assert_fault(KMEM_INTERIOR_POINTER, payload + 8);
    kfree(payload + 3);
    assert_fault(KMEM_MISALIGNED_POINTER, payload + 3);
    kfree(&fault);
    assert_fault(KMEM_FOREIGN_POINTER, &fault);
    assert_null(krealloc(freed, 8));
    assert_fault(KMEM_DOUBLE_FREE, freed);
    assert_null(krealloc(payload + 8, 0));
    assert_fault(KMEM_INTERIOR_POINTER, payload + 8);
    assert_null(kmalloc_aligned(24, 8));
    assert_fault(KMEM_BAD_ALIGNMENT, NULL);
    kfree(payload);
    assert_no_fault();
}

static void corruption_met_by_any_operation_is_a_fault(void **state) {
    (void)state;
    void *const payload = kmalloc(24);
    block_write(header_at(32), 12, false);
    assert_null(kmalloc(8));
    assert_fault(KMEM_CORRUPT, NULL);
    assert_null(kzmalloc(8));
    assert_fault(KMEM_CORRUPT, NULL);
    assert_null(kcalloc(2, 8));
    assert_fault(KMEM_CORRUPT, NULL);
    assert_null(kmalloc_aligned(16, 8));
    assert_fault(KMEM_CORRUPT, NULL);
    assert_null(krealloc(payload, 100));
    assert_fault(KMEM_CORRUPT, payload);
    assert_null(krealloc(NULL, 100));
    assert_fault(KMEM_CORRUPT, NULL);
    kfree(payload);
    assert_fault(KMEM_CORRUPT, payload);
    coalesce();
    assert_fault(KMEM_CORRUPT, NULL);
}

static void running_out_of_memory_is_no_fault(void **state) {
    (void)state;
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

static void *payload_of_hook;

static void use_the_heap(enum kmem_error error, const void *pointer) {
    record_fault(error, pointer);
    if (error == KMEM_DOUBLE_FREE) {
        payload_of_hook = kmalloc(8);
        kfree((void *)1); /* a fault within a fault */
    }
}

static void the_hook_may_use_the_heap(void **state) {
    (void)state;
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

static void the_hook_need_not_return(void **state) {
    (void)state;
    kmem_kernel_set_fault_hook(never_return);
    if (setjmp(back_to_test) == 0) {
        kfree(&fault);
        fail();
    }
    assert_fault(KMEM_FOREIGN_POINTER, &fault);
    assert_ptr_equal(kmalloc(8), payload_at(0));
}

static void null_restores_the_platforms_default(void **state) {
    (void)state;
    kmem_kernel_set_fault_hook(NULL);
    kfree(&fault);
    assert_no_fault();
    kmem_kernel_set_fault_hook(record_fault);
    kfree(&fault);
    assert_fault(KMEM_FOREIGN_POINTER, &fault);
}

/* Printing. */

static char printed[512];

static void collect(void *context, const char *text) {
    assert_ptr_equal(context, printed);
    assert_true(strlen(printed) + strlen(text) < sizeof printed);
    strcat(printed, text);
}

static void print_shows_the_block_table(void **state) {
    (void)state;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_misuse_is_a_fault_with_the_pointer_passed, booted),
        cmocka_unit_test_setup(corruption_met_by_any_operation_is_a_fault, booted),
        cmocka_unit_test_setup(running_out_of_memory_is_no_fault, booted),
        cmocka_unit_test_setup(the_hook_may_use_the_heap, booted),
        cmocka_unit_test_setup(the_hook_need_not_return, booted),
        cmocka_unit_test_setup(null_restores_the_platforms_default, booted),
        cmocka_unit_test_setup(print_shows_the_block_table, booted),
    };
    return cmocka_run_group_tests_name("kernel_fault", tests, NULL, NULL);
}
