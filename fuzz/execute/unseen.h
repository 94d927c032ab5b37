/* The oracles that only a subject without a view needs: with one, the model and the invariants say more. */
#ifndef KMEM_UNSEEN_H
#define KMEM_UNSEEN_H

#include "fuzz/execute/state.h"

/* Judges the heap just started, for which it allocates and frees a byte: its own check; and, in a region that
 * no control block fills, liveness. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_start(const struct executor *executor);

/* Judges a payload just returned, before anything relies on it: was more granted than there is? */
__attribute__((warn_unused_result)) struct verdict unseen_judge_payload(const struct executor *executor,
                                                                        const struct step *step);

/* Asks the heap's own check, if it has one. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_heap(const struct executor *executor);

/* Is the program to be run again in the heap that it has emptied? */
bool unseen_repeats(const struct executor *executor);

/* Judges the second run by the payloads granted in the first. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_leak(const struct executor *executor,
                                                                     size_t first_grant_count);

#endif
