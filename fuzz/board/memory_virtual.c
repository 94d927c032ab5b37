/* An arena in virtual memory, which is mapped as the heap in it grows (MEMORY_MODE VIRTUAL_HEAP_MAPPED) or as
 * its pages are touched (VIRTUAL_HEAP_LAZY). memory.h is the contract.
 *
 *     virtual               physical
 *     ARENA_BASE        ->  any page of pool      the input's, from the guard before the region to the
 *                                                 region's end; granted and given back input by input
 *     constants         ->  the same address      read only
 *     data, stack       ->  the same address      but for the trap's stack
 *     the blob          ->  the same address      read only, as far as it goes
 *
 * Nothing else is mapped while an input runs: not NULL, no device, not the pool, and so not the tables. What
 * works on those, here, does so with translation off. */
#include "fuzz/board/memory.h"
#include "invariants/sv39_invariant.h"
#include "src/riscv/translation.h"
#include "src/riscv/trap.h"
#include "src/riscv/virtual_heap.h"

#define ARENA_BASE ((uintptr_t)0x40400000) /* a multiple of ARENA_ALIGNMENT, and no RAM */

/* Level 2: the root. Level 1: one for the arena, one for the image and the blob. Level 0: three for the arena
 * (a page before 2 MiB, and one after), one for the image, 16 for a blob of 32 MiB. That is 23. */
#define TABLE_MAXIMUM ((size_t)24)
#define POOL_COUNT    (ARENA_CAPACITY / PAGE_SIZE + 1 + TABLE_MAXIMUM) /* pages */

extern const char constants_start[], constants_end[], trap_stack_top[], data_end[], stack_bottom[],
    stack_top[];

/* Physical pages, and their descriptors in front. */
__attribute__((section(".arena"), aligned(4096))) static unsigned char pool[(POOL_COUNT + 1) * PAGE_SIZE];

static struct {
    struct page_allocator pages;
    struct sv39 tables;
    struct virtual_heap heap;
    size_t own_table_count;  /* of the image: what is taken and mapped between inputs */
    size_t own_mapped_count; /* pages */
    struct subject subject;  /* what memory_subject returns: the image's own but for how its view starts */
    struct subject_view view;
    bool (*start)(const struct subject_region *region); /* the image's own */
    struct subject_region region;                       /* the executor's, of the current input */
    size_t page_count;                                  /* pages of that region */
    size_t fault_count;                                 /* pages mapped by a fault */
    const char *failure;                                /* what has gone wrong in the input; or NULL */
    unsigned char seen[POOL_COUNT];                     /* the checker's */
} memory;

_Static_assert(sizeof(void *) == sizeof(uint64_t), "Sv39 is for 64-bit machines");

/* The image's own mappings. */

static bool map_same(const void *start, const void *end, uint64_t flags) {
    uintptr_t address = (uintptr_t)start / PAGE_SIZE * PAGE_SIZE;
    for (; address < (uintptr_t)end; address += PAGE_SIZE) {
        if (sv39_map(&memory.tables, address, address, flags | SV39_USER) != SV39_OK) {
            return false;
        }
    }
    return true;
}

const char *memory_open(const struct blob *blob, struct arena *arena) {
    const uint64_t read_write = SV39_READ | SV39_WRITE;
    if (page_init(&memory.pages, pool, sizeof pool) != PAGE_OK) {
        return "the pool holds no page";
    }
    void *const root = page_zalloc(&memory.pages, 1);
    if (sv39_init(&memory.tables, &memory.pages, root, 0) != SV39_OK) {
        return "the root page table cannot be made";
    }
    if (!map_same(constants_start, constants_end, SV39_READ) ||
        !map_same(trap_stack_top, data_end, read_write) || !map_same(stack_bottom, stack_top, read_write) ||
        !map_same(blob->bytes, blob->bytes + blob->size, SV39_READ)) {
        return "the image cannot be mapped: the pool is too small for its page tables";
    }
    memory.own_table_count = memory.tables.table_count;
    memory.own_mapped_count = memory.tables.mapped_count;
    translation_set_tables(sv39_satp(&memory.tables));
    *arena = (struct arena){
        .base = (unsigned char *)ARENA_BASE, .capacity = ARENA_CAPACITY, .page_size = PAGE_SIZE};
    return NULL;
}

/* The heap's memory. Pages of the region are the program's, of 32 bytes and more; those of a virtual heap are
 * the machine's. */

static uintptr_t first_address(void) {
    return ((uintptr_t)memory.region.base - ARENA_GUARD_SIZE) / PAGE_SIZE * PAGE_SIZE;
}

