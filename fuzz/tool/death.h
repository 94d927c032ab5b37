/* The end of this process by a signal or a sanitizer: the subject's doing, ours, or the sanitizer's own
 * trouble.
 *
 * May be here: which of them it is, and the exit code that says so. May not: deaths in child processes
 * (fuzz/host). */
#ifndef KMEM_DEATH_H
#define KMEM_DEATH_H

#include <stdbool.h>

/* From now on this process ends with EXIT_VIOLATION and the report's last words when it dies while that is
 * expected; with EXIT_INTERNAL and a line that says so when it dies at any other time; and with
 * EXIT_ENVIRONMENT when a sanitizer gives up on its own. */
void death_watch(void);

/* The subject runs in this process, and may be its end; or does no more. */
void death_expect(bool expected);

/* The command is over: what a sanitizer still says, of leaks, is of our own. */
void death_at_end(void);

#endif
