/* A proof in several processes: command_prove.c says what is to be looked at, prover.c has it looked at. */
#ifndef KMEM_PROVER_H
#define KMEM_PROVER_H

#include <signal.h>
#include <sys/types.h>

#include "fuzz/search/close.h"

#define PROVER_JOBS ((size_t)64) /* at most */

struct prover {
    /* Set by the caller. */
    struct close close; /* open; its depths are memory that processes share */
    size_t job_count;
    size_t length;  /* of the sequences from each layout; 0: operations */
    size_t longest; /* of those there will be: the progress shown is theirs */
    bool shows;     /* progress, on standard error */

    uint64_t done;             /* layouts that were looked at, for the longest */
    uint64_t transition_count; /* steps, or sequences */
    double start;              /* seconds */

    /* Private to prover.c. */
    struct prover_share *share;             /* what all processes see */
    pid_t processes[PROVER_JOBS];           /* of the jobs; 0: it has ended */
    struct close_place places[PROVER_JOBS]; /* where each was when it last came further */
    uint64_t pieces[PROVER_JOBS];           /* and in which piece of the layouts */
    uint32_t waits[PROVER_JOBS];            /* since then */
};

/* Ctrl-C was pressed since prover_open: what is under way ends at once. */
extern volatile sig_atomic_t prover_interrupted;

/* size zeroed bytes that processes share. Prints why there are none, and ends the process then. */
void *prover_share(size_t size);

/* Begins: the clock, the memory of the jobs, and hearing Ctrl-C. */
void prover_open(struct prover *prover);

/* Seconds since then. */
double prover_seconds(const struct prover *prover);

/* Looks at all layouts of a depth, in children. Returns where a violation was found, or where a child died or
 * did not come further: of several the first, whatever the number of jobs. NULL: nowhere. */
const struct close_place *prover_look(struct prover *prover, uint8_t depth);

/* After that: were all looked at? Not if it was interrupted, or something else killed a child. */
bool prover_is_done(const struct prover *prover);

#endif
