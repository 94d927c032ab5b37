/* A program as one C file that needs the core and the C library, and nothing of the harness.
 *
 * The file makes the calls the program means, one after another, with computed sizes and addresses, and says
 * after each what it must give. Its helpers are always the same (reproducer_helpers.h). It ends with 0 on a
 * sound heap, and in a failed assertion that names the oracle on one that fails the program in the harness:
 *   - for a violation it has the operations up to the one that broke the rule, what each must give, and asks
 *     that rule after the last;
 *   - for a death it has the operations up to the one the subject died in;
 *   - for a sound program it has every operation and asks every oracle after each. */
#ifndef KMEM_REPRODUCER_H
#define KMEM_REPRODUCER_H

#include <stdio.h>

#include "fuzz/host/recording.h"

extern const char reproducer_helpers[]; /* reproducer_helpers.h, embedded by the build */

/* Of other heaps the file is another (reproducer_heap.h), and there is none of one that has a view and no
 * names. Is there one for the subject under test? */
bool reproducer_is_possible(void);

/* Writes the file for a program to stream. recording is of its run; name is the program's name in the
 * comment. Returns false iff memory ran out; the caller checks with ferror whether all was written. */
bool reproducer_write(const struct program *program, const struct recording *recording, const char *name,
                      FILE *stream);

#endif
