/* Places for a debugger to stop a run at: before an operation, and where an oracle has just objected. They do
 * nothing, and no run depends on them; a debugger finds them by name, in optimised code too
 * (fuzz/gdb/kmem_gdb.py). */
#ifndef KMEM_DEBUG_H
#define KMEM_DEBUG_H

#include "fuzz/execute/executor.h"

/* The executor that last announced a step, for commands of the debugger; NULL before. */
extern const struct executor *volatile debug_executor;

/* Called by an observer before each step, as its `before` is, and after it, as its `after` is. */
void debug_before(const struct executor *executor, const struct step *step);
void debug_after(const struct executor *executor, const struct step *step, struct verdict verdict);

/* The places themselves: debug_before calls the one for every step, debug_after the other when the verdict
 * is not sound. */
void debug_operation(size_t index, const struct step *step);
void debug_violation(const struct verdict *verdict, const struct step *step);

#endif
