/* A heap unlike this project's: a binary buddy. Blocks are powers of two of 16 bytes and have no headers: a
 * map after the last unit has a byte for each unit, and where a block starts the byte has its order. An
 * allocation takes the first of the smallest free blocks that are large enough, and halves it.
 *
 *     | unit | unit | ... | byte | byte | ... |
 *     memory              map
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

enum {
    BUDDY_HEAP_SOUND,
    BUDDY_HEAP_ROUNDS_DOWN,       /* to the next lower power of two */
    BUDDY_HEAP_MARKS_TOO_EARLY,   /* as taken, and halving marks the block as free again */
    BUDDY_HEAP_MERGES_TAKEN,      /* buddies */
    BUDDY_HEAP_MERGES_ANY_ORDER,  /* as if a free buddy were as large as the block */
    BUDDY_HEAP_MERGES_RIGHTWARDS, /* from the block that is freed, though its buddy may be in front */
    BUDDY_HEAP_MERGES_ONCE,       /* and not the larger block that comes of it */
    BUDDY_HEAP_MAP_OF_BITS,       /* which are too few: the map ends past the memory */
    BUDDY_HEAP_SHRINKS_TO_FREE,   /* realloc marks the lower half as free too */
    BUDDY_HEAP_MOVES_A_UNIT,      /* realloc copies no more */
    BUDDY_HEAP_ZEROES_UNITS,      /* as many as the order says, not its power of two */
    BUDDY_HEAP_FORGETS_ALIGNMENT, /* where it chooses an order */
};

#define UNIT  ((size_t)16) /* bytes: the smallest block */
#define TAKEN 0x80U        /* in the map, beside an order */
#define NONE  SIZE_MAX

static unsigned char *memory;
static unsigned char *map;
static size_t unit_count;

static bool is(int defect) {
    return subject_defect == defect;
}

static size_t order_of(size_t unit) {
    return map[unit] & ~TAKEN;
}

static size_t size_of_order(size_t order) {
    return UNIT << order;
}

static size_t unit_of(const void *payload) {
    return (size_t)((const unsigned char *)payload - memory) / UNIT;
}

/* Cuts all memory into the largest blocks that start at multiples of their size. */
static bool start(void *given, size_t size) {
    memory = given;
    unit_count = is(BUDDY_HEAP_MAP_OF_BITS) ? size * 8 / (UNIT * 8 + 1) : size / (UNIT + 1);
    map = memory + unit_count * UNIT;
    for (size_t unit = 0; unit < unit_count; unit += (size_t)1 << order_of(unit)) {
        size_t order = 0;
        while (unit % ((size_t)2 << order) == 0 && unit + ((size_t)2 << order) <= unit_count) {
            order++;
        }
        map[unit] = (unsigned char)order;
    }
    return unit_count != 0;
}

/* NONE if no heap is that large. */
static size_t order_for(size_t size) {
    if (size > unit_count * UNIT) {
        return NONE;
    }
    size_t order = 0;
    while (size_of_order(order) < size) {
        order++;
    }
    return is(BUDDY_HEAP_ROUNDS_DOWN) && size_of_order(order) != size && order != 0 ? order - 1 : order;
}

static size_t find_free(size_t order) {
    size_t best = NONE;
    for (size_t unit = 0; unit < unit_count; unit += (size_t)1 << order_of(unit)) {
        const bool fits = (map[unit] & TAKEN) == 0 && order_of(unit) >= order;
        if (fits && (best == NONE || order_of(unit) < order_of(best))) {
            best = unit;
        }
    }
    return best;
}

/* Halves a block until it has the order; the upper halves are free, and the lower is marked with the flag. */
static void halve(size_t unit, size_t order, unsigned flag) {
    for (size_t own = order_of(unit); own > order; own--) {
        const size_t upper = unit + ((size_t)1 << (own - 1));
        map[upper] = (unsigned char)(own - 1);
        map[unit] = (unsigned char)((own - 1) | flag);
    }
}

