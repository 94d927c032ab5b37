/* The end of this process by a signal, a sanitizer or a hang: whether the subject caused it, we did, or the
 * sanitizer itself failed, and the exit code for it. Deaths in child processes are fuzz/host's. */
#ifndef KMEM_DEATH_H
#define KMEM_DEATH_H

#include <stddef.h>

/* From now on this process ends with EXIT_VIOLATION and the report's last words when it dies while that is
 * expected; with EXIT_INTERNAL and a line that says so when it dies at any other time; and with
 * EXIT_ENVIRONMENT when a sanitizer gives up on its own. */
void death_watch(void);

/* The subject runs a program of so many operations in this process, and may kill it. If that takes three
 * times what a run in a child is given (ISOLATED_LIMIT_MILLISECONDS), the process ends as by a signal. */
void death_expect(size_t operation_count);

/* The subject no longer runs. */
void death_expect_none(void);

/* The command is over: anything a sanitizer still reports, such as a leak, is our own bug. */
void death_at_end(void);

#endif
