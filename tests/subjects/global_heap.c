/* A heap unlike this project's: all that it knows is in static bitmaps, and the memory holds payloads only.
 * Each bit is for a unit of 64 bytes: is it taken, and is it the last of a payload? First fit. As it is
 * started once in its life, it leaves the clearing of its bitmaps to the program's start: here, to the
 * harness. */
#include <string.h>

#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

enum {
    GLOBAL_HEAP_SOUND,
    GLOBAL_HEAP_ROUNDS_DOWN,       /* to whole units */
    GLOBAL_HEAP_TAKES_ONE_LESS,    /* the last unit of a payload is not marked as taken */
    GLOBAL_HEAP_COUNTS_ON,         /* past taken units, while it looks for free ones */
    GLOBAL_HEAP_FREES_ONE_MORE,    /* unit than the payload has */
    GLOBAL_HEAP_KEEPS_ONE_UNIT,    /* free does nothing for payloads of one */
    GLOBAL_HEAP_LEAVES_THE_LAST,   /* marked as the last of a payload, after free */
    GLOBAL_HEAP_GROWS_INTO_TAKEN,  /* units, where realloc grows in place */
    GLOBAL_HEAP_ZEROES_TOO_LITTLE, /* as many bytes as there are units */
    GLOBAL_HEAP_IGNORES_ALIGNMENT, /* of alloc_aligned */
};

#define UNIT         ((size_t)64)    /* bytes */
#define UNIT_MAXIMUM ((size_t)32768) /* units of the largest heap, 2 MiB */
#define ALIGNMENT    ((size_t)16)    /* of the memory given, and so of each unit */
#define NONE         SIZE_MAX

/* In sections of their own, as kernels have them. */
__attribute__((section(".noinit"))) static unsigned char taken[UNIT_MAXIMUM / 8];
__attribute__((section("global_heap_map"))) static unsigned char last[UNIT_MAXIMUM / 8];
static unsigned char *memory;
static size_t unit_count;

static bool is(int defect) {
    return subject_defect == defect;
}

static bool get(const unsigned char *map, size_t unit) {
    return (map[unit / 8] >> unit % 8 & 1) != 0;
}

static void set(unsigned char *map, size_t unit, bool value) {
    const unsigned bit = 1U << unit % 8;
    map[unit / 8] = (unsigned char)(value ? map[unit / 8] | bit : map[unit / 8] & ~bit);
}

static bool start(void *given, size_t size) {
    memory = given;
    unit_count = size / UNIT < UNIT_MAXIMUM ? size / UNIT : UNIT_MAXIMUM;
    return true;
}

static size_t unit_of(const void *payload) {
    return (size_t)((const unsigned char *)payload - memory) / UNIT;
}

/* Units of the payload that starts at one. */
static size_t count_at(size_t unit) {
    size_t end = unit;
    while (end + 1 < unit_count && !get(last, end)) {
        end++;
    }
    return end + 1 - unit;
}

/* NONE if no heap has as many. */
static size_t count_for(size_t size) {
    if (size > unit_count * UNIT) {
        return NONE;
    }
    const size_t count = is(GLOBAL_HEAP_ROUNDS_DOWN) ? size / UNIT : (size + UNIT - 1) / UNIT;
    return count == 0 ? 1 : count;
}

/* The first of as many free units, at an address that is aligned. */
static size_t find_free(size_t alignment, size_t count) {
    size_t run = 0;
    for (size_t unit = 0; unit < unit_count; unit++) {
        const bool begins = run != 0 || ((uintptr_t)(memory + unit * UNIT) & (alignment - 1)) == 0;
        if (get(taken, unit)) {
            run = is(GLOBAL_HEAP_COUNTS_ON) ? run : 0;
        } else if (begins) {
            run++;
        }
        if (run == count) {
            return unit + 1 - count;
        }
    }
    return NONE;
}

static void mark(size_t unit, size_t count, bool value) {
    for (size_t i = unit; i < unit + count && i < unit_count; i++) {
        set(taken, i, value);
    }
}

static void take(size_t unit, size_t count) {
    mark(unit, is(GLOBAL_HEAP_TAKES_ONE_LESS) ? count - 1 : count, true);
    set(last, unit + count - 1, true);
}

static void *alloc_aligned(size_t alignment, size_t size) {
    const size_t count = count_for(size);
    const size_t unit =
        count == NONE ? NONE : find_free(is(GLOBAL_HEAP_IGNORES_ALIGNMENT) ? 1 : alignment, count);
    if (unit == NONE) {
        return NULL;
    }
    take(unit, count);
    return memory + unit * UNIT;
}

static void *alloc(size_t size) {
    return alloc_aligned(ALIGNMENT, size);
}

static void call_free(void *pointer) {
    const size_t unit = pointer == NULL ? 0 : unit_of(pointer);
    const size_t count = pointer == NULL ? 0 : count_at(unit);
    if (count == 0 || (count == 1 && is(GLOBAL_HEAP_KEEPS_ONE_UNIT))) {
        return;
    }
    set(last, unit + count - 1, is(GLOBAL_HEAP_LEAVES_THE_LAST));
    mark(unit, is(GLOBAL_HEAP_FREES_ONE_MORE) ? count + 1 : count, false);
}

static void *call_calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    unsigned char *const payload = alloc(count * size);
    const size_t zero_size = is(GLOBAL_HEAP_ZEROES_TOO_LITTLE) ? count_for(count * size) : count * size;
    if (payload != NULL) {
        memset(payload, 0, zero_size);
    }
    return payload;
}

/* Are the units from one to before an end all free? */
static bool all_free(size_t unit, size_t end) {
    while (unit < end && (!get(taken, unit) || is(GLOBAL_HEAP_GROWS_INTO_TAKEN))) {
        unit++;
    }
    return unit == end;
}

static void *call_realloc(void *pointer, size_t size) {
    const size_t unit = unit_of(pointer);
    const size_t old = count_at(unit);
    const size_t count = count_for(size);
    if (count == NONE) {
        return NULL;
    }
    if (count <= old || (unit + count <= unit_count && all_free(unit + old, unit + count))) {
        set(last, unit + old - 1, false);
        mark(unit, old, false);
        take(unit, count);
        return pointer;
    }
    unsigned char *const new = alloc(size);
    for (size_t i = 0; new != NULL &&i < old *UNIT; i++) {
        new[i] = ((unsigned char *)pointer)[i];
    }
    if (new != NULL) {
        call_free(pointer);
    }
    return new;
}

static size_t usable_size(const void *pointer) {
    return count_at(unit_of(pointer)) * UNIT;
}

const struct subject subject_global_heap = {
    .name = "global heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .calloc = call_calloc,
    .alloc_aligned = alloc_aligned,
    .realloc = call_realloc,
    .usable_size = usable_size,
    .facts = {.alignment = ALIGNMENT, .zero_size = SUBJECT_ZERO_UNIQUE, .free_null = true, .merges = true},
};
