/* Runs a program under the debugger: finds the operation it fails in, and starts gdb on this tool, stopped
 * before it. */
#ifndef KMEM_DEBUGGER_H
#define KMEM_DEBUGGER_H

#include "fuzz/execute/executor.h"
#include "fuzz/host/exit_code.h"

#define DEBUGGER_FAILING SIZE_MAX /* the operation: the one that fails, the first of a sound program */

#define DEBUGGER_COMMANDS "a file with commands for gdb" /* what the option for one needs */

struct debugger_options {
    size_t operation;     /* number of the operation to stop before, from 0, or DEBUGGER_FAILING */
    const char *commands; /* file of gdb commands to run at the stop, before gdb ends; NULL: interactive */
};

/* Runs program once in a process of its own, with the executor's oracles, to find the operation; then starts
 * gdb on `kmemfuzz ARGUMENTS...`, NULL-terminated, which must run the same program. Prints what it found to
 * standard error. Returns when gdb has ended: EXIT_SOUND; or, having printed why, EXIT_USAGE (there is no
 * such operation) or EXIT_ENVIRONMENT (gdb or its support is missing, or has failed). */
__attribute__((warn_unused_result)) enum exit_code debugger_run(struct executor *executor,
                                                                const struct program *program,
                                                                char *const *arguments,
                                                                const struct debugger_options *options);

#endif
