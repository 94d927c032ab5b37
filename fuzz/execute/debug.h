/* Places for a debugger to stop a run at: before an operation, and where an oracle has just objected. They do
 * nothing, and no run depends on them; a debugger finds them by name, in optimised code too
 * (fuzz/gdb/kmem_gdb.py). */
#ifndef KMEM_DEBUG_H
#define KMEM_DEBUG_H

#include "fuzz/execute/executor.h"

/* The executor that last announced a step, for commands of the debugger; NULL before. */
extern const struct executor *volatile debug_executor;

/* Calls the places below. */
extern const struct observer debug_observer;

/* Before every step; after one whose verdict is not sound. */
void debug_operation(size_t index, const struct step *step);
void debug_violation(const struct verdict *verdict, const struct step *step);

#endif
