/* What a person sees of a run, during it or right after it: the report of a violation, the trace of every
 * step, the last words of a process that dies. The libFuzzer target and the tool use it. */
#ifndef KMEM_REPORT_H
#define KMEM_REPORT_H

#include <stdio.h>

#include "fuzz/execute/executor.h"

/* Runs the program once more, compares everything after each step, and prints its report to stream: which
 * rule was broken and its sentence, the operation, the values, the last operations, the heap before and
 * after, and `replay`, the command that runs it again. Returns the verdict printed: that of the run before,
 * or, where that run was spared comparisons, an earlier one; sound if the violation did not happen again. The
 * executor is left ready for executor_start. */
struct verdict report_violation(struct executor *executor, const struct program *program, const char *replay,
                                FILE *stream);

/* Runs the program and prints every step, with the digest so far and the heap after it, to stream. Returns
 * the verdict, as executor_run. */
__attribute__((warn_unused_result)) struct verdict report_trace(struct executor *executor,
                                                                const struct program *program, FILE *stream);

/* Prints how far a run has got that is about to die in the subject: what the sanitizer's report or a signal
 * does not say. May be called at any moment of a run that report_watch has started. */
void report_last_words(FILE *stream);

/* Makes the executor remember each step of its next run for report_last_words. replay is the command that
 * runs the same program again, and is kept. */
void report_watch(struct executor *executor, const char *replay);

#endif
