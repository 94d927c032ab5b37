/* What a fuzz target has done so far, visible to other processes: no printing and no clock in the loop.
 *
 * When the environment variable KMEM_STATISTICS names a file, the counters are in it (three 64-bit numbers in
 * the machine's byte order, in the order of the structure), where fuzz/kmemfuzz/fuzzer.py reads them. Several
 * processes may count in one file. */
#ifndef KMEM_STATISTICS_H
#define KMEM_STATISTICS_H

#include <stdint.h>

struct statistics {
    uint64_t executions;         /* inputs run */
    uint64_t operations;         /* steps done and checked, recovery included */
    uint64_t program_operations; /* operations in the inputs */
};

/* The counters: in the file that KMEM_STATISTICS names, or in this process alone when there is none. Prints
 * why and exits with code 3 when the file cannot be made. */
struct statistics *statistics_open(void);

/* Adds one execution, the operations it did and checked, and those of its input. Safe while other processes
 * count. */
void statistics_count(struct statistics *statistics, uint64_t operation_count,
                      uint64_t program_operation_count);

#endif
