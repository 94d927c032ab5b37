/* The reducer: makes a failing program as small as it can be, without knowing what failing means.
 *
 * It changes operations, their operands and the heap's geometry, never bytes: every candidate is a meaningful
 * program, and the result is canonical. docs/reduction.md lists the passes and says what is minimal about the
 * result. Deleting in blocks is delta debugging (Zeller, Hildebrandt, IEEE TSE 2002); the order, and
 * shrinking sizes by bisection, are from property testing.
 *
 * How a program is run and what a failure is are the caller's (fuzz/host/reduced.h). Needs a host: its memory
 * is from malloc. */
#ifndef KMEM_REDUCE_H
#define KMEM_REDUCE_H

#include "fuzz/program/program.h"

/* Does the program still fail in the same way? Must return the same for the same program. The program is
 * canonical, and belongs to the reducer: it is gone after the call. */
typedef bool reduce_predicate(void *context, const struct program *program);

struct reduction {
    /* Set by the caller. */
    reduce_predicate *fails;
    void *context;
    size_t replay_limit; /* predicates called at most; after that the smallest found so far is the result */

    /* The result. */
    uint8_t *bytes; /* the reduced program, canonical; from malloc, the caller's; NULL unless REDUCE_DONE */
    size_t size;
    size_t replay_count; /* predicates called */
    size_t step_count;   /* of these, how many made the program smaller */
};

enum reduce_outcome {
    REDUCE_DONE,
    REDUCE_NOT_FAILING, /* the given program does not fail */
    REDUCE_NO_MEMORY,
};

/* Reduces a program. With REDUCE_DONE reduction->bytes fails as the given program does, and is not greater by
 * reduce_order. Unless the limit stopped it, none of the changes that docs/reduction.md lists makes it still
 * smaller and keeps it failing. Deterministic: the same program and answers give the same bytes. Cost: the
 * replays; every other step is linear in the operations. */
__attribute__((warn_unused_result)) enum reduce_outcome reduce(const struct program *program,
                                                               struct reduction *reduction);

/* The order programs are reduced in: negative when left is smaller than right, 0 when they mean the same,
 * positive otherwise. A program is smaller when it has fewer operations; else, when its heap is simpler (less
 * growth, fewer refusals, fewer bytes, fewer pages, fewer slots); else, when the first operation in which the
 * two differ is simpler (kind by its code, then way, size, alignment or count, step, slot). A literal is
 * simpler than any size that follows the heap; amounts are simpler the nearer they are to 0. Well-founded:
 * there is no endless chain of programs each smaller than the one before. */
int reduce_order(const struct program *left, const struct program *right);

#endif
