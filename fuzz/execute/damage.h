/* Makes a call on a heap with one damaged header, and restores the heap.
 *
 *     save region and heap -> change a header -> call -> judge the answer -> put everything back
 *
 * So a damage is one operation like any other: what follows it in the program finds a sound heap. */
#ifndef KMEM_DAMAGE_H
#define KMEM_DAMAGE_H

#include "fuzz/execute/state.h"

#define DAMAGE_REGION_MAXIMUM ((size_t)16384) /* bytes; in a larger region nothing is damaged */

/* Makes step's call while its header is damaged, notes the answer in the step, judges it, and restores
 * region, heap structure and poison. For steps of CALL_DAMAGED: the subject reports damage, and the model is
 * exact. Cost: the region is copied twice and compared once. */
__attribute__((warn_unused_result)) struct verdict damage_perform(struct executor *executor,
                                                                  struct step *step);

#endif
