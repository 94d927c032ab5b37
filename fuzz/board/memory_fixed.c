/* An arena that is always there, in physical memory. memory.h is the contract. */
#include "fuzz/board/memory.h"

#define PAGE                 ((size_t)4096) /* bytes */
#define ROUND_UP(size, unit) (((size) + (unit) - 1) / (unit) * (unit))

/* A page for the guard bytes before the arena, the arena, and its guard bytes after it. link.ld puts it
 * where the arena has its alignment, with inaccessible pages on both sides. */
__attribute__((section(".arena"), aligned(4096))) static unsigned char
    arena_pages[PAGE + ROUND_UP(ARENA_CAPACITY + ARENA_GUARD_SIZE, PAGE)];

const char *memory_open(const struct blob *blob, struct arena *arena) {
    (void)blob;
    *arena = (struct arena){.base = arena_pages + PAGE, .capacity = ARENA_CAPACITY};
    return (uintptr_t)arena->base % ARENA_ALIGNMENT == 0 ? NULL : "the arena is not aligned";
}

const struct subject *memory_subject(const struct subject *subject) {
    return subject;
}

void memory_enter(void) {
}

void memory_leave(void) {
}

bool memory_map(uintptr_t cause, uintptr_t value) {
    (void)cause, (void)value;
    return false;
}

const char *memory_close_input(size_t index, struct line *line) {
    (void)index, (void)line;
    return NULL;
}
