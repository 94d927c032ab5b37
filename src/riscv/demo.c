/* The demo: a small kernel that starts the heap on the board, uses it, misuses it once, and powers off. Every
 * statement of interest stands in the output as it stands here, with the heap after it: a cell for each
 * block, # taken, . free, the size in bytes with its header.
 *
 *     name = kmalloc(20)
 *         |#32|.2097120|  512 pages
 *
 * The exit code is 0, or 1 after a line that says what is not as it must be. */
#include "../block.h"
#include "../kernel.h"
#include "board.h"
#include "demo_text.h"
#include "trap.h"

#define MIB ((size_t)1 << 20) /* bytes */

/* Prints a statement, does it, and prints the heap it leaves. */
#define SHOW(statement)                                                                                      \
    do {                                                                                                     \
        board_print(#statement "\n");                                                                        \
        statement;                                                                                           \
        print_picture();                                                                                     \
    } while (0)

int main(void);

extern unsigned char free_ram_start[], free_ram_end[]; /* link.ld: used by nothing else */

static struct page_allocator pages;
static unsigned fault_count;

static unsigned char *name, *node, *entry, *table, *cache, *screen, *too_much;

void trap_handle(struct trap_frame *frame) {
    (void)frame;
    demo_end_broken("a trap");
}

static void print_picture(void) {
    const unsigned char *const head = kmem_kernel_head();
    const size_t end = kmem_kernel_page_count() * PAGE_SIZE;
    struct block block;
    board_print("    |");
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        block = block_read(head + offset);
        REQUIRE(block_is_possible(block, end - offset));
        board_print(block.taken ? "#" : ".");
        demo_print_decimal((size_t)block.size);
        board_print("|");
    }
    board_print("  ");
    demo_print_decimal(kmem_kernel_page_count());
    board_print(" pages\n");
}

/* What kmem_kernel_print prints with. */
static void print_text(void *context, const char *text) {
    (void)context;
    board_print(text);
}

static void on_fault(enum kmem_error error, const void *pointer) {
    (void)pointer;
    fault_count++;
    board_print("    fault: ");
    board_print(kmem_error_name(error));
    board_print("\n");
}

static void fill(unsigned char *bytes, size_t size, unsigned char value) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = value;
    }
}

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char value) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void start(void) {
    const size_t size = (size_t)((uintptr_t)free_ram_end - (uintptr_t)free_ram_start);
    REQUIRE(page_init(&pages, free_ram_start, size) == PAGE_OK);
    kmem_kernel_set_fault_hook(on_fault);
    demo_print_decimal(pages.page_count);
    board_print(" pages of RAM are free. The heap starts with ");
    demo_print_decimal(KMEM_KERNEL_PAGE_COUNT);
    board_print(" of them, as one free block.\n"
                "After each statement stands the heap: |#32| is a taken block of 32 bytes, its "
                "header included, |.64| a free one.\n");
    enum kmem_error error = KMEM_OK;
    SHOW(error = kmem_kernel_init(&pages));
    REQUIRE(error == KMEM_OK);
}

static void allocate(void) {
    board_print("\nAllocation: the first free block that is large enough; an aligned one leaves a gap.\n");
    SHOW(name = kmalloc(20));
    SHOW(node = kmalloc(100));
    SHOW(table = kmalloc_aligned(4096, 4096));
    REQUIRE(name != NULL && node != NULL && table != NULL);
    REQUIRE((uintptr_t)table % 4096 == 0);
}

static void resize(void) {
    board_print("\nResizing: in place, or moved when the next block is taken.\n");
    fill(name, 20, 'a');
    fill(node, 100, 'b');
    SHOW(name = krealloc(name, 40));
    REQUIRE(name != NULL && is_filled(name, 20, 'a'));
    SHOW(node = krealloc(node, 24));
    REQUIRE(node != NULL && is_filled(node, 24, 'b'));
}

static void reuse(void) {
    board_print("\nReuse: what name has left is the first block that is large enough. kzmalloc clears it.\n");
    SHOW(entry = kzmalloc(20));
    REQUIRE(entry != NULL && is_filled(entry, 20, 0));
}

static void grow(void) {
    board_print("\nGrowth: as many pages as the request lacks. No room is an answer, NULL, and no fault.\n");
    SHOW(cache = kmalloc(2 * MIB));
    SHOW(screen = kzmalloc(MIB));
    REQUIRE(cache != NULL && screen != NULL && is_filled(screen, MIB, 0));
    REQUIRE(kmem_kernel_page_count() > KMEM_KERNEL_PAGE_COUNT);
    SHOW(too_much = kmalloc(128 * MIB));
    REQUIRE(too_much == NULL && fault_count == 0);
    board_print("    too_much is NULL\n");
}

static void misuse(void) {
    board_print("\nMisuse: freeing twice has a name, and changes nothing.\n");
    SHOW(kfree(node));
    SHOW(kfree(node));
    REQUIRE(fault_count == 1);
    board_print("\nThe block table.\n");
    kmem_kernel_print(print_text, NULL);
}

static void give_back(void) {
    board_print("\nFreeing: neighbours merge, and in the end the heap is one free block again.\n");
    SHOW(kfree(name));
    SHOW(kfree(entry));
    SHOW(kfree(cache));
    SHOW(kfree(table));
    SHOW(kfree(screen));
    const struct block first = block_read(kmem_kernel_head());
    REQUIRE(!first.taken && first.size == kmem_kernel_page_count() * PAGE_SIZE);
    REQUIRE(fault_count == 1);
}

int main(void) {
    start();
    allocate();
    resize();
    reuse();
    grow();
    misuse();
    give_back();
    board_power_off(0);
}
