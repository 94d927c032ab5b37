/* An executor on a host: its arena from the operating system, its tables, subject_under_test, every oracle
 * on. The libFuzzer target, the kmemfuzz tool, the benchmark and the tests use it. */
#ifndef KMEM_HOST_H
#define KMEM_HOST_H

#include "fuzz/execute/executor.h"

/* The one executor of this process, ready for executor_start, with room for slot_capacity slots, a multiple
 * of 64, and for a program's largest region. Later calls return the same one, with its first slot capacity.
 * Prints why and exits with code 2 when the subject's table has a fault (subject_table.h), and with code 3
 * when there is no memory. */
struct executor *host_executor(size_t slot_capacity);

/* Lets host_executor keep a copy of the region from the next start on, where it can: steps then cost less. Or
 * no longer. */
void host_keep_copy(bool wanted);

#endif
