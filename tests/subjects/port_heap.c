/* The heap of a hobby kernel as its author plugs it in: the table, beside sources of its own (port/), which
 * have the names of a C library's functions and are compiled with flags of their own. */
#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"
#include "tests/subjects/port/kalloc.h"

/* As kalloc.c numbers them. */
enum {
    PORT_HEAP_SOUND,
    PORT_HEAP_LOSES_THE_TAKEN_BIT, /* in a narrower type */
    PORT_HEAP_ROUNDS_TO_NOTHING,   /* a size that wraps */
    PORT_HEAP_RETURNS_ONE_PAST,    /* the payload's first byte */
    PORT_HEAP_MERGES_NO_FURTHER,   /* what it has just merged */
    PORT_HEAP_MULTIPLIES_WRONGLY,  /* calloc's product wraps */
    PORT_HEAP_ZEROES_WORDS,        /* calloc leaves out the bytes after the last */
    PORT_HEAP_MOVES_TOO_LITTLE,    /* as many bytes as there are words */
    PORT_HEAP_FOLLOWS_NULL,        /* this file's coalesce */
    PORT_HEAP_NEVER_ENDS,          /* the same */
};

static bool start(void *memory, size_t size) {
    kalloc_bug = subject_defect;
    return kalloc_init(memory, size) != 0;
}

static void merge(void) {
    static volatile int *nothing;
    static volatile int turns;
    if (subject_defect == PORT_HEAP_FOLLOWS_NULL) {
        turns = *nothing; /* NOLINT(clang-analyzer-core.NullDereference): that is the defect */
    }
    while (subject_defect == PORT_HEAP_NEVER_ENDS) {
        if (turns == 0) {
            turns++;
        }
    }
    coalesce();
}

static size_t usable_size(const void *pointer) {
    return malloc_usable_size((void *)(uintptr_t)pointer);
}

const struct subject subject_port_heap = {
    .name = "port heap",
    .start = start,
    .alloc = malloc,
    .free = free,
    .calloc = calloc,
    .realloc = realloc,
    .coalesce = merge,
    .usable_size = usable_size,
    .facts = {.header_size = 4,
              .alignment = 4,
              .zero_size = SUBJECT_ZERO_UNIQUE,
              .free_null = true,
              .realloc_null = true,
              .merges = true,
              .refits = true},
};
