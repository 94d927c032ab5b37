/* A second demo, for a 64-bit machine: the kernel's heap in a reserved range of virtual addresses, under the
 * page table that kmem_kernel_page_table names. First pages are mapped as the heap grows, then as they are
 * touched. Below every statement is its result:
 *
 *     name = kmalloc(100)
 *         4 pages granted, 1 mapped; 1 fault
 *
 * At the end it stores past what is mapped. The exit code is 0 when that is the page fault it must be, or 1
 * after a line that says what is not as it must be. */
#include "../kernel.h"
#include "board.h"
#include "csr.h"
#include "demo_text.h"
#include "protection.h"
#include "translation.h"
#include "trap.h"
#include "virtual_heap.h"

#define MEMORY_SIZE    ((size_t)64 * PAGE_SIZE) /* bytes of RAM for heap and tables: little, to run out of */
#define HEAP_BASE      ((uintptr_t)0x40000000)
#define RESERVED_COUNT ((size_t)512) /* pages */
#define START_COUNT    ((size_t)4)   /* pages the heap starts with */

/* Prints a statement, does it, and prints what it leaves. */
#define SHOW(statement)                                                                                      \
    do {                                                                                                     \
        board_print(#statement "\n");                                                                        \
        statement;                                                                                           \
        print_counts();                                                                                      \
    } while (0)

int main(void);

extern unsigned char free_ram_start[], free_ram_end[], text_start[], stack_top[]; /* link.ld */

static struct page_allocator pages;
static struct sv39 tables;
static struct virtual_heap memory;
static unsigned fault_count;      /* pages mapped by a page fault */
static bool is_end_to_be_touched; /* the page fault to come is the demo's last step */

static unsigned char *name, *buffer, *too_much;

static void print_counts(void) {
    board_print("    ");
    demo_print_decimal(memory.granted_count);
    board_print(" pages granted, ");
    demo_print_decimal(memory.mapped_count);
    board_print(" mapped; ");
    demo_print_decimal(fault_count);
    board_print(fault_count == 1 ? " page fault\n" : " page faults\n");
}

/* A load or store of a page that is granted but not mapped goes on; every other trap is the end. */
void trap_handle(struct trap_frame *frame) {
    (void)frame;
    const uintptr_t cause = CSR_READ(mcause);
    const uintptr_t address = CSR_READ(mtval);
    const bool is_page_fault = cause == TRAP_CAUSE_LOAD_PAGE || cause == TRAP_CAUSE_STORE_PAGE;
    const enum virtual_heap_error error =
        is_page_fault ? virtual_heap_touch(&memory, address) : VIRTUAL_HEAP_FOREIGN;
    translation_fence();
    if (error == VIRTUAL_HEAP_OK) {
        fault_count++;
        return;
    }
    REQUIRE(is_end_to_be_touched);
    REQUIRE(error == VIRTUAL_HEAP_PAST_END);
    board_print("    page fault at ");
    demo_print_hexadecimal(address);
    board_print(": ");
    board_print(virtual_heap_error_name(error));
    board_print("\n");
    board_power_off(0);
}

/* The heap's page source. Tables and new pages are reached under their physical addresses. */
static bool extend(void *context, size_t page_count) {
    (void)context;
    translation_off();
    const enum virtual_heap_error error = virtual_heap_extend(&memory, page_count);
    translation_fence();
    translation_on();
    return error == VIRTUAL_HEAP_OK;
}

/* What the code reads and writes while translation is on, besides the heap. */
static void map_same(uintptr_t start, uintptr_t end) {
    for (uintptr_t address = start; address < end; address += PAGE_SIZE) {
        REQUIRE(sv39_map(&tables, address, address, SV39_READ | SV39_WRITE | SV39_USER) == SV39_OK);
    }
}

static void make_tables(void) {
    REQUIRE(page_init(&pages, free_ram_start, MEMORY_SIZE) == PAGE_OK);
    REQUIRE(sv39_init(&tables, &pages, page_zalloc(&pages, 1), 0) == SV39_OK);
    map_same((uintptr_t)text_start, (uintptr_t)stack_top);
    map_same(BOARD_UART, BOARD_UART + PAGE_SIZE);
    map_same(BOARD_FINISHER, BOARD_FINISHER + PAGE_SIZE);
    translation_set_tables(sv39_satp(&tables));
    /* Without any entry of memory protection user mode, as which translated accesses are made, may do
     * nothing. */
    const struct protection_range all = {UINTPTR_MAX,
                                         PROTECTION_READ | PROTECTION_WRITE | PROTECTION_EXECUTE};
    protection_lock(&all, 1);
}

static void start(enum virtual_heap_mode mode) {
    const struct virtual_heap_range range = {.base = HEAP_BASE,
                                             .reserved_count = RESERVED_COUNT,
                                             .flags = SV39_READ | SV39_WRITE | SV39_USER,
                                             .mode = mode,
                                             .fill = 0};
    const struct kmem_page_source source = {.extend = extend, .page_limit = RESERVED_COUNT};
    fault_count = 0;
    REQUIRE(virtual_heap_init(&memory, &tables, &range) == VIRTUAL_HEAP_OK);
    REQUIRE(extend(NULL, START_COUNT)); /* leaves translation on */
    enum kmem_error error = KMEM_OK;
    void *const root = tables.root;
    void *const base = (void *)HEAP_BASE;
    SHOW(error = kmem_kernel_init_at(root, base, 4, &source));
    REQUIRE(error == KMEM_OK && kmem_kernel_page_table() == root);
}

static void use(void) {
    SHOW(name = kmalloc(100));
    SHOW(buffer = kmalloc(10 * PAGE_SIZE));
    REQUIRE(name != NULL && buffer != NULL);
    SHOW(buffer[5 * PAGE_SIZE] = 1);
    SHOW(too_much = kmalloc(100 * PAGE_SIZE));
    REQUIRE(too_much == NULL);
    board_print("    too_much is NULL\n");
    SHOW(kfree(buffer));
}

static void give_back(void) {
    const size_t page_count = pages.taken_count - memory.mapped_count - memory.table_count;
    translation_off();
    REQUIRE(virtual_heap_release(&memory) == VIRTUAL_HEAP_OK);
    translation_fence();
    REQUIRE(pages.taken_count == page_count);
}

int main(void) {
    make_tables();
    demo_print_decimal(RESERVED_COUNT);
    board_print(" pages are reserved from ");
    demo_print_hexadecimal(HEAP_BASE);
    board_print(" on. There are ");
    demo_print_decimal(pages.page_count - pages.taken_count);
    board_print(" pages of RAM for them, and for their tables.\n");
    board_print("\nMapped as the heap grows. No room is an answer, NULL, and no fault.\n");
    start(VIRTUAL_HEAP_MAPPED);
    use();
    give_back();
    board_print(
        "\nMapped when first touched. There is no room for the same request, and it is refused as soon.\n");
    start(VIRTUAL_HEAP_LAZY);
    use();
    board_print("\nTouching what is reserved, but not granted.\n");
    is_end_to_be_touched = true;
    SHOW(((volatile unsigned char *)HEAP_BASE)[kmem_kernel_page_count() * PAGE_SIZE] = 1);
    demo_end_broken("a store past the end went unnoticed");
}
