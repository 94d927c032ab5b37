/* How a program ends: sound, with a violation, or with the death of the subject, and how far it came. The run
 * is made in a child process (isolated.h), so that a subject that crashes or hangs takes nothing with it.
 *
 * May be here: one run, and what came of it. May not: processes, printing, files, what to do about it. */
#ifndef KMEM_OUTCOME_H
#define KMEM_OUTCOME_H

#include "fuzz/execute/executor.h"

#define OUTCOME_REPORT_SIZE   ((size_t)65536) /* bytes of what a dying subject wrote that are kept */
#define OUTCOME_FUNCTION_SIZE 128             /* bytes */
#define OUTCOME_FILE_SIZE     256             /* bytes */

enum ending {
    ENDING_SOUND,
    ENDING_VIOLATION, /* an oracle objected: verdict says which */
    ENDING_SANITIZER, /* AddressSanitizer or UBSan reported */
    ENDING_SIGNAL,    /* it died of a signal: number says which */
    ENDING_HANG,      /* a step did not come back */
    ENDING_EXIT,      /* the subject ended the process: number is the exit code */
};

struct outcome {
    enum ending ending;
    struct verdict verdict;           /* sound unless ending is ENDING_VIOLATION */
    bool has_step;                    /* a step was begun: the last one is step */
    struct step step;                 /* as it was before the call when the subject died in it */
    size_t operation_count;           /* steps done, those of the recovery included */
    uint64_t digest;                  /* of the steps done; the program's when it is sound */
    int number;                       /* when ending is ENDING_SIGNAL or ENDING_EXIT */
    char report[OUTCOME_REPORT_SIZE]; /* what the child printed, with its NUL */
};

/* A place in the core. */
struct outcome_place {
    char function[OUTCOME_FUNCTION_SIZE];
    char file[OUTCOME_FILE_SIZE]; /* relative to the tree, such as src/kmem.c */
    unsigned long line;           /* from 1 */
};

/* Runs the program with these oracles (ORACLE_BITs) on host_executor's subject and fills *outcome. Returns
 * false, with errno set, iff there was no memory to share with a child; ends the process as isolated_examine
 * when there was no child. Cost: a fork. */
__attribute__((warn_unused_result)) bool outcome_find(const struct program *program, uint64_t oracles,
                                                      struct outcome *outcome);

/* The innermost function of src/ that a sanitizer's report names. Returns false iff it names none: no
 * symbolizer, or no stack. */
bool outcome_place(const char *report, struct outcome_place *place);

/* The id and the sentence of what an unsound outcome broke: the oracle's, or, when the subject died,
 * "sanitizer", "signal", "hang" or "exit" and what each means. */
const char *outcome_id(const struct outcome *outcome);
const char *outcome_sentence(const struct outcome *outcome);

/* The same for a way to die; NULL for an ending that is none. */
const char *outcome_death_id(enum ending ending);
const char *outcome_death_sentence(enum ending ending);

#endif
