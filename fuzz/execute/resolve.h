/* From an operation to a call. resolve.c tells the rules.
 *
 * May be here: that one step, for the executor. May not: anything that changes a heap or a slot. */
#ifndef KMEM_RESOLVE_H
#define KMEM_RESOLVE_H

#include "fuzz/execute/state.h"

/* Fills *step with what the operation means in the executor's present state: the call, its slot, pointer,
 * sizes. The predicted and observed members are left for the executor. */
void resolve(const struct executor *executor, const struct operation *operation, struct step *step);

#endif
