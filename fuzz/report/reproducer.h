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

#include "fuzz/host/outcome.h"
#include "fuzz/report/plan.h"

extern const char reproducer_helpers[]; /* reproducer_helpers.h, embedded by the build */

/* A C file calls this project's heap: can there be one for the subject under test? */
bool reproducer_is_possible(void);

/* Writes the file for a program to stream. outcome is how it ended, plan is its plan; name is the program's
 * name in the comment. The caller checks with ferror whether all was written. */
void reproducer_write(const struct program *program, const struct outcome *outcome, const struct plan *plan,
                      const char *name, FILE *stream);

#endif
