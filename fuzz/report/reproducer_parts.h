/* For reproducer*.c alone: what the parts of the reproducer share, that is, what is to be written. */
#ifndef KMEM_REPRODUCER_PARTS_H
#define KMEM_REPRODUCER_PARTS_H

#include "fuzz/report/reproducer.h"

#define REPRODUCER_ANSWERS (ORACLE_BIT(ORACLE_PLACEMENT) | ORACLE_BIT(ORACLE_REFUSAL_NAMED))
#define REPRODUCER_BLOCKS                                                                                    \
    (INVARIANT_BIT(INVARIANT_WALK_ENDS) | INVARIANT_BIT(INVARIANT_BLOCK_SIZE) |                              \
     INVARIANT_BIT(INVARIANT_BLOCK_TILING) | INVARIANT_BIT(INVARIANT_FREE_MERGED) |                          \
     INVARIANT_BIT(INVARIANT_TAKEN_IS_LIVE) | INVARIANT_BIT(INVARIANT_LIVE_IS_TAKEN) |                       \
     INVARIANT_BIT(INVARIANT_COUNTERS))
#define REPRODUCER_TABLE /* what needs the list of live payloads */                                          \
    (INVARIANT_AGREEMENT | ORACLE_BIT(ORACLE_DISJOINT))

struct reproducer {
    FILE *stream;
    const struct program *program;
    const struct outcome *outcome;
    const struct step *steps; /* those that are written */
    size_t step_count;
    uint64_t each; /* ORACLE_BITs of the checks after every step */
    uint64_t last; /* and after the last one; each is part of it */
    bool every;    /* each is everything: a sound program */
    bool table;    /* the file keeps a list of live payloads */
    bool death;    /* the last step is one the subject dies in */

    /* The state after the steps written so far. */
    size_t sizes[PROGRAM_SLOT_COUNT_MAXIMUM];   /* bytes asked for; 0: the slot is empty */
    size_t serials[PROGRAM_SLOT_COUNT_MAXIMUM]; /* index of the step that filled it */
    size_t offsets[PROGRAM_SLOT_COUNT_MAXIMUM]; /* of its payload */
};

static inline bool reproducer_asks(uint64_t oracles, unsigned oracle) {
    return (oracles >> oracle & 1) != 0;
}

/* Its finding is poison, which there is only under AddressSanitizer. */
static inline bool reproducer_finds_poison(const struct outcome *outcome) {
    return outcome->failure.kind == FAILURE_VERDICT && outcome->failure.verdict.oracle == ORACLE_POISON;
}

/* Facts of a step. */

/* Its call returns a pointer. */
static inline bool reproducer_returns_pointer(const struct step *step) {
    return step->call >= CALL_ALLOC && step->call <= CALL_REALLOC;
}

/* It must give a payload. */
static inline bool reproducer_has_payload(const struct step *step) {
    return step->predicted.offset != MODEL_NOTHING;
}

/* Its call returns a pointer, which must be NULL. */
static inline bool reproducer_gives_nothing(const struct step *step) {
    return reproducer_returns_pointer(step) && !reproducer_has_payload(step);
}

/* It calls the heap and must leave every header as it was. */
static inline bool reproducer_changes_nothing(const struct step *step) {
    return step->call != CALL_NONE && step->call != CALL_DAMAGED && !reproducer_has_payload(step) &&
           step->predicted.freed_offset == MODEL_NOTHING;
}

/* Is this true of any step that is written? */
bool reproducer_any(const struct reproducer *file, bool (*is)(const struct step *step));

/* Writes the functions that the checks call. */
void reproducer_write_checks(const struct reproducer *file);

/* Writes the statements of the heap's start, of every step, and of the end. */
void reproducer_write_steps(struct reproducer *file);

#endif
