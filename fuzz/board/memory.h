/* Where inputs have their heap: in an arena that is always there (memory_fixed.c), or in virtual memory that
 * grows with the heap (memory_virtual.c, in two modes). Every image links one of the two.
 *
 *     memory_open -> for each input: memory_enter -> the executor -> memory_leave -> memory_close_input
 *                                                       ^   |
 *                                    memory_map <-- trap+   a page fault that is none: the input goes on
 *
 * May be here: what the image's files ask of memory. May not: how it is mapped. */
#ifndef KMEM_TARGET_MEMORY_H
#define KMEM_TARGET_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz/execute/arena.h"
#include "fuzz/execute/line.h"
#include "fuzz/execute/subject.h"
#include "fuzz/program/blob.h"

/* Once, before any input: says which arena the executor is to use. Returns NULL, or what is wrong. */
const char *memory_open(const struct blob *blob, struct arena *arena);

/* The subject as the executor is to be given it, so that memory hears of where a heap starts and how it
 * grows. There is one at a time. */
const struct subject *memory_subject(const struct subject *subject);

/* Around the run of an input. memory_leave also after the input was given up in a trap. */
void memory_enter(void);
void memory_leave(void);

/* In a trap with this cause and value: true iff the input may go on, since memory was all it lacked. */
bool memory_map(uintptr_t cause, uintptr_t value);

/* After an input, and memory_leave: takes its memory away, and appends to *line what it has used, or nothing
 * when that is always the same. Returns NULL, or what is wrong: something is not as before the input. */
const char *memory_close_input(size_t index, struct line *line);

#endif
