/* The heap of list_heap.c in memory that the harness knows nothing of, as a system's malloc has it. */
#include "tests/subjects/defect.h"

static int own_defect(void) {
    return subject_defect;
}
static int list_defect(void);
#undef subject_defect
#define subject_defect list_defect()
#include "tests/subjects/list_heap.c" /* NOLINT(bugprone-suspicious-include): it is this heap, too */

enum {
    ANYWHERE_HEAP_SOUND,
    ANYWHERE_HEAP_MISALIGNS, /* as in list_heap.h, and so the rest */
    ANYWHERE_HEAP_OVERLAPS,
    ANYWHERE_HEAP_LINKS_TOO_LOW,
    ANYWHERE_HEAP_ZEROES_TOO_LITTLE,
    ANYWHERE_HEAP_MOVES_TOO_LITTLE,
    ANYWHERE_HEAP_LOSES_THE_OLD,
};

static int list_defect(void) {
    static const int defects[] = {
        LIST_HEAP_SOUND,         LIST_HEAP_MISALIGNS,         LIST_HEAP_OVERLAPS,
        LIST_HEAP_LINKS_TOO_LOW, LIST_HEAP_ZEROES_TOO_LITTLE, LIST_HEAP_MOVES_TOO_LITTLE,
        LIST_HEAP_LOSES_THE_OLD};
    return defects[own_defect()];
}

static bool start(void *given, size_t size) {
    static unsigned char own[65536];
    (void)given, (void)size;
    return list_heap_start(own, sizeof own);
}

const struct subject subject_anywhere_heap = {
    .name = "heap that is anywhere",
    .start = start,
    .alloc = list_heap_alloc,
    .free = list_heap_free,
    .zalloc = list_heap_zalloc,
    .realloc = list_heap_realloc,
    .alloc_aligned = list_heap_alloc_aligned,
    .usable_size = list_heap_usable_size,
    .facts = {.memory = SUBJECT_MEMORY_UNKNOWN, .alignment = UNIT, .merges = true},
};
