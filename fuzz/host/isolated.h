/* Runs programs where they can do no harm: in a child process. Whatever a program makes the subject do (break
 * a rule, trip a sanitizer, die of a signal, never return, end the process, ask for all memory), the caller
 * gets a report of it and continues. Nothing is printed on the terminal.
 *
 * A child serves one program after another until one ends it; then the next program gets a new child. A run
 * costs some ten microseconds more than in the caller's own process, and a few milliseconds more after one
 * that died.
 *
 * The reducer's judge (fuzz/host/reduced.h), outcomes, recordings and the debugger use it. */
#ifndef KMEM_ISOLATED_H
#define KMEM_ISOLATED_H

#include <sys/types.h>

#include "fuzz/execute/executor.h"
#include "fuzz/host/exit_code.h"
#include "fuzz/host/outcome.h"

/* A run's limits, unless the caller changes them: milliseconds of processor time, plus as many as the program
 * has operations; milliseconds of real time. */
#define ISOLATED_LIMIT_MILLISECONDS 1000u
#define ISOLATED_WAIT_MILLISECONDS  20000u

/* Lets SIGPROF come after that much processor time of this process; 0: never. */
void isolated_set_alarm(unsigned milliseconds);

struct isolated {
    /* May be changed between runs. */
    unsigned limit_milliseconds;        /* processor time after which a run is a hang, plus a millisecond for
                                         * each of its operations: so a busy machine makes no hang */
    unsigned wait_milliseconds;         /* real time, from its beginning, after which it is a hang too: for a
                                         * child that does not compute */
    bool fresh;                         /* a child for each program: no run can affect another */
    const struct isolated_hooks *hooks; /* for children started from then on; NULL: none */

    /* Private to isolated.c. */
    struct executor *executor;
    struct isolated_share *share; /* memory the child has in common with the caller */
    size_t capacity;              /* bytes of the largest program */
    pid_t child;                  /* 0: none */
    int socket;                   /* to the child */
    int report;                   /* file the child's output goes to; -1: nowhere */
};

/* What an examined run does besides running, all of it in the child. */
struct isolated_hooks {
    /* Runs the program, or what is to be run in its place, by executor_run; NULL: that alone. Its verdict is
     * the run's. */
    struct verdict (*run)(void *context, struct executor *executor, const struct program *program);

    /* Called once when the subject is about to die of a signal, a sanitizer's report or the time limit, at
     * any moment of the run: takes no lock and allocates nothing. address is the one that could not be
     * accessed, size how many bytes there; 0: unknown. NULL: not wanted. */
    void (*dying)(void *context, uintptr_t address, size_t size);

    void *context;
};

/* Opens a place to run programs of up to `capacity` bytes, with executor, which must be prepared, stays the
 * caller's, and is used only by children, as copies made when they start. Returns EXIT_SOUND, and the caller
 * closes *isolated; or prints why not and returns EXIT_ENVIRONMENT. */
__attribute__((warn_unused_result)) enum exit_code isolated_open(struct isolated *isolated,
                                                                 struct executor *executor, size_t capacity);

void isolated_close(struct isolated *isolated);

/* Runs a program of at most the capacity. Returns how it failed, FAILURE_NONE when it is sound. When no child
 * gets as far as the program, prints why and ends the process with EXIT_ENVIRONMENT. */
__attribute__((warn_unused_result)) struct failure isolated_run(struct isolated *isolated,
                                                                const struct program *program);

/* Did the last run judge nothing, as the subject could not make a heap of its region? */
bool isolated_passed_over(const struct isolated *isolated);

/* Milliseconds of processor time the last run took; 0 when the child died in it. */
double isolated_milliseconds(const struct isolated *isolated);

/* Runs one program in a child of its own, for as long as any program may take, and fills *outcome, which the
 * caller closes. Its report has what the child printed, on standard output or standard error, such as a
 * sanitizer's whole report with its stack: the first megabyte of it. After 16 megabytes output is lost,
 * whichever process prints it, and takes no memory. executor->observer, if any, is called in the child and
 * may print; hooks may be NULL. When there is no child, prints why and ends the process with
 * EXIT_ENVIRONMENT. */
void isolated_examine(struct executor *executor, const struct program *program,
                      const struct isolated_hooks *hooks, struct outcome *outcome);

#endif
