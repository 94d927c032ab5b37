/* Where inputs have their heap: in an arena that is always there (memory_fixed.c), or in virtual memory that
 * grows with the heap (memory_virtual.c, in two modes). Every image links one of the two.
 *
 *     memory_open -> for each input: memory_enter -> the executor -> memory_leave -> memory_close_input
 *                                                       ^   |
 *                                    memory_map <-- trap+   a page fault that only needs a page */
#ifndef KMEM_TARGET_MEMORY_H
#define KMEM_TARGET_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz/execute/arena.h"
#include "fuzz/execute/line.h"
#include "fuzz/execute/view.h"
#include "fuzz/program/blob.h"

/* Once, before any input: says which arena the executor uses. Returns NULL, or what is wrong. */
const char *memory_open(const struct blob *blob, struct arena *arena);

/* The subject to give the executor, so that memory sees where a heap starts and how it grows. There is one at
 * a time. */
const struct subject *memory_subject(const struct subject *subject);

/* Around the run of an input. Call memory_leave also after a trap abandoned the input. */
void memory_enter(void);
void memory_leave(void);

/* In a trap with this cause and value: true iff the input can continue, since it only lacked memory. */
bool memory_map(uintptr_t cause, uintptr_t value);

/* After an input, and memory_leave: takes its memory away, and appends to *line what it has used, or nothing
 * if that is always the same. Returns NULL, or what is wrong: something differs from before the input. */
const char *memory_close_input(size_t index, struct line *line);

#endif
