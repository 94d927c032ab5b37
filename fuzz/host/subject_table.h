/* What is wrong with a subject's table itself, so that an author's slip is not reported as the heap's fault.
 */
#ifndef KMEM_SUBJECT_TABLE_H
#define KMEM_SUBJECT_TABLE_H

#include <stdio.h>

#include "fuzz/execute/subject.h"

/* A member that is required and NULL, or a fact that cannot be or that contradicts the members, as what
 * follows "the table": "has no alloc". NULL: nothing. */
const char *subject_table_fault(const struct subject *subject);

/* Prints what is not tried on a subject without a view: the members it lacks, the facts that it does not
 * declare, and what its file caps and sets aside. At most a line of each; none where there is nothing. */
void subject_table_print_left_out(const struct subject *subject, FILE *stream);

/* Prints a line for each violation that the subject's file sets aside and no run has met, by the executor's
 * known_met: the bug may be fixed. */
void subject_table_print_unmet(const struct subject *subject, uint64_t known_met, FILE *stream);

#endif
