/* How a violation of the heap ends a process: in a function of its own for each oracle, so that tools that
 * distinguish crashes by their stack distinguish violations. The heap's fuzz target uses it; the others have
 * fuzz/libfuzzer/rule.h. */
#ifndef KMEM_VIOLATION_H
#define KMEM_VIOLATION_H

/* Aborts in the function named after the oracle, such as violation_FREE_MERGED(). */
__attribute__((noreturn)) void violation_abort(unsigned oracle);

#endif
