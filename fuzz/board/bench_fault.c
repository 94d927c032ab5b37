/* Measures the page fault of a lazy heap: the trap, the page taken, filled and mapped, and the access made
 * again. Only where the processor has Sv39. */
#include "fuzz/board/bench.h"

#if __riscv_xlen == 64

#include "src/riscv/protection.h"
#include "src/riscv/translation.h"
#include "src/riscv/trap.h"
#include "src/riscv/virtual_heap.h"

#define RANGE_BASE  UINT64_C(0x40200000) /* no RAM, and no table that the image's own mappings need */
#define RANGE_COUNT ((size_t)4)          /* pages */

extern unsigned char free_ram_start[], free_ram_end[]; /* link.ld: used by nothing else */
extern const char constants_start[], constants_end[], trap_stack_top[], data_end[], stack_bottom[],
    stack_top[];

static struct {
    struct page_allocator pages;
    struct sv39 tables;
    struct virtual_heap heap;
    size_t fault_count;
} lazy;

static bool map_same(const void *start, const void *end, uint64_t flags) {
    for (uintptr_t address = (uintptr_t)start; address < (uintptr_t)end; address += PAGE_SIZE) {
        if (sv39_map(&lazy.tables, address, address, flags | SV39_USER) != SV39_OK) {
            return false;
        }
    }
    return true;
}

/* What the code between translation_on and translation_off reads and writes, and the range. */
static bool start(void) {
    const struct virtual_heap_range range = {.base = RANGE_BASE,
                                             .reserved_count = RANGE_COUNT,
                                             .flags = SV39_READ | SV39_WRITE | SV39_USER,
                                             .mode = VIRTUAL_HEAP_LAZY,
                                             .fill = 0};
    const size_t size = (size_t)((uintptr_t)free_ram_end - (uintptr_t)free_ram_start);
    const uint64_t read_write = SV39_READ | SV39_WRITE;
    return page_init(&lazy.pages, free_ram_start, size) == PAGE_OK &&
           sv39_init(&lazy.tables, &lazy.pages, page_zalloc(&lazy.pages, 1), 0) == SV39_OK &&
           map_same(constants_start, constants_end, SV39_READ) &&
           map_same(trap_stack_top, data_end, read_write) && map_same(stack_bottom, stack_top, read_write) &&
           virtual_heap_init(&lazy.heap, &lazy.tables, &range) == VIRTUAL_HEAP_OK &&
           virtual_heap_extend(&lazy.heap, RANGE_COUNT) == VIRTUAL_HEAP_OK;
}

bool bench_map(uintptr_t cause, uintptr_t value) {
    if (cause != TRAP_CAUSE_STORE_PAGE || virtual_heap_touch(&lazy.heap, value) != VIRTUAL_HEAP_OK) {
        return false;
    }
    translation_fence();
    lazy.fault_count++;
    return true;
}

BENCH_COUNTED(count_store, (volatile unsigned char *address), *address = 1)

static void measure(const char *name, size_t page, size_t fault_count) {
    volatile unsigned char *const address = (volatile unsigned char *)(RANGE_BASE + page * PAGE_SIZE);
    translation_on();
    const uint32_t count = count_store(address);
    translation_off();
    bench_require(lazy.fault_count == fault_count, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

void bench_faults(void) {
    /* What is translated is checked as user mode's, which has no right to anything unless it is said. */
    const struct protection_range everything = {UINTPTR_MAX,
                                                PROTECTION_READ | PROTECTION_WRITE | PROTECTION_EXECUTE};
    protection_lock(&everything, 1);
    bench_require(start(), "there is a lazy heap");
    translation_set_tables(sv39_satp(&lazy.tables));
    measure("page-fault-and-two-tables", 0, 1);
    measure("page-fault", 1, 2);
    measure("store-to-mapped-page", 1, 2);
    bench_require(virtual_heap_release(&lazy.heap) == VIRTUAL_HEAP_OK, "all pages are given back");
}

#else

bool bench_map(uintptr_t cause, uintptr_t value) {
    (void)cause;
    (void)value;
    return false;
}

void bench_faults(void) {
    /* a 32-bit machine has no Sv39 */
}

#endif
