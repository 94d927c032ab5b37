/* The allocator of the C library that the program is linked with, or of another that LD_PRELOAD names. */
#include <malloc.h>
#include <stdlib.h>

#include "fuzz/execute/subject.h"

/* Nothing is made: each run frees all that it allocates. */
static bool start(void *memory, size_t size) {
    (void)memory, (void)size;
    return true;
}

static size_t usable_size(const void *pointer) {
    return malloc_usable_size((void *)(uintptr_t)pointer);
}

const struct subject subject_system_malloc = {
    .name = "system malloc",
    .start = start,
    .alloc = malloc,
    .free = free,
    .calloc = calloc,
    .alloc_aligned = aligned_alloc,
    .realloc = realloc,
    .usable_size = usable_size,
    .facts = {.memory = SUBJECT_MEMORY_UNKNOWN,
              .alignment = sizeof(void *), /* some give 8 bytes no more than that */
              .zero_size = SUBJECT_ZERO_UNIQUE,
              .free_null = true,
              .realloc_null = true,
              .merges = true},
};
