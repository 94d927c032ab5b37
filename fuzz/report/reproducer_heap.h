/* A run as one C file that calls the functions of any heap but kmem.
 *
 * It makes the calls that the run made, one after another, and asks after each what a heap owes its callers.
 * Its helpers are always the same (reproducer_heap_helpers.h). It ends with 1 if a property is broken, with 0
 * if none is although all calls were made, and with 2, having said why, if neither can be said: such a file
 * never ends with 0 for a failure that it cannot see. */
#ifndef KMEM_REPRODUCER_HEAP_H
#define KMEM_REPRODUCER_HEAP_H

#include <stdio.h>

#include "fuzz/host/recording.h"

extern const char reproducer_heap_helpers[]; /* reproducer_heap_helpers.h, embedded by the build */

/* Writes the file for a program's recorded run with the subject under test to stream; name is the program's
 * name in the comment. The caller checks with ferror whether all was written. */
void reproducer_heap_write(const struct program *program, const struct recording *recording, const char *name,
                           FILE *stream);

#endif
