/* A heap unlike this project's: it cuts blocks off memory never used, at a pointer that only shrinking the
 * last block moves back, unless a block of exactly the size wanted was freed. Nothing is merged. 8-byte
 * alignment, headers of a word.
 *
 *     | size | payload, or the next free block | size | ... | never used |
 *                                                           top          end
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

enum {
    BUMP_HEAP_SOUND,
    BUMP_HEAP_ROUNDS_TO_NOTHING,  /* rounding up wraps before the size is checked */
    BUMP_HEAP_FORGETS_ITS_HEADER, /* where it checks the room left */
    BUMP_HEAP_REUSES_ANY_SIZE,    /* the latest freed block fits whatever is wanted */
    BUMP_HEAP_TOP_TOO_LOW,        /* by a header, after the last block shrinks */
    BUMP_HEAP_COPIES_TOO_FEW,     /* realloc copies as many bytes as there are words */
    BUMP_HEAP_ALIGNS_THE_HEADER,  /* instead of the payload */
    BUMP_HEAP_CALLOC_WRAPS,       /* the product is not checked */
    BUMP_HEAP_ZEROES_ONE_ELEMENT, /* of calloc's */
    BUMP_HEAP_SIZES_OF_8_BITS,    /* in headers */
};

struct block {
    size_t size;        /* bytes of payload, a multiple of UNIT */
    struct block *next; /* of a free one, in its payload */
};

#define UNIT        ((size_t)8)
#define HEADER_SIZE offsetof(struct block, next)

static unsigned char *memory;
static unsigned char *top;
static unsigned char *end;
static struct block *first_free; /* the latest freed */

static bool is(int defect) {
    return subject_defect == defect;
}

static unsigned char *payload_of(struct block *block) {
    return (unsigned char *)block + HEADER_SIZE;
}

static struct block *block_of(const void *payload) {
    return (struct block *)(void *)((unsigned char *)(uintptr_t)payload - HEADER_SIZE);
}

static bool start(void *given, size_t size) {
    if (size < HEADER_SIZE + UNIT) {
        return false;
    }
    memory = given;
    top = memory;
    end = memory + (size & ~(UNIT - 1));
    first_free = NULL;
    return true;
}

static bool fits_no_heap(size_t size) {
    return size > (size_t)(end - memory) && !is(BUMP_HEAP_ROUNDS_TO_NOTHING);
}

static size_t round_up(size_t size) {
    return size == 0 ? UNIT : (size + UNIT - 1) & ~(UNIT - 1);
}

static struct block *reuse(size_t size) {
    struct block **link = &first_free;
    while (*link != NULL && (*link)->size != size && !is(BUMP_HEAP_REUSES_ANY_SIZE)) {
        link = &(*link)->next;
    }
    struct block *const block = *link;
    if (block != NULL) {
        *link = block->next;
    }
    return block;
}

/* A block at the top whose payload is aligned; what lies in front of it is lost. */
static struct block *cut(size_t alignment, size_t size) {
    unsigned char *const aligned = is(BUMP_HEAP_ALIGNS_THE_HEADER) ? top : top + HEADER_SIZE;
    const size_t front = (size_t)(0 - (uintptr_t)aligned) & (alignment - 1);
    const size_t room = (size_t)(end - top);
    const size_t header_size = is(BUMP_HEAP_FORGETS_ITS_HEADER) ? 0 : HEADER_SIZE;
    if (front > room || size > room || room - front < header_size + size) {
        return NULL;
    }
    struct block *const block = (struct block *)(void *)(top + front);
    block->size = is(BUMP_HEAP_SIZES_OF_8_BITS) ? (uint8_t)size : size;
    top = payload_of(block) + size;
    return block;
}

static void *alloc(size_t size) {
    if (fits_no_heap(size)) {
        return NULL;
    }
    struct block *const used = reuse(round_up(size));
    struct block *const block = used == NULL ? cut(UNIT, round_up(size)) : used;
    return block == NULL ? NULL : payload_of(block);
}

static void *alloc_aligned(size_t alignment, size_t size) {
    if (alignment <= UNIT) {
        return alloc(size);
    }
    struct block *const block = fits_no_heap(size) ? NULL : cut(alignment, round_up(size));
    return block == NULL ? NULL : payload_of(block);
}

static void call_free(void *pointer) {
    if (pointer != NULL) {
        struct block *const block = block_of(pointer);
        block->next = first_free;
        first_free = block;
    }
}

static void *call_calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size && !is(BUMP_HEAP_CALLOC_WRAPS)) {
        return NULL;
    }
    unsigned char *const payload = alloc(count * size);
    const size_t zero_size = is(BUMP_HEAP_ZEROES_ONE_ELEMENT) && count != 0 ? size : count * size;
    for (size_t i = 0; payload != NULL && i < zero_size; i++) {
        payload[i] = 0;
    }
    return payload;
}

/* The last block gives what it no longer needs back to the top; any other keeps it. */
static void shrink(struct block *block, size_t size) {
    unsigned char *const payload = payload_of(block);
    if (payload + block->size == top) {
        block->size = round_up(size);
        top = (is(BUMP_HEAP_TOP_TOO_LOW) ? (unsigned char *)block : payload) + block->size;
    }
}

static void *call_realloc(void *pointer, size_t size) {
    if (pointer == NULL) {
        return alloc(size);
    }
    if (size == 0) {
        call_free(pointer);
        return NULL;
    }
    struct block *const old = block_of(pointer);
    if (size <= old->size) {
        shrink(old, size);
        return pointer;
    }
    unsigned char *const new = alloc(size);
    if (new == NULL) {
        return NULL;
    }
    const size_t copy_size = is(BUMP_HEAP_COPIES_TOO_FEW) ? old->size / UNIT : old->size;
    for (size_t i = 0; i < copy_size; i++) {
        new[i] = payload_of(old)[i];
    }
    call_free(pointer);
    return new;
}

static size_t usable_size(const void *pointer) {
    return block_of(pointer)->size;
}

const struct subject subject_bump_heap = {
    .name = "bump heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .calloc = call_calloc,
    .alloc_aligned = alloc_aligned,
    .realloc = call_realloc,
    .usable_size = usable_size,
    .facts = {.alignment = UNIT,
              .zero_size = SUBJECT_ZERO_UNIQUE,
              .free_null = true,
              .realloc_null = true,
              .realloc_zero = true},
};
