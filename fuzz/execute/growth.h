/* How a heap without a view grows: it asks subject_more, or is given regions when it has refused a request.
 */
#ifndef KMEM_GROWTH_H
#define KMEM_GROWTH_H

#include "fuzz/execute/state.h"

/* Forgets the growth of the run before, and takes asks for this one. */
void growth_start(struct executor *executor);

/* Gives the heap another region, if the step's request was refused, there is one left, and the program's page
 * source does not refuse. Returns the verdict on that call. */
__attribute__((warn_unused_result)) struct verdict growth_after(struct executor *executor,
                                                                const struct step *step);

/* Do size bytes at offset lie in one of the heap's regions? */
bool growth_is_inside(const struct executor *executor, size_t offset, size_t size);

/* Bytes in all regions. */
size_t growth_size(const struct executor *executor);

#endif
