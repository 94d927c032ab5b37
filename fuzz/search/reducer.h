/* What the passes of the reducer share: the smallest program so far, a draft to change, and the one way from
 * the former to the latter and back.
 *
 * A pass takes a fresh draft, changes it, and tries it; a draft that is smaller and fails becomes the best.
 * Nothing else does, so every pass ends, and so does their repetition: reduce_order is well-founded. */
#ifndef KMEM_REDUCER_H
#define KMEM_REDUCER_H

#include "fuzz/search/reduce.h"

/* A program taken apart. */
struct draft {
    struct program_header header;
    struct operation *operations;
    size_t count;
};

struct reducer {
    struct reduction *reduction;
    struct draft best;  /* fails, and is canonical */
    struct draft next;  /* what the current pass changes */
    bool *doomed;       /* one for each operation, for passes to mark */
    uint8_t *bytes;     /* of the draft that is tried */
    uint64_t *rejected; /* hashes of failed candidates, so that they are not tried again; may forget some */
};

/* Makes a program the best, if it fails; otherwise says why not. Whatever it returns, reducer_close frees the
 * memory. */
__attribute__((warn_unused_result)) enum reduce_outcome reducer_open(struct reducer *reducer,
                                                                     const struct program *program);
void reducer_close(struct reducer *reducer);

/* Hands the best over to the reduction, whose bytes it then owns. */
void reducer_result(struct reducer *reducer);

/* A copy of the best, to change. It stays the reducer's; the previous one is lost. */
struct draft *reducer_draft(struct reducer *reducer);

/* Makes the draft the best iff it is smaller and fails. Returns whether it did. */
bool reducer_try(struct reducer *reducer);

/* Clears all marks; then, with operations marked, tries the best without them. */
void reducer_spare_all(struct reducer *reducer);
bool reducer_try_without_doomed(struct reducer *reducer);

/* Does this kind of operation allocate into an empty slot? */
bool operation_allocates(enum operation_kind kind);

/* Does it have a size, and that a literal? */
bool operation_is_literal(const struct operation *operation);

/* The order of reduce_order, of drafts. */
int order_drafts(const struct draft *left, const struct draft *right);

/* Shrinks a number: calls attempt(context, value) with values below `value`, which is known to hold, first as
 * if all above some bound held (bisection), then, because they need not, with each of the least
 * EXHAUSTED_VALUES, from 0 on. attempt says whether the value holds. Returns the smallest that does. */
#define EXHAUSTED_VALUES UINT32_C(256)
typedef bool shrink_attempt(void *context, uint32_t value);
uint32_t shrink_number(uint32_t value, shrink_attempt *attempt, void *context);

/* Disabled kinds mean nothing once a program is decoded; removed first, so that other passes can choose
 * kinds. */
void reduce_disabled_kinds(struct reducer *reducer);

/* The passes. Each is repeated until none makes the program smaller. */
void reduce_operations(struct reducer *reducer);
void reduce_slots(struct reducer *reducer);
void reduce_operands(struct reducer *reducer);
void reduce_header(struct reducer *reducer);

#endif
