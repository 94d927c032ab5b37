/* What is wrong with a subject's table itself, so that an author's slip is not reported as the heap's fault.
 */
#ifndef KMEM_SUBJECT_TABLE_H
#define KMEM_SUBJECT_TABLE_H

#include "fuzz/execute/subject.h"

/* A member that is required and NULL, or a fact that cannot be or that contradicts the members, as what
 * follows "the table": "has no alloc". NULL: nothing. */
const char *subject_table_fault(const struct subject *subject);

#endif
