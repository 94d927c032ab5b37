// Specification: a C++ program includes every public header and links the core and the checkers.
#include "fuzz/execute/subject.h"
#include "invariants/invariant.h"
#include "invariants/page_invariant.h"
#include "invariants/sv39_invariant.h"
#include "src/block.h"
#include "src/kernel.h"
#include "src/kmem.h"
#include "src/page.h"
#include "src/port.h"
#include "src/riscv/sv39.h"
#include "src/riscv/virtual_heap.h"
#include "tests/unit/test.h"

alignas(4096) static unsigned char region[4096];

TEST(a_heap_works_from_cplusplus) {
    struct kmem heap;
    assert_int_equal(kmem_init(&heap, region, 1, sizeof region, nullptr), KMEM_OK);
    void *const payload = kmem_alloc(&heap, 24);
    assert_ptr_equal(payload, region + BLOCK_HEADER_SIZE);
    assert_true(block_read(region).taken);
    assert_int_equal(kmem_free(&heap, payload), KMEM_OK);
    struct expectation expectation = {region, sizeof region, 1, nullptr, 0};
    struct census census;
    assert_true(verdict_is_sound(invariant_check(&heap, &expectation, INVARIANT_ALL, &census)));
    assert_int_equal(census.block_count, 1);
}

TEST(every_other_part_links_from_cplusplus) {
    struct page_allocator pages;
    assert_int_equal(page_init(&pages, nullptr, 0), PAGE_BAD_REGION);
    assert_string_equal(page_error_name(PAGE_OK), "ok");
    assert_string_equal(kmem_error_name(KMEM_OK), "ok");
    assert_string_equal(page_invariant_id(0) == nullptr ? "none" : "", "none");
    assert_non_null(sv39_error_name(SV39_OK));
    assert_non_null(virtual_heap_error_name(VIRTUAL_HEAP_OK));
    assert_non_null(reinterpret_cast<void *>(&kmalloc));
}
