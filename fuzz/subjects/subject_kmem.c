/* kmem as a subject: fuzz/execute/subject.h is the contract.
 * It judges nothing. */
#include "fuzz/execute/subject.h"
#include "src/block.h"
#include "src/kmem.h"

_Static_assert(sizeof(struct kmem) <= SUBJECT_HEAP_SIZE, "the executor has room for a struct kmem");

static bool start(void *heap, const struct subject_region *region) {
    return kmem_init(heap, region->base, region->page_count, region->page_size, &region->source) == KMEM_OK;
}

static void *alloc(void *heap, size_t size) {
    return kmem_alloc(heap, size);
}

static void *zalloc(void *heap, size_t size) {
    return kmem_zalloc(heap, size);
}

static void *call_calloc(void *heap, size_t count, size_t size) {
    return kmem_calloc(heap, count, size);
}

static void *alloc_aligned(void *heap, size_t alignment, size_t size) {
    return kmem_alloc_aligned(heap, alignment, size);
}

static void *call_realloc(void *heap, void *pointer, size_t size) {
    return kmem_realloc(heap, pointer, size);
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

static enum refusal call_free(void *heap, void *pointer) {
    return refusal_of(kmem_free(heap, pointer));
}

static enum refusal coalesce(void *heap) {
    return refusal_of(kmem_coalesce(heap));
}

#define SHARD_SIZE  BLOCK_SIZE_MINIMUM
#define SHARD_COUNT 3 /* more than two, or a coalesce that merges only pairs would do */

/*     before   | free .................................. |
 *     after    | free 16 | free 16 | free 16 | free .... |     as far as the block goes */
static void shatter(void *heap) {
    struct kmem *const kmem = heap;
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

static enum refusal last_refusal(const void *heap) {
    return refusal_of(kmem_last_error(heap));
}

static size_t usable_size(const void *heap, const void *pointer) {
    return kmem_usable_size(heap, pointer);
}

static const void *head(const void *heap) {
    return kmem_head(heap);
}

static size_t page_count(const void *heap) {
    return kmem_page_count(heap);
}

static struct verdict check(const void *heap, const struct expectation *expectation, uint64_t mask,
                            struct census *census) {
    return invariant_check(heap, expectation, mask, census);
}

static bool walk(const void *heap, const unsigned char *base, size_t size, subject_visit *visit,
                 void *context) {
    (void)heap; /* its members may be wrong, and the blocks are all in the region */
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

static void arrange(void *heap, const struct live_block *live, size_t live_count) {
    struct kmem *const kmem = heap;
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

const struct subject subject_kmem = {
    .name = "kmem",
    .poisons = true,
    .answers_damage = true,
    .start = start,
    .start_badly = start,
    .alloc = alloc,
    .zalloc = zalloc,
    .calloc = call_calloc,
    .alloc_aligned = alloc_aligned,
    .realloc = call_realloc,
    .free = call_free,
    .coalesce = coalesce,
    .shatter = shatter,
    .last_refusal = last_refusal,
    .usable_size = usable_size,
    .head = head,
    .page_count = page_count,
    .check = check,
    .walk = walk,
    .arrange = arrange,
};
