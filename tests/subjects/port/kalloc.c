/* The heap of a hobby kernel: blocks end to end, first fit, in the C of 1989 and with the liberties that such
 * code takes. A header is an int: the block's bytes, itself included, and its sign bit while it is taken. */
#include "kalloc.h"

#define TAKEN     31 /* bit */
#define LARGEST   0x7ffffff8
#define SIZE(h)   ((size_t)((h)->bits & LARGEST))
#define NEXT(h)   ((struct header *)((char *)(h) + SIZE(h)))
#define ROUND(n)  (((n) + sizeof(struct header) + KALLOC_UNIT - 1) / KALLOC_UNIT * KALLOC_UNIT)
#define IS_BUG(n) (kalloc_bug == (n))

struct header {
    int bits;
};

int kalloc_bug;

static size_t first; /* address */
static size_t end;

static struct header *first_block() {
    return (struct header *)((char *)0 + first);
}

static int is_taken(struct header *block) {
    return IS_BUG(1) ? (short)(block->bits & ~LARGEST) : block->bits >> TAKEN & 1;
}

static void set(struct header *block, size_t size, int taken) {
    block->bits = (int)size | taken << TAKEN;
}

int kalloc_init(void *memory, size_t size) {
    first = (size_t)memory;
    end = first + size / KALLOC_UNIT * KALLOC_UNIT;
    if (size < KALLOC_UNIT) {
        return 0;
    }
    set(first_block(), end - first, 0);
    return 1;
}

void *kmalloc(size_t size) {
    struct header *block = first_block();
    size_t need = ROUND(size), rest;
    if (size > end - first && !IS_BUG(2)) {
        return NULL;
    }
    while ((size_t)block < end && (is_taken(block) || SIZE(block) < need)) {
        block = NEXT(block);
    }
    if ((size_t)block >= end) {
        return NULL;
    }
    rest = SIZE(block) - need;
    set(block, need, 1);
    if (rest != 0) {
        set(NEXT(block), rest, 0);
    }
    return (char *)(block + 1) + (IS_BUG(3) ? 1 : 0);
}

static struct header *header_of(void *pointer) {
    return (struct header *)((char *)pointer - (IS_BUG(3) ? 1 : 0)) - 1;
}

void coalesce(void) {
    struct header *block = first_block();
    while ((size_t)block < end) {
        struct header *next = NEXT(block);
        if (!is_taken(block) && (size_t)next < end && !is_taken(next)) {
            set(block, SIZE(block) + SIZE(next), 0);
            if (IS_BUG(4)) {
                block = NEXT(block);
            }
        } else {
            block = next;
        }
    }
}

void kfree(void *pointer) {
    if (pointer != NULL) {
        struct header *block = header_of(pointer);
        set(block, SIZE(block), 0);
        coalesce();
    }
}

size_t malloc_usable_size(void *pointer) {
    return SIZE(header_of(pointer)) - sizeof(struct header);
}

void *malloc(size_t size) {
    return kmalloc(size);
}

void free(void *pointer) {
    kfree(pointer);
}

/* A long at a time, wherever it lies. */
void *calloc(size_t count, size_t size) {
    char *pointer;
    size_t bytes = count * size, i;
    if (size != 0 && bytes / size != count && !IS_BUG(5)) {
        return NULL;
    }
    pointer = malloc(bytes);
    for (i = 0; pointer != NULL && i + sizeof(long) <= bytes; i += sizeof(long)) {
        *(long *)(pointer + i) = 0;
    }
    for (; pointer != NULL && i < bytes && !IS_BUG(6); i++) {
        pointer[i] = 0;
    }
    return pointer;
}

void *realloc(void *pointer, size_t size) {
    size_t old = pointer == NULL ? 0 : malloc_usable_size(pointer), i;
    char *moved;
    if (pointer != NULL && size <= old) {
        return pointer;
    }
    moved = malloc(size);
    if (moved == NULL) {
        return NULL;
    }
    for (i = 0; i < (IS_BUG(7) ? old / sizeof(long) : old); i++) {
        moved[i] = ((char *)pointer)[i];
    }
    free(pointer);
    return moved;
}
