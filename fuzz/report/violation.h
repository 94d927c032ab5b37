/* How a violation of the heap ends a process: in a function of its own for each oracle, so that tools that
 * tell crashes apart by their stack tell violations apart. The heap's fuzz target uses it; the others have
 * fuzz/libfuzzer/rule.h. */
#ifndef KMEM_VIOLATION_H
#define KMEM_VIOLATION_H

/* Aborts in the function named after the oracle, such as violation_FREE_MERGED(). */
__attribute__((noreturn)) void violation_abort(unsigned oracle);

#endif
