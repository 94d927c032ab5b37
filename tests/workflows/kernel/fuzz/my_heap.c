/* The heap of this kernel, for kmemfuzz. */
#include "heap.h"
#include "kmemfuzz.h"

static bool start(void *memory, size_t size) {
    return heap_start(memory, size) != 0;
}

static const struct subject table = {
    .name = "my_heap",
    .start = start,
    .alloc = heap_alloc,
    .free = heap_free,
    .facts = {.alignment = 8},
};

const struct subject *const subject_under_test = &table;
