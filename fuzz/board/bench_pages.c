/* Measures what is below the heap: the page allocator, the kernel's one heap over it and, where the
 * processor has it, the page tables. */
#include "fuzz/board/bench.h"
#include "src/kernel.h"
#include "src/page.h"
#include "src/riscv/sv39.h"

#define SLOPE_COUNT ((size_t)512) /* pages a slope is measured over */

extern unsigned char free_ram_start[], free_ram_end[]; /* link.ld: used by nothing else */

static struct page_allocator pages;
static void *result;
static enum page_error error;

BENCH_COUNTED(count_alloc, (size_t count), result = page_alloc(&pages, count))
BENCH_COUNTED(count_zalloc, (size_t count), result = page_zalloc(&pages, count))
BENCH_COUNTED(count_free, (void *pointer), error = page_free(&pages, pointer))
BENCH_COUNTED(count_extend, (void *pointer, size_t count), error = page_extend(&pages, pointer, count))
BENCH_COUNTED(count_kmalloc, (size_t size), result = kmalloc(size))
BENCH_COUNTED(count_kfree, (void *pointer), kfree(pointer))

static void start(void) {
    const size_t size = (size_t)((uintptr_t)free_ram_end - (uintptr_t)free_ram_start);
    bench_require(page_init(&pages, free_ram_start, size) == PAGE_OK, "there are pages");
}

static void report(const char *name, uint32_t count) {
    bench_require(result != NULL, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

static void report_done(const char *name, uint32_t count) {
    bench_require(error == PAGE_OK, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

/* A page after a run of so many. */
static uint32_t count_behind(size_t count) {
    start();
    bench_require(page_alloc(&pages, count) != NULL, "there is a run");
    return count_alloc(1);
}

static void measure_pages(void) {
    start();
    report("page-alloc-first", count_alloc(1));
    report_done("page-free", count_free(result));
    report("page-zalloc", count_zalloc(1));
    report_done("page-extend", count_extend(result, 1));
    bench_report("page-alloc-behind", 1000, count_behind(1000));
    const uint32_t slope = count_behind(2 * SLOPE_COUNT) - count_behind(SLOPE_COUNT);
    bench_report("page-alloc-each-page-passed", BENCH_NO_NUMBER, slope / SLOPE_COUNT);
}

static void measure_kernel(void) {
    start();
    bench_require(kmem_kernel_init(&pages) == KMEM_OK, "the kernel heap starts");
    report("kmalloc-split", count_kmalloc(24));
    bench_report("kfree-only", BENCH_NO_NUMBER, count_kfree(result));
}

#if __riscv_xlen == 64

#define VIRTUAL_ADDRESS UINT64_C(0x3000000000)

static struct sv39 tree;
static enum sv39_error mapped;

BENCH_COUNTED(count_map, (uint64_t virtual_address, uint64_t physical_address),
              mapped = sv39_map(&tree, virtual_address, physical_address, SV39_READ | SV39_WRITE))
BENCH_COUNTED(count_unmap, (uint64_t virtual_address), mapped = sv39_unmap(&tree, virtual_address))
BENCH_COUNTED(count_translate, (uint64_t virtual_address, struct sv39_translation *translation),
              mapped = sv39_translate(&tree, virtual_address, translation))

static void report_mapped(const char *name, uint32_t count) {
    bench_require(mapped == SV39_OK, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

static void measure_tables(void) {
    struct sv39_translation translation = {.physical_address = 0};
    start();
    const uint64_t page = (uintptr_t)page_alloc(&pages, 1);
    void *const root = page_zalloc(&pages, 1);
    bench_require(page != 0 && sv39_init(&tree, &pages, root, 0) == SV39_OK, "there is a root");
    report_mapped("sv39-map-and-two-tables", count_map(VIRTUAL_ADDRESS, page));
    report_mapped("sv39-map", count_map(VIRTUAL_ADDRESS + PAGE_SIZE, page));
    report_mapped("sv39-translate", count_translate(VIRTUAL_ADDRESS, &translation));
    bench_require(translation.physical_address == page, "the translation is the mapping");
    report_mapped("sv39-unmap", count_unmap(VIRTUAL_ADDRESS));
    report_mapped("sv39-unmap-and-two-tables", count_unmap(VIRTUAL_ADDRESS + PAGE_SIZE));
    bench_require(tree.table_count == 1, "only the root is left");
}

#else

static void measure_tables(void) {
    /* a 32-bit machine has no Sv39 */
}

#endif

void bench_pages(void) {
    measure_pages();
    measure_kernel();
    measure_tables();
}
