/* The heap as its author describes it. WITHOUT_RESET leaves out what a heap with globals needs. */
#include "heap.h"
#include "kmemfuzz.h"

void panic(const char *text, const char *file, int line) {
    subject_failed(text, file, line);
}

static const struct subject table = {
    .name = "my_heap",
    .start = kinit,
    .alloc = kalloc,
    .free = kfree,
#ifndef WITHOUT_RESET
    .reset = kforget,
#endif
    .facts = {.header_size = 8, .alignment = 8, .zero_size = SUBJECT_ZERO_UNIQUE},
};

const struct subject *const subject_under_test = &table;