/* Pages of the machine from the guard before the region up to the end it has with page_count pages. */
static size_t machine_page_count(size_t page_count) {
    const uintptr_t end = (uintptr_t)memory.region.base + page_count * memory.region.page_size;
    return (end - first_address() + PAGE_SIZE - 1) / PAGE_SIZE;
}

static bool grant_up_to(size_t page_count) {
    const enum virtual_heap_error error =
        virtual_heap_extend(&memory.heap, machine_page_count(page_count) - memory.heap.granted_count);
    if (error != VIRTUAL_HEAP_OK) {
        memory.failure = "a program's pages cannot be had: the pool is too small";
    }
    return error == VIRTUAL_HEAP_OK;
}

/* The page source the heap is given: asks the executor's, and then gives the pages it has granted. */
static bool extend(void *context, size_t page_count) {
    (void)context;
    if (!memory.region.source.extend(memory.region.source.context, page_count)) {
        return false;
    }
    translation_off();
    const bool granted = grant_up_to(memory.page_count + page_count);
    memory.page_count += page_count;
    translation_fence();
    translation_on();
    return granted;
}

static bool reserve(void) {
    const struct virtual_heap_range range = {.base = first_address(),
                                             .reserved_count =
                                                 machine_page_count(memory.region.source.page_limit),
                                             .flags = SV39_READ | SV39_WRITE | SV39_USER,
                                             .mode = MEMORY_MODE,
                                             .fill = ARENA_DIRT};
    return virtual_heap_init(&memory.heap, &memory.tables, &range) == VIRTUAL_HEAP_OK &&
           grant_up_to(memory.page_count);
}

static bool start(const struct subject_region *region) {
    struct subject_region mapped = *region;
    mapped.source.extend = extend;
    memory.region = *region;
    memory.page_count = region->page_count;
    translation_off();
    const bool reserved = reserve();
    translation_fence();
    translation_on();
    return reserved && memory.start(&mapped);
}

const struct subject *memory_subject(const struct subject *subject) {
    memory.subject = *subject;
    memory.view = *subject->view;
    memory.view.start = start;
    memory.start = subject->view->start;
    memory.subject.view = &memory.view;
    return &memory.subject;
}

void memory_enter(void) {
    memory.heap = (struct virtual_heap){.tables = &memory.tables};
    memory.fault_count = 0;
    memory.failure = NULL;
    translation_on();
}

void memory_leave(void) {
    translation_off();
}

bool memory_map(uintptr_t cause, uintptr_t value) {
    if (cause != TRAP_CAUSE_LOAD_PAGE && cause != TRAP_CAUSE_STORE_PAGE) {
        return false;
    }
    const bool mapped = virtual_heap_touch(&memory.heap, value) == VIRTUAL_HEAP_OK;
    translation_fence();
    memory.fault_count += mapped;
    return mapped;
}

/* Whether the tables are sound, and every taken page is one of them or the heap's. */
static const char *check_tables(void) {
    const struct sv39_expectation expectation = {.pages = &memory.pages,
                                                 .root = memory.tables.root,
                                                 .other_count = memory.heap.mapped_count,
                                                 .seen = memory.seen};
    const struct verdict verdict =
        sv39_invariant_check(&memory.tables, &expectation, SV39_INVARIANT_STRUCTURE);
    return verdict_is_sound(verdict) ? NULL : sv39_invariant_sentence(verdict.oracle);
}

const char *memory_close_input(size_t index, struct line *line) {
    const struct virtual_heap *const heap = &memory.heap;
    line_text(line, "M");
    line_decimal(line, (uint32_t)index);
    line_hexadecimal(line, heap->range.base);
    line_decimal(line, (uint32_t)heap->range.reserved_count);
    line_decimal(line, (uint32_t)heap->granted_count);
    line_decimal(line, (uint32_t)heap->mapped_count);
    line_decimal(line, (uint32_t)memory.fault_count);
    line_text(line, "\n");
    const char *const broken = check_tables();
    if (memory.failure != NULL || broken != NULL) {
        return memory.failure != NULL ? memory.failure : broken;
    }
    const bool released = virtual_heap_release(&memory.heap) == VIRTUAL_HEAP_OK;
    translation_fence();
    const bool as_before = memory.tables.table_count == memory.own_table_count &&
                           memory.tables.mapped_count == memory.own_mapped_count &&
                           memory.pages.taken_count == memory.own_table_count;
    return released && as_before ? NULL : "pages or tables were not given back when the input ended";
}
