/* The kernel layer as a subject, in memory that the harness gives it: fuzz/execute/subject.h and view.h are
 * the contracts. Its refusals are what the fault hook is called with, once, for the pointer passed; only
 * exhaustion is no fault. */
#include "fuzz/subjects/kernel_pages.h"
#include "fuzz/subjects/kmem_view.h"
#include "src/kernel.h"

_Static_assert(sizeof(struct kmem) <= VIEW_HEAP_SIZE, "the harness has room for a struct kmem");

/* The fault hook's calls since the last call of the layer that may be a fault. */
static struct {
    const void *passed; /* to that call */
    size_t count;
    enum kmem_error error;
    const void *pointer;
} fault;

/* The layer's variables, in one struct that begins with its heap (src/kernel.c). */
struct layer {
    struct kmem heap;
    void *page_table;
    kmem_fault_hook *fault_hook;
    bool pages_are_corrupt;
};

static unsigned char page_table[1]; /* what the layer is told of one, and never reads */

static void hook(enum kmem_error error, const void *pointer) {
    fault.count++;
    fault.error = error;
    fault.pointer = pointer;
}

static void begin(const void *passed) {
    fault.passed = passed;
    fault.count = 0;
}

static void *alloc(size_t size) {
    begin(NULL);
    return kmalloc(size);
}

static void *zalloc(size_t size) {
    begin(NULL);
    return kzmalloc(size);
}

static void *call_calloc(size_t count, size_t size) {
    begin(NULL);
    return kcalloc(count, size);
}

static void *alloc_aligned(size_t alignment, size_t size) {
    begin(NULL);
    return kmalloc_aligned(alignment, size);
}

static void *call_realloc(void *pointer, size_t size) {
    begin(pointer);
    return krealloc(pointer, size);
}

static void call_free(void *pointer) {
    begin(pointer);
    kfree(pointer);
}

static void call_coalesce(void) {
    begin(NULL);
    coalesce();
}

static struct kmem *heap(void) {
    return (struct kmem *)(uintptr_t)kmem_kernel_heap(); /* the layer only shows it: the harness writes too */
}

/* What the hook must not be called with counts as corruption, which no program makes. */
static enum refusal last_refusal(void) {
    if (fault.count == 0) {
        const bool exhausted = kmem_last_error(heap()) == KMEM_EXHAUSTED;
        return exhausted ? REFUSAL_EXHAUSTED : REFUSAL_NONE;
    }
    const bool right = fault.count == 1 && fault.pointer == fault.passed && fault.error != KMEM_EXHAUSTED;
    return right ? kmem_view_refusal(fault.error) : REFUSAL_CORRUPT;
}

static void shatter(void) {
    kmem_view_shatter(heap());
}

static void arrange(const struct live_block *live, size_t live_count) {
    kmem_view_arrange(heap(), live, live_count);
}

static struct verdict check(const struct expectation *expectation, uint64_t mask, struct census *census) {
    return invariant_check(heap(), expectation, mask, census);
}

static struct verdict check_briefly(const struct expectation *expectation, size_t taken_size, uint64_t mask) {
    return invariant_check_briefly(heap(), expectation, taken_size, mask);
}

static bool start_region(const struct subject_region *region);

static struct subject_view view = {
    .page_size = PAGE_SIZE,
    .poisons = true,
    .answers_damage = true,
    .start = start_region,
    .shatter = shatter,
    .last_refusal = last_refusal,
    .last_returned = last_refusal,
    .head = kmem_kernel_head,
    .page_count = kmem_kernel_page_count,
    .check = check,
    .check_briefly = check_briefly,
    .walk = kmem_view_walk,
    .arrange = arrange,
};

/* Takes longer than most runs, and is always the same. */
static bool pages_work(void) {
    static bool known;
    static bool work;
    if (!known) {
        known = true;
        work = kernel_pages_work();
    }
    return work;
}

static bool start_region(const struct subject_region *region) {
    if (!pages_work()) {
        return false;
    }
    kmem_kernel_set_fault_hook(hook);
    begin(NULL);
    view.heap = heap();
    view.heap_size = sizeof(struct kmem);
    view.own = heap();
    view.own_size = sizeof(struct layer);
    return kmem_kernel_init_at(page_table, region->base, region->page_count, &region->source) == KMEM_OK &&
           kmem_kernel_page_table() == page_table;
}

static bool start(void *memory, size_t size) {
    const struct subject_region region = {.base = memory, .page_count = size / PAGE_SIZE};
    return start_region(&region);
}

/* Of C files, whose heap has to be given the pages it asks for. */
static const struct subject_names names = {
    .sources = "src/kernel.c src/kmem.c src/kmem_print.c src/page.c",
    .head = "#include \"src/kernel.h\"\n\n"
            "void *subject_more(size_t size);\n\n"
            "static bool more(void *context, size_t page_count) {\n"
            "    (void)context;\n"
            "    return subject_more(page_count * PAGE_SIZE) != NULL;\n"
            "}\n\n"
            "static bool kernel_start(void *memory, size_t size) {\n"
            "    static unsigned char page_table[1];\n"
            "    static const struct kmem_page_source source = {.extend = more, .page_limit = REGION_LIMIT / "
            "PAGE_SIZE};\n"
            "    return kmem_kernel_init_at(page_table, memory, size / PAGE_SIZE, &source) == KMEM_OK;\n"
            "}\n",
    .start = "kernel_start",
    .alloc = "kmalloc",
    .free = "kfree",
    .zalloc = "kzmalloc",
    .calloc = "kcalloc",
    .alloc_aligned = "kmalloc_aligned",
    .realloc = "krealloc",
    .coalesce = "coalesce",
    .usable_size = "kmem_kernel_usable_size",
};

static const struct subject subject_kernel = {
    .name = "kernel layer",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .zalloc = zalloc,
    .calloc = call_calloc,
    .alloc_aligned = alloc_aligned,
    .realloc = call_realloc,
    .coalesce = call_coalesce,
    .usable_size = kmem_kernel_usable_size,
    .facts = {.alignment = 8,
              .zero_size = SUBJECT_ZERO_NULL,
              .free_null = true,
              .realloc_null = true,
              .realloc_zero = true,
              .first_fit = {.header_size = 8, .grain = 8, .block_least = 16}},
    .names = &names,
    .view = &view,
};

const struct subject *const subject_under_test = &subject_kernel;
