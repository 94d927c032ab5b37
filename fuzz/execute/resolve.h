/* From an operation to a call; see resolve.c. */
#ifndef KMEM_RESOLVE_H
#define KMEM_RESOLVE_H

#include "fuzz/execute/executor.h"

/* Fills *step with what the operation means in the executor's present state: the call, its slot, pointer,
 * sizes. The predicted and observed members are left for the executor. */
void resolve(const struct executor *executor, const struct operation *operation, struct step *step);

#endif
