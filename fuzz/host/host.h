/* An executor on a host: its arena from the operating system, its tables, this project's allocator as its
 * subject, every oracle on.
 *
 * May be here: what a host program needs to have an executor. May not: what it does with it. Used by the
 * libFuzzer target, the kmemfuzz tool, the benchmark and the tests. */
#ifndef KMEM_HOST_H
#define KMEM_HOST_H

#include "fuzz/execute/executor.h"

/* The one executor of this process, ready for executor_start, with room for slot_capacity slots, a multiple
 * of 64, and for a program's largest region. Asked again it is the same one, and its slot capacity stays.
 * Prints why and exits with code 3 when there is no memory for it. */
struct executor *host_executor(size_t slot_capacity);

#endif
