/* A subject that is this project's heap until it is asked for a size that kills: what the tests of isolation
 * run.
 *
 * Asked for less than DEADLY_SIZE bytes it is sound. Each way to die has a range of sizes of its own, so that
 * a program says which it wants, and a reduction has something to shrink. */
#ifndef KMEM_DEADLY_SUBJECT_H
#define KMEM_DEADLY_SUBJECT_H

#include "fuzz/execute/subject.h"

#define DEADLY_SIZE ((size_t)1000) /* bytes; each way takes the next hundred */

enum death {
    DEATH_SIGNAL,       /* 1000: a read of an address that no one has */
    DEATH_OTHER_SIGNAL, /* 1100: the same, in another function */
    DEATH_ABORT,        /* 1200 */
    DEATH_HANG,         /* 1300: computes for ever */
    DEATH_EXIT,         /* 1400: ends the process with status 7 */
    DEATH_POISON,       /* 1500: a read of poisoned memory; where there is no poison, a signal */
    DEATH_UNDEFINED,    /* 1600: an overflow of signed numbers; where nothing looks, sound */
    DEATH_STACK,        /* 1700: recursion without an end */
    DEATH_MEMORY,       /* 1800: asks for memory until there is no more, then aborts */
    DEATH_NOISE,        /* 1900: prints, then aborts */
    DEATH_TRAP,         /* 2000: an instruction there is none of */
    DEATH_SLEEP,        /* 2100: waits for ever */
    DEATH_ORPHAN,       /* 2200: ends with status 7, and leaves a process behind (see deadly_leash) */
    DEATH_FLOOD,        /* 2300: prints 32 MiB; aborts if more than 16 MiB of that went anywhere */
    DEATH_ASSERTION,    /* 2400: an assertion that fails */
    DEATH_KILL,         /* 2500: as when the system ends it for its memory */
    DEATH_COUNT
};

#define DEADLY_WRONG_SIZE ((size_t)3000) /* bytes: from here on it does not die, but answers NULL */

/* The size that brings on a death. */
#define DEADLY(death) ((int32_t)(DEADLY_SIZE + 100 * (size_t)(death)))

struct subject deadly_subject(void);

/* A pipe that the caller may open. What is left behind ends when its writing end is closed: at once where
 * there is none. */
extern int deadly_leash[2];

#endif
