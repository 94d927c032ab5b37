/* The byte allocator. kmem.h is the contract; block.h says how a block is laid out.
 *
 * Called by the kernel layer (kernel.c) and, through a subject, by the harness. */
#include "kmem.h"

#include "block.h"

#define NO_OFFSET SIZE_MAX /* no block starts there: regions end below it */

/* A stretch of the region in which a block is to be placed: one block, or two merged ones. */
struct span {
    size_t offset; /* bytes from base */
    size_t size;   /* bytes */
    size_t gap;    /* bytes to leave free in front, for alignment: 0, or 16 and more */
};

/* A taken block, found by its payload, with what freeing it needs to know. */
struct location {
    size_t offset;      /* bytes from base, of the header */
    size_t size;        /* bytes, header included */
    size_t left_offset; /* of the free block that ends where this one starts; NO_OFFSET when there is none */
};

static enum kmem_error set_error(struct kmem *heap, enum kmem_error error) {
    heap->error = error;
    return error;
}

static enum kmem_error set_corrupt(struct kmem *heap, size_t offset) {
    heap->error_offset = offset;
    return set_error(heap, KMEM_CORRUPT);
}

/* Sizes, checked so that none wraps. */

/* The block size a request, which is not 0, needs: 16 at least, since a header and a byte round up to that. 0
 * when no size_t can say it. */
static size_t block_size_for(size_t request) {
    if (request > SIZE_MAX - BLOCK_HEADER_SIZE - (BLOCK_ALIGNMENT - 1)) {
        return 0;
    }
    return (request + BLOCK_HEADER_SIZE + (BLOCK_ALIGNMENT - 1)) & ~(BLOCK_ALIGNMENT - 1);
}

static bool is_power_of_two(size_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

size_t kmem_size(const struct kmem *heap) {
    return heap->page_count * heap->page_size;
}

/* Bytes to leave free before a block at offset so that its payload is a multiple of alignment.
 *
 *     offset           offset + gap
 *       | free block ... | header | payload, aligned ...
 *
 * Payloads are 8-aligned, so that alignments up to 8 need no gap. A gap of 8 could hold no block, so it
 * becomes 8 + alignment. */
static size_t gap_for(const struct kmem *heap, size_t offset, size_t alignment) {
    const uintptr_t payload = (uintptr_t)heap->base + offset + BLOCK_HEADER_SIZE;
    const size_t gap = (size_t)(0 - payload) & (alignment - 1);
    return gap != 0 && gap < BLOCK_SIZE_MINIMUM ? gap + alignment : gap;
}

/* Does a block of `need` bytes fit in `size` bytes after the gap? */
static bool fits(size_t size, size_t gap, size_t need) {
    return gap <= size && need <= size - gap;
}

/* Blocks: cut and join. */

static struct block block_at(const struct kmem *heap, size_t offset) {
    return block_read(heap->base + offset);
}

static void write_block(struct kmem *heap, size_t offset, size_t size, bool taken) {
    block_write(heap->base + offset, size, taken);
}

/* Makes the first `request` bytes of a payload accessible and the rest of its `usable_size` bytes poisoned,
 * as they may not be after a request of another size. Only whole granules of 8 bytes can be poisoned from
 * their start. */
static void expose(const unsigned char *payload, size_t usable_size, size_t request) {
    const size_t whole = request & ~(BLOCK_ALIGNMENT - 1);
    PORT_POISON(payload + whole, usable_size - whole);
    PORT_UNPOISON(payload, request);
}

/* Cuts the span, which no taken block may overlap, and returns the payload of the new block.
 *
 *     before   |  span                                            |
 *     after    |  gap, free  |  taken, need  |  remainder, free   |
 *
 * A remainder under 16 bytes stays with the taken block. The caller counts the block and unpoisons its
 * payload. */
static void *place(struct kmem *heap, struct span span, size_t need) {
    const size_t offset = span.offset + span.gap;
    const size_t room = span.size - span.gap;
    const size_t remainder = room - need;
    size_t size = room;
    if (remainder >= BLOCK_SIZE_MINIMUM) {
        size = need;
        write_block(heap, offset + need, remainder, false);
    }
    write_block(heap, offset, size, true);
    if (span.gap != 0) {
        write_block(heap, span.offset, span.gap, false);
    }
    heap->taken_size += size;
    return heap->base + offset + BLOCK_HEADER_SIZE;
}

/* The size of the free block that starts at offset, 0 when a taken block or the region's end does; sets
 * *corrupt to true when the header there is impossible. */
static size_t free_size_at(const struct kmem *heap, size_t offset, bool *corrupt) {
    if (offset == kmem_size(heap)) {
        return 0;
    }
    const struct block block = block_at(heap, offset);
    if (!block_is_possible(block, kmem_size(heap) - offset)) {
        *corrupt = true;
        return 0;
    }
    return block.taken ? 0 : (size_t)block.size;
}

/* Walks. Each step is at least 16 bytes and stays in the region, so each ends after at most size / 16 steps.
 */

/* The lowest free block in which a block of `need` bytes fits, in *found. KMEM_EXHAUSTED when there is none;
 * then *found is the free block at the region's end, or the empty span there. */
static enum kmem_error find_first_fit(struct kmem *heap, size_t alignment, size_t need, struct span *found) {
    const size_t end = kmem_size(heap);
    struct span tail = {.offset = end, .size = 0, .gap = 0};
    struct block block;
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        block = block_at(heap, offset);
        if (!block_is_possible(block, end - offset)) {
            return set_corrupt(heap, offset);
        }
        if (block.taken) {
            continue;
        }
        const struct span span = {
            .offset = offset, .size = (size_t)block.size, .gap = gap_for(heap, offset, alignment)};
        if (fits(span.size, span.gap, need)) {
            *found = span;
            return KMEM_OK;
        }
        if (span.offset + span.size == end) {
            tail = span;
        }
    }
    *found = tail;
    return KMEM_EXHAUSTED;
}

