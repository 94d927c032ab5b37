/* The shadow, and port.h's hooks, which write it. shadow.h is the contract. */
#include "shadow.h"

#include "sanitizer.h"

/* What the harness asks the host's runtime, too. */
void __asan_get_shadow_mapping(size_t *scale, size_t *offset);

/* Symbols of link.ld whose addresses are what they say. */
extern unsigned char shadow_offset[], shadow_start[], shadow_end[];

/* A word that may lie over bytes. */
typedef uintptr_t __attribute__((may_alias)) word;

unsigned char *shadow_of(uintptr_t address) {
    return (unsigned char *)(address / SHADOW_GRANULE + (uintptr_t)shadow_offset);
}

bool shadow_covers(uintptr_t address, size_t size) {
    const uintptr_t start = ((uintptr_t)shadow_start - (uintptr_t)shadow_offset) * SHADOW_GRANULE;
    const uintptr_t end = ((uintptr_t)shadow_end - (uintptr_t)shadow_offset) * SHADOW_GRANULE;
    return address >= start && address <= end && size <= end - address;
}

void shadow_fill(unsigned char *shadow, unsigned char value, size_t size) {
    const uintptr_t pattern = (uintptr_t)-1 / 0xff * value; /* the byte in every byte */
    size_t i = 0;
    for (; i < size && (uintptr_t)(shadow + i) % sizeof(word) != 0; i++) {
        shadow[i] = value;
    }
    for (; size - i >= sizeof(word); i += sizeof(word)) {
        *(word *)(void *)(shadow + i) = pattern;
    }
    for (; i < size; i++) {
        shadow[i] = value;
    }
}

/* Bytes of a granule that may be accessed. */
static size_t accessible(unsigned char value) {
    if (value == 0) {
        return SHADOW_GRANULE;
    }
    return value < SHADOW_GRANULE ? value : 0;
}

uintptr_t shadow_first_bad(uintptr_t address, size_t size) {
    const uintptr_t end = address + size;
    while (address < end) { /* a granule at a time */
        const size_t position = address % SHADOW_GRANULE;
        const size_t good = accessible(*shadow_of(address));
        if (good != SHADOW_GRANULE) {
            const uintptr_t bad = position < good ? address - position + good : address;
            return bad < end ? bad : end;
        }
        address += SHADOW_GRANULE - position;
    }
    return end;
}

/* The hooks. As on the host, what cannot be said of a granule is left out: only its last bytes can be
 * poisoned without its first, so poisoning never takes more than it was asked to, and unpoisoning may give
 * more. */

static void refuse(const volatile void *address, size_t size, struct sanitizer_place place) {
    const uintptr_t first = (uintptr_t)address;
    sanitizer_stop_access(&(struct sanitizer_access){
        .kind = "wild-poison", .write = true, .address = first, .size = size, .bad = first, .place = place});
}

/* The granule's bytes before `position` stay as they are, the others become poison. */
static void poison_from(unsigned char *shadow, size_t position) {
    const size_t good = accessible(*shadow);
    if (good > position) {
        *shadow = position == 0 ? SHADOW_POISON : (unsigned char)position;
    }
}

void __asan_get_shadow_mapping(size_t *scale, size_t *offset) {
    *scale = (size_t)__builtin_ctz(SHADOW_GRANULE);
    *offset = (size_t)shadow_offset;
}

void __asan_poison_memory_region(const volatile void *address, size_t size) {
    if (!shadow_covers((uintptr_t)address, size)) {
        refuse(address, size, SANITIZER_PLACE());
    }
    if (size == 0) {
        return;
    }
    const uintptr_t end = (uintptr_t)address + size;
    unsigned char *const last = shadow_of(end); /* the granule of the first byte after */
    unsigned char *first = shadow_of((uintptr_t)address);
    const size_t start_position = (uintptr_t)address % SHADOW_GRANULE;
    const size_t end_position = end % SHADOW_GRANULE;
    const bool last_is_whole =
        end_position != 0 && accessible(*last) <= end_position; /* nothing accessible after */
    if (first == last) {
        if (last_is_whole) {
            poison_from(first, start_position);
        }
        return;
    }
    if (start_position != 0) {
        poison_from(first++, start_position);
    }
    shadow_fill(first, SHADOW_POISON, (size_t)(last - first));
    if (last_is_whole) {
        *last = SHADOW_POISON;
    }
}

/* The granule's first `good` bytes, and those that were, may be accessed. */
static void unpoison_up_to(unsigned char *shadow, size_t good) {
    if (accessible(*shadow) < good) {
        *shadow = (unsigned char)good;
    }
}

void __asan_unpoison_memory_region(const volatile void *address, size_t size) {
    if (!shadow_covers((uintptr_t)address, size)) {
        refuse(address, size, SANITIZER_PLACE());
    }
    if (size == 0) {
        return;
    }
    const uintptr_t end = (uintptr_t)address + size;
    unsigned char *const first = shadow_of((uintptr_t)address);
    unsigned char *const last = shadow_of(end);
    shadow_fill(first, 0, (size_t)(last - first));
    if (end % SHADOW_GRANULE != 0) {
        unpoison_up_to(last, end % SHADOW_GRANULE);
    }
}
