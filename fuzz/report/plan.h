/* The plan of a program: every step resolved to a call with pointers and sizes, and what it must return, when
 * the heap does exactly what the model says.
 *
 * It comes from the executor itself, run on a subject that has no heap and answers as predicted, so it
 * depends on no allocator, and on no bug of one. */
#ifndef KMEM_PLAN_H
#define KMEM_PLAN_H

#include "fuzz/execute/executor.h"

struct plan {
    struct step *steps; /* the program's, then those of the recovery; from malloc */
    size_t step_count;
};

/* Makes the plan of a program, on host_executor's memory; not during a run. The caller closes it.
 * Returns false iff memory ran out. */
__attribute__((warn_unused_result)) bool plan_make(const struct program *program, struct plan *plan);

void plan_close(struct plan *plan);

#endif
