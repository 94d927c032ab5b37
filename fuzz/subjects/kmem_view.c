/* What subjects show of a struct kmem. kmem_view.h is the contract. */
#include "fuzz/subjects/kmem_view.h"

#include "src/block.h"

#define SHARD_SIZE  BLOCK_SIZE_MINIMUM
#define SHARD_COUNT 3 /* more than two, or a coalesce that merges only pairs would do */

/*     before   | free .................................. |
 *     after    | free 16 | free 16 | free 16 | free .... |     as far as the block goes */
void kmem_view_shatter(struct kmem *kmem) {
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

bool kmem_view_walk(const unsigned char *base, size_t size, subject_visit *visit, void *context) {
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

void kmem_view_arrange(struct kmem *kmem, const struct live_block *live, size_t live_count) {
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

static bool names_damage(const struct kmem *kmem) {
    const size_t offset = kmem->error_offset;
    const size_t size = kmem_size(kmem);
    return offset < size && offset % BLOCK_ALIGNMENT == 0 &&
           !block_is_possible(block_read(kmem->base + offset), size - offset);
}

static void visit_nothing(void *context, size_t offset, uint64_t size, bool taken) {
    (void)context, (void)offset, (void)size, (void)taken;
}

enum refusal kmem_view_last_refusal(const struct kmem *kmem) {
    const enum kmem_error error = kmem_last_error(kmem);
    const enum refusal refusal = kmem_view_refusal(error);
    if (refusal != REFUSAL_CORRUPT || (error == KMEM_CORRUPT && names_damage(kmem))) {
        return refusal;
    }
    const bool sound = kmem_view_walk(kmem->base, kmem_size(kmem), visit_nothing, NULL);
    return sound ? REFUSAL_CORRUPT : REFUSAL_NONE;
}
