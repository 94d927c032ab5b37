/* A program as one C file that needs the core and the C library, and nothing of the harness.
 *
 * The file makes the calls the program means, one after another, with sizes and addresses worked out, and
 * says after each what it must give. Its helpers are always the same (reproducer_helpers.h). It ends with 0
 * on a heap that is sound, and in a failed assertion that names the oracle on one that fails the program in
 * the harness:
 *   - of a violation it has the operations up to the one that broke the rule, what each must answer, and asks
 *     that rule after the last;
 *   - of a death it has the operations up to the one the subject died in;
 *   - of a sound program it has every operation and asks every rule after each. */
#ifndef KMEM_REPRODUCER_H
#define KMEM_REPRODUCER_H

#include <stdio.h>

#include "fuzz/host/outcome.h"
#include "fuzz/report/plan.h"

extern const char reproducer_helpers[]; /* reproducer_helpers.h, embedded by the build */

/* Writes the file for a program to stream. outcome is how it ended, plan is its plan; name is what the
 * program is called in the comment. The caller asks ferror whether all was written. */
void reproducer_write(const struct program *program, const struct outcome *outcome, const struct plan *plan,
                      const char *name, FILE *stream);

#endif
