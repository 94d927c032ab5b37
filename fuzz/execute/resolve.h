/* From an operation to a call, for the executor; resolve.c has the rules. It changes no heap and no slot. */
#ifndef KMEM_RESOLVE_H
#define KMEM_RESOLVE_H

#include "fuzz/execute/state.h"

/* Fills *step with what the operation means in the executor's current state: the call, its slot, pointer,
 * sizes. Leaves the predicted and observed members to the executor. */
void resolve(const struct executor *executor, const struct operation *operation, struct step *step);

#endif
