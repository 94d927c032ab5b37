/* The history of a program that may kill its process: recorded in a child.
 *
 * May be here: the child, how it ends, what it says. May not: what is recorded (history.h), drawing. */
#ifndef KMEM_RECORDING_H
#define KMEM_RECORDING_H

#include "fuzz/draw/history.h"

#define RECORDING_SECONDS    10    /* of the processor's time: a child that needs more hangs */
#define RECORDING_SAID_SIZE  65536 /* bytes kept of what a dying child says */
#define RECORDING_DEATH_SIZE 160   /* bytes: how it died, in a few words */

struct recording {
    struct history *history;
    bool hung;  /* the child was stopped for taking more than RECORDING_SECONDS */
    int signal; /* that ended the child; 0 when none did */
    char *said; /* what a child that died has written to standard error, such as a sanitizer's report; from
                   malloc, NUL-terminated, "" when nothing */
};

/* Runs the program in a child process with the host's executor and every oracle on, and records it. The
 * caller closes the recording. Prints why and exits with code 3 when no child can be had. */
struct recording recording_make(const struct program *program);

/* Did the subject kill the process that ran it, or hang? */
bool recording_died(const struct recording *recording);

/* How it ended that, in a few words, such as "Signal 11 (Segmentation fault)"; for a recording that died. */
const char *recording_death(const struct recording *recording, char buffer[RECORDING_DEATH_SIZE]);

void recording_close(struct recording *recording);

#endif