/* Finds the taken block whose payload is at pointer. Errors as kmem_free; *location is then not set. */
static enum kmem_error locate(const struct kmem *heap, const void *pointer, struct location *location,
                              size_t *corrupt_offset) {
    const size_t end = kmem_size(heap);
    const size_t target =
        (uintptr_t)pointer - (uintptr_t)heap->base; /* wraps when below base: then beyond end */
    if (target >= end) {
        return KMEM_FOREIGN_POINTER;
    }
    if (target % BLOCK_ALIGNMENT != 0) {
        return KMEM_MISALIGNED_POINTER;
    }
    size_t left_offset = NO_OFFSET;
    size_t offset = 0;
    for (;;) {
        const struct block block = block_at(heap, offset);
        if (!block_is_possible(block, end - offset)) {
            *corrupt_offset = offset;
            return KMEM_CORRUPT;
        }
        if (target - offset < block.size) {
            if (!block.taken) {
                return KMEM_DOUBLE_FREE;
            }
            if (target - offset != BLOCK_HEADER_SIZE) {
                return KMEM_INTERIOR_POINTER;
            }
            *location =
                (struct location){.offset = offset, .size = (size_t)block.size, .left_offset = left_offset};
            return KMEM_OK;
        }
        left_offset = block.taken ? NO_OFFSET : offset;
        offset += (size_t)block.size; /* at most target, which lies before the region's end */
    }
}

/* locate, with the outcome recorded in heap. */
static enum kmem_error locate_or_report(struct kmem *heap, const void *pointer, struct location *location) {
    size_t corrupt_offset = 0;
    const enum kmem_error error = locate(heap, pointer, location, &corrupt_offset);
    return error == KMEM_CORRUPT ? set_corrupt(heap, corrupt_offset) : set_error(heap, error);
}

/* Growth. */

/* Asks the page source for just enough pages that a block of `need` bytes fits at the region's end, where
 * *tail is the free block (or nothing). On KMEM_OK *tail is the span to place it in; otherwise nothing
 * changed.
 *
 *     ... | tail, free | end of region | new pages ............... |
 *         |  gap  |  need ........................|  remainder     |
 */
