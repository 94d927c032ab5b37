/* A copy of the region as the last step left it. A step may change the headers around its block and the
 * payload it returns; where every other byte is as it was, no other payload needs to be compared with its
 * pattern. Unlike traced stores (stores.h), it works with every compiler, and sees what any code has
 * changed. */
#ifndef KMEM_COPY_H
#define KMEM_COPY_H

#include "fuzz/execute/state.h"

/* Takes a copy of all that is live. For a heap that did not come about by steps. */
void copy_take(struct executor *executor);

/* Has the step changed nothing but the headers around its block, the payload it returns and what is free
 * behind the last live block? Then every other live payload holds what it held. Call it once after every
 * step, when the payload has its pattern: the copy is then as the step left the heap. False where there is no
 * copy, or no view of the heap. Cost: memcmp of the region up to the last live block. */
bool copy_holds(struct executor *executor, const struct step *step);

#endif
