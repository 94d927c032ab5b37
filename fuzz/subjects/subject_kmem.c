/* kmem as a subject: fuzz/execute/subject.h and view.h are the contracts. It judges only what no program can
 * ask. */
#include "fuzz/subjects/kmem_view.h"
#include "src/port.h"

_Static_assert(sizeof(struct kmem) <= VIEW_HEAP_SIZE, "the harness has room for a struct kmem");

#define LIMITED_SIZE ((size_t)64) /* bytes: the only page of a heap */

static struct kmem heap;
static enum refusal returned; /* by the last free or coalesce */

static bool start(void *memory, size_t size) {
    return kmem_init(&heap, memory, 1, size, NULL) == KMEM_OK;
}

static _Alignas(LIMITED_SIZE) unsigned char limited_page[LIMITED_SIZE];

/* Does a heap that has nobody to ask live with that, and is a limit that no region can have the most that one
 * can? No program's heap is like this. Where the address space ends sooner, bad starts judge how much less
 * it is. */
static bool keeps_limits(void) {
    const bool is_last = SIZE_MAX - (uintptr_t)limited_page < PTRDIFF_MAX;
    const size_t most = PTRDIFF_MAX / LIMITED_SIZE;
    const size_t limits[] = {most + 1, SIZE_MAX};
    bool right = true;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0] && right; i++) {
        const struct kmem_page_source nobody = {.extend = NULL, .page_limit = limits[i]};
        struct kmem other;
        right = kmem_init(&other, limited_page, 1, LIMITED_SIZE, &nobody) == KMEM_OK &&
                (other.source.page_limit == most || (is_last && other.source.page_limit < most));
        if (right) {
            (void)kmem_alloc(&other, LIMITED_SIZE); /* what it returns is for programs to judge */
        }
    }
    PORT_UNPOISON(limited_page, LIMITED_SIZE);
    return right;
}

/* A heap that may not grow is given a limit that it is beyond already. */
static bool start_region(const struct subject_region *region) {
    struct kmem_page_source source = region->source;
    source.page_limit = source.page_limit > region->page_count ? source.page_limit : 0;
    return keeps_limits() &&
           kmem_init(&heap, region->base, region->page_count, region->page_size, &source) == KMEM_OK;
}

static bool start_badly(const struct subject_region *region) {
    struct kmem other;
    return kmem_init(&other, region->base, region->page_count, region->page_size, NULL) != KMEM_BAD_REGION ||
           kmem_last_error(&other) != KMEM_BAD_REGION;
}

static void *alloc(size_t size) {
    return kmem_alloc(&heap, size);
}

static void *zalloc(size_t size) {
    return kmem_zalloc(&heap, size);
}

static void *call_calloc(size_t count, size_t size) {
    return kmem_calloc(&heap, count, size);
}

static void *alloc_aligned(size_t alignment, size_t size) {
    return kmem_alloc_aligned(&heap, alignment, size);
}

static void *call_realloc(void *pointer, size_t size) {
    return kmem_realloc(&heap, pointer, size);
}

static void call_free(void *pointer) {
    returned = kmem_view_refusal(kmem_free(&heap, pointer));
}

static void coalesce(void) {
    returned = kmem_view_refusal(kmem_coalesce(&heap));
}

static void shatter(void) {
    kmem_view_shatter(&heap);
}

static enum refusal last_returned(void) {
    return returned;
}

static enum refusal last_refusal(void) {
    return kmem_view_last_refusal(&heap);
}

static size_t usable_size(const void *pointer) {
    return kmem_usable_size(&heap, pointer);
}

static const void *head(void) {
    return kmem_head(&heap);
}

static size_t page_count(void) {
    return kmem_page_count(&heap);
}

static struct verdict check(const struct expectation *expectation, uint64_t mask, struct census *census) {
    return invariant_check(&heap, expectation, mask, census);
}

static struct verdict check_briefly(const struct expectation *expectation, size_t taken_size, uint64_t mask) {
    return invariant_check_briefly(&heap, expectation, taken_size, mask);
}

static void arrange(const struct live_block *live, size_t live_count) {
    kmem_view_arrange(&heap, live, live_count);
}

static const struct subject_view view = {
    .heap = &heap,
    .heap_size = sizeof heap,
    .is_whole = true,
    .poisons = true,
    .answers_damage = true,
    .start = start_region,
    .start_badly = start_badly,
    .shatter = shatter,
    .last_refusal = last_refusal,
    .last_returned = last_returned,
    .head = head,
    .page_count = page_count,
    .check = check,
    .check_briefly = check_briefly,
    .walk = kmem_view_walk,
    .arrange = arrange,
};

const struct subject subject_kmem = {
    .name = "kmem",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .zalloc = zalloc,
    .calloc = call_calloc,
    .alloc_aligned = alloc_aligned,
    .realloc = call_realloc,
    .coalesce = coalesce,
    .usable_size = usable_size,
    .facts = {.alignment = 8,
              .zero_size = SUBJECT_ZERO_UNIQUE,
              .free_null = true,
              .realloc_null = true,
              .realloc_zero = true,
              .first_fit = {.header_size = 8, .grain = 8, .block_least = 16}},
    .view = &view,
};