static enum kmem_error grow(struct kmem *heap, size_t alignment, size_t need, struct span *tail) {
    const size_t end = kmem_size(heap);
    const size_t gap = gap_for(heap, tail->offset, alignment);
    const size_t limit = heap->source.page_limit;
    if (heap->source.extend == NULL || limit <= heap->page_count) {
        return KMEM_EXHAUSTED;
    }
    /* kmem_init saw to it that a region within the limit neither wraps nor passes PTRDIFF_MAX. */
    const size_t room = limit * heap->page_size - tail->offset;
    if (!fits(room, gap, need)) {
        return KMEM_EXHAUSTED;
    }
    const size_t missing = gap + need - tail->size;
    const size_t page_count = (missing + heap->page_size - 1) / heap->page_size;
    if (!heap->source.extend(heap->source.context, page_count)) {
        return KMEM_EXHAUSTED;
    }
    heap->page_count += page_count;
    PORT_POISON(heap->base + end, page_count * heap->page_size);
    tail->size += page_count * heap->page_size;
    tail->gap = gap;
    return KMEM_OK;
}

/* The operations. */

/* Bytes a region at base may have: it must neither wrap the address space nor reach into a header's taken
 * bit. */
static size_t most_region_size(const void *base) {
    const size_t before_wrap = SIZE_MAX - (uintptr_t)base;
    return before_wrap < PTRDIFF_MAX ? before_wrap : (size_t)PTRDIFF_MAX;
}

enum kmem_error kmem_init(struct kmem *heap, void *base, size_t page_count, size_t page_size,
                          const struct kmem_page_source *source) {
    const struct kmem_page_source none = {.extend = NULL, .context = NULL, .page_limit = 0};
    *heap = (struct kmem){.base = base, .page_size = page_size, .source = source == NULL ? none : *source};
    if (base == NULL || (uintptr_t)base % BLOCK_ALIGNMENT != 0 || page_size < BLOCK_SIZE_MINIMUM ||
        !is_power_of_two(page_size) || page_count == 0) {
        return set_error(heap, KMEM_BAD_REGION);
    }
    const size_t most_pages = most_region_size(base) / page_size;
    if (page_count > most_pages) {
        return set_error(heap, KMEM_BAD_REGION);
    }
    if (heap->source.page_limit > most_pages) {
        heap->source.page_limit = most_pages;
    }
    heap->page_count = page_count;
    write_block(heap, 0, kmem_size(heap), false);
    PORT_POISON(heap->base, kmem_size(heap));
    return set_error(heap, KMEM_OK);
}

/* Takes a block for `request` bytes, which is not 0; alignment is a power of two. */
static void *take(struct kmem *heap, size_t alignment, size_t request) {
    const size_t need = block_size_for(request);
    if (need == 0) {
        set_error(heap, KMEM_EXHAUSTED);
        return NULL;
    }
    struct span span;
    enum kmem_error error = find_first_fit(heap, alignment, need, &span);
    if (error == KMEM_EXHAUSTED) {
        error = grow(heap, alignment, need, &span);
    }
    set_error(heap, error);
    if (error != KMEM_OK) {
        return NULL;
    }
    void *const payload = place(heap, span, need);
    heap->taken_count++;
    PORT_UNPOISON(payload, request);
    return payload;
}

void *kmem_alloc(struct kmem *heap, size_t size) {
    return kmem_alloc_aligned(heap, BLOCK_ALIGNMENT, size);
}

void *kmem_alloc_aligned(struct kmem *heap, size_t alignment, size_t size) {
    if (!is_power_of_two(alignment)) {
        set_error(heap, KMEM_BAD_ALIGNMENT);
        return NULL;
    }
    if (size == 0) {
        set_error(heap, KMEM_OK);
        return NULL;
    }
    return take(heap, alignment, size);
}

void *kmem_zalloc(struct kmem *heap, size_t size) {
    void *const payload = kmem_alloc(heap, size);
    if (payload == NULL) {
        return NULL;
    }
    const unsigned char *const header = (const unsigned char *)payload - BLOCK_HEADER_SIZE;
    const size_t usable_size = (size_t)block_read(header).size - BLOCK_HEADER_SIZE;
    PORT_UNPOISON(payload, usable_size);
    block_word *const words = payload;
    for (size_t i = 0; i < usable_size / sizeof *words; i++) {
        words[i] = 0;
    }
    expose(payload, usable_size, size);
    return payload;
}

void *kmem_calloc(struct kmem *heap, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        set_error(heap, KMEM_EXHAUSTED);
        return NULL;
    }
    return kmem_zalloc(heap, count * size);
}

/* Frees a located block. Merging goes both ways at once:
 *
 *     before   | left, free | this, taken | right, free |
 *     after    | free                                    |
 */
