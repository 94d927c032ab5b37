/* The arena's bytes. arena.h says what they hold when. */
#include "fuzz/execute/arena.h"

#include <stdint.h>

#include "src/port.h"

#define DIRT_WORD UINT64_C(0xa5a5a5a5a5a5a5a5)

/* All addresses and sizes here are multiples of 8. */
static uint64_t *words_at(unsigned char *address) {
    return (uint64_t *)(void *)address;
}

PORT_UNCHECKED static void fill(unsigned char *address, size_t size) {
    uint64_t *const words = words_at(address);
    for (size_t i = 0; i < size / sizeof *words; i++) {
        words[i] = DIRT_WORD;
    }
}

/* Size when all is dirt, otherwise the position of the first byte that is not. */
PORT_UNCHECKED static size_t first_clean(const unsigned char *address, size_t size) {
    const uint64_t *const words = (const uint64_t *)(const void *)address;
    for (size_t i = 0; i < size / sizeof *words; i++) {
        if (words[i] != DIRT_WORD) {
            size_t byte = i * sizeof *words;
            while (address[byte] == ARENA_DIRT) {
                byte++;
            }
            return byte;
        }
    }
    return size;
}

void arena_prepare(struct arena arena) {
    unsigned char *const first = arena.base - ARENA_GUARD_SIZE;
    fill(first, arena.capacity + 2 * ARENA_GUARD_SIZE);
    PORT_POISON(first, arena.capacity + 2 * ARENA_GUARD_SIZE);
}

void arena_reset(struct arena arena, size_t size) {
    fill(arena.base, size);
    PORT_POISON(arena.base, size);
}

bool arena_guard_broken(struct arena arena, size_t region_size, ptrdiff_t *offset) {
    const size_t guards[] = {0 - ARENA_GUARD_SIZE, region_size, arena.capacity};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        const size_t clean = first_clean(arena.base + (ptrdiff_t)guards[i], ARENA_GUARD_SIZE);
        if (clean != ARENA_GUARD_SIZE) {
            *offset = (ptrdiff_t)(guards[i] + clean);
            return true;
        }
    }
    return false;
}

PORT_UNCHECKED size_t arena_first_nonzero(struct arena arena, size_t offset, size_t size) {
    const unsigned char *const bytes = arena.base + offset;
    const uint64_t *const words = words_at(arena.base + offset);
    for (size_t i = 0; i < size / sizeof *words; i++) {
        if (words[i] != 0) {
            size_t byte = i * sizeof *words;
            while (bytes[byte] == 0) {
                byte++;
            }
            return byte;
        }
    }
    return size;
}

PORT_UNCHECKED unsigned char arena_byte(struct arena arena, ptrdiff_t offset) {
    return arena.base[offset];
}
