/* Whose fault it is where a subject fails: its heap's, or its adapter's, the source of its author's that has
 * the table. That is known of subjects that kmem_foreign_heap (CMake) builds from two sources or more. */
#ifndef KMEM_ADAPTER_H
#define KMEM_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz/host/abort.h"

/* In a handler, or further in than the call of a subject: where the innermost function of the subject's is; 0
 * when it cannot be found. *only: it is the adapter's, and no function of the heap's has called it. Cost:
 * that of reading the stack. */
uintptr_t adapter_find(bool *only);

/* Is a file, as an assertion names it, an adapter? */
bool adapter_is(const char *file);

/* Finds the line of what adapter_find has found, if it can, and lets place->in_adapter be false where that is
 * code of the heap's headers, which lies in the adapter's functions as well. */
void adapter_find_line(uintptr_t pc, struct assertion *place);

#endif
