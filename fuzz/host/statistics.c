/* The counters' file. statistics.h is the contract. */
#include "fuzz/host/statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/host/exit_code.h"

__attribute__((noreturn)) static void end_unwritable(const char *path) {
    fprintf(stderr, "kmem: cannot write the file %s that KMEM_STATISTICS names: %s\n", path, strerror(errno));
    exit(EXIT_ENVIRONMENT);
}

struct statistics *statistics_open(void) {
    static struct statistics private_counters;
    const char *const path = getenv("KMEM_STATISTICS");
    if (path == NULL) {
        return &private_counters;
    }
    const int file = open(path, O_RDWR | O_CREAT, 0644);
    if (file < 0 || ftruncate(file, sizeof private_counters) != 0) {
        end_unwritable(path);
    }
    void *const shared = mmap(NULL, sizeof private_counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED) {
        end_unwritable(path);
    }
    close(file);
    return shared;
}

void statistics_count(struct statistics *statistics, uint64_t operation_count,
                      uint64_t program_operation_count) {
    __atomic_fetch_add(&statistics->executions, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&statistics->operations, operation_count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&statistics->program_operations, program_operation_count, __ATOMIC_RELAXED);
}
