/* How a program ends: sound, with a violation, or with the death of the subject; and what is known of the run
 * in any case. */
#ifndef KMEM_OUTCOME_H
#define KMEM_OUTCOME_H

#include "fuzz/execute/executor.h"
#include "fuzz/host/abort.h"
#include "fuzz/host/exit_code.h"
#include "fuzz/host/failure.h"

struct outcome {
    struct failure failure; /* how it failed; FAILURE_NONE: it is sound */
    bool passed_over;       /* the subject could not make a heap of the region: nothing was judged */
    unsigned set_aside;     /* the oracle of the violation that ended a sound run and is set aside; 0: none */
    bool has_step;          /* a step was begun: the last one is step */
    struct step step;       /* as it was before the call when the subject died in it */
    struct assertion place; /* where a guarded call was ended (guard.h), or a subject of others died; its line
                             * is 0: unknown, or neither was */
    size_t operation_count; /* steps done, those of the recovery included */
    uint64_t digest;        /* of the steps done; the program's when it is sound */
    char *report; /* what the run printed, such as a sanitizer's report; from malloc, ends in a NUL */
};

/* Runs the program with these oracles (ORACLE_BITs) on host_executor's subject, in a child process, and fills
 * *outcome, which the caller closes. When there is no child, prints why and ends the process with
 * EXIT_ENVIRONMENT. Cost: a fork. */
void outcome_find(const struct program *program, uint64_t oracles, struct outcome *outcome);

void outcome_close(struct outcome *outcome);

/* Prints that the program at path was not judged, as no heap starts in its region, of how many bytes that is,
 * and which facts would say what the heap takes. Returns EXIT_USAGE. */
enum exit_code outcome_refuse_unjudged(const char *path, const struct program *program);

/* Did the subject die, rather than break a rule or be sound? */
bool outcome_is_death(const struct outcome *outcome);

/* The id and the sentence of what an unsound outcome broke: the oracle's, or, when the subject died,
 * "sanitizer", "signal", "hang" or "exit" and what each means. */
const char *outcome_id(const struct outcome *outcome);
const char *outcome_sentence(const struct outcome *outcome);

/* The same for a way to die; NULL for any other kind. */
const char *outcome_death_id(enum failure_kind kind);
const char *outcome_death_sentence(enum failure_kind kind);

#endif
