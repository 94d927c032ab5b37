/* The defect that a heap of this folder has, for tests of the harness: 0 is none, and each heap's own file
 * numbers its others from 1. In a program of this folder the environment's SUBJECT_DEFECT chooses it
 * (under_test.c); a file that is compiled by itself has it on the command line. */
#ifndef KMEM_DEFECT_H
#define KMEM_DEFECT_H

#ifdef SUBJECT_DEFECT
#define subject_defect SUBJECT_DEFECT
#else
extern int subject_defect;
#endif

#endif
