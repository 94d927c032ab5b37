/* kmem as a subject: fuzz/execute/subject.h and view.h are the contracts. It judges nothing. */
#include "fuzz/execute/view.h"
#include "src/block.h"
#include "src/kmem.h"

_Static_assert(sizeof(struct kmem) <= VIEW_HEAP_SIZE, "the harness has room for a struct kmem");

static struct kmem heap;
static enum refusal returned; /* by the last free or coalesce */

static bool start(void *memory, size_t size) {
    return kmem_init(&heap, memory, 1, size, NULL) == KMEM_OK;
}

static bool start_in(struct kmem *kmem, const struct subject_region *region) {
    return kmem_init(kmem, region->base, region->page_count, region->page_size, &region->source) == KMEM_OK;
}

static bool start_region(const struct subject_region *region) {
    return start_in(&heap, region);
}

static bool start_badly(const struct subject_region *region) {
    struct kmem other;
    return start_in(&other, region);
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

static enum refusal refusal_of(enum kmem_error error) {
    switch (error) {
    case KMEM_OK:
        return REFUSAL_NONE;
    case KMEM_EXHAUSTED:
        return REFUSAL_EXHAUSTED;
    case KMEM_BAD_ALIGNMENT:
        return REFUSAL_BAD_ALIGNMENT;
    case KMEM_FOREIGN_POINTER:
        return REFUSAL_FOREIGN;
    case KMEM_MISALIGNED_POINTER:
        return REFUSAL_MISALIGNED;
    case KMEM_INTERIOR_POINTER:
        return REFUSAL_INTERIOR;
    case KMEM_DOUBLE_FREE:
        return REFUSAL_DOUBLE_FREE;
    case KMEM_BAD_REGION:
    case KMEM_CORRUPT:
    case KMEM_CORRUPT_PAGES:
        break;
    }
    return REFUSAL_CORRUPT;
}

static void call_free(void *pointer) {
    returned = refusal_of(kmem_free(&heap, pointer));
}

static void coalesce(void) {
    returned = refusal_of(kmem_coalesce(&heap));
}

#define SHARD_SIZE  BLOCK_SIZE_MINIMUM
#define SHARD_COUNT 3 /* more than two, or a coalesce that merges only pairs would do */

/*     before   | free .................................. |
 *     after    | free 16 | free 16 | free 16 | free .... |     as far as the block goes */
static void shatter(void) {
    struct kmem *const kmem = &heap;
    const size_t end = kmem_size(kmem);
    size_t offset = 0;
    while (offset < end) { /* each step is 16 bytes or more, or the walk ends */
        struct block block = block_read(kmem->base + offset);
        if (!block_is_possible(block, end - offset)) {
            return;
        }
        for (int i = 0; i < SHARD_COUNT && !block.taken && block.size >= 2 * SHARD_SIZE; i++) {
            block_write(kmem->base + offset, SHARD_SIZE, false);
            block.size -= SHARD_SIZE;
            offset += SHARD_SIZE;
            block_write(kmem->base + offset, block.size, false);
        }
        offset += (size_t)block.size;
    }
}

static enum refusal last_returned(void) {
    return returned;
}

static enum refusal last_refusal(void) {
    return refusal_of(kmem_last_error(&heap));
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

static bool walk(const unsigned char *base, size_t size, subject_visit *visit, void *context) {
    struct block block;
    for (size_t offset = 0; offset < size; offset += (size_t)block.size) {
        block = block_read(base + offset);
        visit(context, offset, block.size, block.taken);
        if (!block_is_possible(block, size - offset)) {
            return false;
        }
    }
    return true;
}

static void arrange(const struct live_block *live, size_t live_count) {
    struct kmem *const kmem = &heap;
    size_t offset = 0;
    for (size_t i = 0; i < live_count; i++) {
        if (live[i].offset != offset) {
            block_write(kmem->base + offset, live[i].offset - offset, false);
        }
        block_write(kmem->base + live[i].offset, live[i].size, true);
        PORT_UNPOISON(kmem->base + live[i].offset + BLOCK_HEADER_SIZE, live[i].size - BLOCK_HEADER_SIZE);
        offset = live[i].offset + live[i].size;
        kmem->taken_count++;
        kmem->taken_size += live[i].size;
    }
    if (offset != kmem_size(kmem)) {
        block_write(kmem->base + offset, kmem_size(kmem) - offset, false);
    }
}

static const struct subject_view view = {
    .heap = &heap,
    .heap_size = sizeof heap,
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
    .walk = walk,
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