static void *take(size_t order) {
    const size_t unit = order == NONE ? NONE : find_free(order);
    if (unit == NONE) {
        return NULL;
    }
    const bool early = is(BUDDY_HEAP_MARKS_TOO_EARLY) && order_of(unit) > order;
    halve(unit, order, 0);
    map[unit] |= early ? 0 : TAKEN;
    return memory + unit * UNIT;
}

static void *alloc(size_t size) {
    return size == 0 ? NULL : take(order_for(size));
}

/* Can a free block of this order merge with its buddy? */
static bool merges(size_t buddy, size_t order) {
    if (buddy + ((size_t)1 << order) > unit_count) {
        return false;
    }
    const bool taken = (map[buddy] & TAKEN) != 0 && !is(BUDDY_HEAP_MERGES_TAKEN);
    return !taken && (order_of(buddy) == order || is(BUDDY_HEAP_MERGES_ANY_ORDER));
}

/* Each turn doubles the block, which ends at half the memory at the latest. */
static void call_free(void *pointer) {
    size_t unit = unit_of(pointer);
    size_t order = order_of(unit);
    size_t buddy = unit ^ ((size_t)1 << order);
    bool more = true;
    while (more && merges(buddy, order)) {
        unit = buddy < unit && !is(BUDDY_HEAP_MERGES_RIGHTWARDS) ? buddy : unit;
        order++;
        more = !is(BUDDY_HEAP_MERGES_ONCE);
        buddy = unit ^ ((size_t)1 << order);
    }
    map[unit] = (unsigned char)order;
}

static size_t usable_size(const void *pointer) {
    return size_of_order(order_of(unit_of(pointer)));
}

static void *zalloc(size_t size) {
    unsigned char *const payload = alloc(size);
    if (payload == NULL) {
        return NULL;
    }
    const size_t order = order_of(unit_of(payload));
    const size_t zero_size = is(BUDDY_HEAP_ZEROES_UNITS) ? UNIT * order : size_of_order(order);
    for (size_t i = 0; i < zero_size; i++) {
        payload[i] = 0;
    }
    return payload;
}

static void *call_calloc(size_t count, size_t size) {
    return size != 0 && count > SIZE_MAX / size ? NULL : zalloc(count * size);
}

static void *call_realloc(void *pointer, size_t size) {
    const size_t unit = unit_of(pointer);
    const size_t order = order_for(size);
    if (order == NONE) {
        return NULL;
    }
    if (order <= order_of(unit)) {
        halve(unit, order, is(BUDDY_HEAP_SHRINKS_TO_FREE) ? 0 : TAKEN);
        return pointer;
    }
    unsigned char *const new = alloc(size);
    if (new == NULL) {
        return NULL;
    }
    const size_t copy_size = is(BUDDY_HEAP_MOVES_A_UNIT) ? UNIT : usable_size(pointer);
    for (size_t i = 0; i < copy_size; i++) {
        new[i] = ((unsigned char *)pointer)[i];
    }
    call_free(pointer);
    return new;
}

/* A block starts at a multiple of its size from memory, which has an alignment of its own. */
static void *alloc_aligned(size_t alignment, size_t size) {
    const bool possible = ((uintptr_t)memory & (alignment - 1)) == 0;
    const size_t least = is(BUDDY_HEAP_FORGETS_ALIGNMENT) || size > alignment ? size : alignment;
    return size == 0 || !possible ? NULL : take(order_for(least));
}

const struct subject subject_buddy_heap = {
    .name = "buddy heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .zalloc = zalloc,
    .calloc = call_calloc,
    .realloc = call_realloc,
    .alloc_aligned = alloc_aligned,
    .usable_size = usable_size,
    .facts = {.alignment = UNIT, .zero_size = SUBJECT_ZERO_UNIQUE, .merges = true},
};
