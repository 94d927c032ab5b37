/* The arena's bytes. arena.h says what they hold when. */
#include "fuzz/execute/arena.h"

#include <stdint.h>

#include "src/port.h"
#include "src/require.h"

#define DIRT_WORD UINT64_C(0xa5a5a5a5a5a5a5a5)

/* A word that may alias objects of any type. All addresses and sizes here are multiples of 8. */
typedef uint64_t __attribute__((may_alias)) word;

PORT_UNCHECKED static void fill(unsigned char *address, size_t size) {
    word *const words = (word *)(void *)address;
    for (size_t i = 0; i < size / sizeof *words; i++) {
        words[i] = DIRT_WORD;
    }
}

/* Size when all is dirt, otherwise the position of the first byte that is not. */
PORT_UNCHECKED static size_t first_clean(const unsigned char *address, size_t size) {
    const word *const words = (const word *)(const void *)address;
    uint64_t different = 0;
    if (size == ARENA_GUARD_SIZE) { /* nearly always, and then of a length that the compiler knows */
        for (size_t i = 0; i < ARENA_GUARD_SIZE / sizeof *words; i++) {
            different |= words[i] ^ DIRT_WORD;
        }
    }
    size_t byte = size == ARENA_GUARD_SIZE && different == 0 ? size : 0;
    while (byte < size && address[byte] == ARENA_DIRT) {
        byte++;
    }
    return byte;
}

/* Bytes after a region's end that exist and can be checked. */
static size_t end_guard_size(struct arena arena, size_t region_size) {
    const uintptr_t end = (uintptr_t)arena.base + region_size;
    const size_t rest = (0 - end) & (arena.page_size - 1); /* of the page; of all memory without pages */
    return rest < ARENA_GUARD_SIZE ? rest : ARENA_GUARD_SIZE;
}

void arena_prepare(struct arena arena) {
    if (arena.page_size != 0) {
        return;
    }
    unsigned char *const first = arena.base - ARENA_GUARD_SIZE;
    fill(first, arena.capacity + 2 * ARENA_GUARD_SIZE);
    PORT_POISON(first, arena.capacity + 2 * ARENA_GUARD_SIZE);
}

void arena_reset(struct arena arena, size_t size) {
    REQUIRE(size <= arena.capacity && size % sizeof(word) == 0);
    if (arena.page_size == 0 && !arena.borrowed) {
        fill(arena.base, size);
        PORT_POISON(arena.base, size);
    }
}

bool arena_guard_broken(struct arena arena, size_t region_size, ptrdiff_t *offset) {
    REQUIRE(region_size <= arena.capacity && region_size % sizeof(word) == 0);
    if (arena.borrowed) {
        return false;
    }
    const struct {
        size_t offset;
        size_t size; /* bytes */
    } guards[] = {
        {0 - ARENA_GUARD_SIZE, ARENA_GUARD_SIZE},
        {region_size, end_guard_size(arena, region_size)},
        {arena.capacity, arena.page_size == 0 ? ARENA_GUARD_SIZE : 0},
    };
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        const size_t clean = first_clean(arena.base + (ptrdiff_t)guards[i].offset, guards[i].size);
        if (clean != guards[i].size) {
            *offset = (ptrdiff_t)(guards[i].offset + clean);
            return true;
        }
    }
    return false;
}

bool arena_gap_broken(struct arena arena, size_t gap_offset, ptrdiff_t *offset) {
    REQUIRE(gap_offset <= arena.capacity - ARENA_GUARD_SIZE);
    const size_t clean = first_clean(arena.base + gap_offset, ARENA_GUARD_SIZE);
    *offset = (ptrdiff_t)(gap_offset + clean);
    return clean != ARENA_GUARD_SIZE;
}

PORT_UNCHECKED size_t arena_first_nonzero(struct arena arena, size_t offset, size_t size) {
    REQUIRE(offset <= arena.capacity && size <= arena.capacity - offset);
    const unsigned char *const bytes = (const unsigned char *)((uintptr_t)arena.base + offset);
    size_t byte = 0;
    if ((uintptr_t)bytes % sizeof(word) == 0) {
        const word *const words = (const word *)(const void *)bytes;
        while (size - byte >= sizeof(word) && words[byte / sizeof(word)] == 0) {
            byte += sizeof(word);
        }
    }
    while (byte < size && bytes[byte] == 0) {
        byte++;
    }
    return byte;
}

PORT_UNCHECKED unsigned char arena_byte(struct arena arena, ptrdiff_t offset) {
    REQUIRE(arena.borrowed || (offset >= -(ptrdiff_t)ARENA_GUARD_SIZE &&
                               offset < (ptrdiff_t)(arena.capacity + ARENA_GUARD_SIZE)));
    return *(const unsigned char *)((uintptr_t)arena.base + (uintptr_t)offset);
}
