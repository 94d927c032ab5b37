/* The history of a program that may kill its process: recorded in a child, and kept when the child dies. */
#ifndef KMEM_RECORDING_H
#define KMEM_RECORDING_H

#include "fuzz/host/history.h"
#include "fuzz/host/outcome.h"

struct recording {
    struct history *history;
    struct outcome outcome; /* of the same run */
};

/* Runs the program in a child process with the host's executor and every oracle on, and records it. The
 * caller closes the recording. Prints why and exits with code 3 when there is no child. */
struct recording recording_make(const struct program *program);

/* Did the subject kill the process that ran it, or hang? */
bool recording_died(const struct recording *recording);

void recording_close(struct recording *recording);

#endif