static enum kmem_error release(struct kmem *heap, struct location location) {
    bool corrupt = false;
    const size_t right_offset = location.offset + location.size;
    const size_t right_size = free_size_at(heap, right_offset, &corrupt);
    if (corrupt) {
        return set_corrupt(heap, right_offset);
    }
    const size_t start = location.left_offset == NO_OFFSET ? location.offset : location.left_offset;
    write_block(heap, start, right_offset + right_size - start, false);
    PORT_POISON(heap->base + location.offset, location.size);
    heap->taken_count--;
    heap->taken_size -= location.size;
    return set_error(heap, KMEM_OK);
}

enum kmem_error kmem_free(struct kmem *heap, void *pointer) {
    if (pointer == NULL) {
        return set_error(heap, KMEM_OK);
    }
    struct location location;
    const enum kmem_error error = locate_or_report(heap, pointer, &location);
    return error == KMEM_OK ? release(heap, location) : error;
}

/* Moves a located block's contents to a new block for `request` bytes, more than the old one holds. */
static void *move(struct kmem *heap, struct location location, size_t request) {
    block_word *const old_words = (block_word *)(void *)(heap->base + location.offset + BLOCK_HEADER_SIZE);
    block_word *const new_words = take(heap, BLOCK_ALIGNMENT, request);
    if (new_words == NULL) {
        return NULL;
    }
    /* The whole old payload is copied, slack included: the header does not say how much was asked for. */
    const size_t usable_size = location.size - BLOCK_HEADER_SIZE;
    PORT_UNPOISON(old_words, usable_size);
    for (size_t i = 0; i < usable_size / sizeof *old_words; i++) {
        new_words[i] = old_words[i];
    }
    /* The new block may have been cut out of the old one's free neighbour, so look again before merging. That
     * cannot fail: the old block and its right neighbour were checked before the move. */
    (void)kmem_free(heap, old_words);
    return new_words;
}

void *kmem_realloc(struct kmem *heap, void *pointer, size_t size) {
    if (pointer == NULL) {
        return kmem_alloc(heap, size);
    }
    struct location location;
    if (locate_or_report(heap, pointer, &location) != KMEM_OK) {
        return NULL;
    }
    if (size == 0) {
        (void)release(heap, location); /* the outcome is in kmem_last_error() */
        return NULL;
    }
    const size_t need = block_size_for(size);
    if (need == 0) {
        set_error(heap, KMEM_EXHAUSTED);
        return NULL;
    }
    bool corrupt = false;
    const size_t right_offset = location.offset + location.size;
    const size_t right_size = free_size_at(heap, right_offset, &corrupt);
    if (corrupt) {
        set_corrupt(heap, right_offset);
        return NULL;
    }
    const struct span span = {.offset = location.offset, .size = location.size + right_size, .gap = 0};
    if (!fits(span.size, span.gap, need)) {
        return move(heap, location, size);
    }
    heap->taken_size -= location.size;
    (void)place(heap, span, need);
    expose(pointer, span.size - BLOCK_HEADER_SIZE, size);
    return pointer; /* locate_or_report has recorded KMEM_OK */
}

enum kmem_error kmem_coalesce(struct kmem *heap) {
    const size_t end = kmem_size(heap);
    size_t left_offset = NO_OFFSET; /* of the free block that ends where the walk is */
    struct block block;
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        block = block_at(heap, offset);
        if (!block_is_possible(block, end - offset)) {
            return set_corrupt(heap, offset);
        }
        if (block.taken) {
            left_offset = NO_OFFSET;
        } else if (left_offset == NO_OFFSET) {
            left_offset = offset;
        } else {
            write_block(heap, left_offset, offset + (size_t)block.size - left_offset, false);
        }
    }
    return set_error(heap, KMEM_OK);
}

/* Questions. */

size_t kmem_usable_size(const struct kmem *heap, const void *pointer) {
    struct location location;
    size_t corrupt_offset = 0;
    const enum kmem_error error = locate(heap, pointer, &location, &corrupt_offset);
    return error == KMEM_OK ? location.size - BLOCK_HEADER_SIZE : 0;
}

enum kmem_error kmem_last_error(const struct kmem *heap) {
    return heap->error;
}

const void *kmem_head(const struct kmem *heap) {
    return heap->base;
}

size_t kmem_page_count(const struct kmem *heap) {
    return heap->page_count;
}
