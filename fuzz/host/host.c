/* The host's executor. host.h is the contract. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "fuzz/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fuzz/host/exit_code.h"
#include "fuzz/host/globals.h"
#include "fuzz/host/guard.h"
#include "fuzz/host/subject_table.h"

/* size zeroed bytes that live as long as the process. Not from malloc, whose memory AddressSanitizer guards
 * and counts for itself. */
static void *map(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "kmem: no memory for the harness: %zu bytes were refused\n", size);
        exit(EXIT_ENVIRONMENT);
    }
    return memory;
}

/* Memory for the arena, aligned, with room for the guards: cut out of more than is needed, of which only what
 * is used costs anything. */
static struct arena map_arena(void) {
    unsigned char *const memory = map(ARENA_CAPACITY + 2 * ARENA_ALIGNMENT + ARENA_GUARD_SIZE);
    const uintptr_t first = (uintptr_t)memory + ARENA_GUARD_SIZE;
    const size_t skip = (size_t)(0 - first) % ARENA_ALIGNMENT;
    return (struct arena){.base = memory + ARENA_GUARD_SIZE + skip, .capacity = ARENA_CAPACITY};
}

static void require_table(const struct subject *subject) {
    const char *const fault = subject_table_fault(subject);
    if (fault != NULL) {
        fprintf(stderr,
                "kmem: error: the table of the subject %s; fuzz/execute/subject.h says what it needs\n",
                fault);
        exit(EXIT_USAGE);
    }
}

struct executor *host_executor(size_t slot_capacity) {
    static struct executor executor;
    if (executor.subject != NULL) {
        return &executor;
    }
    require_table(subject_under_test);
    executor.subject = subject_under_test;
    executor.oracles = ORACLE_ALL;
    executor.guard = &host_guard;
    executor.repeats = true;
    executor.restore = executor.subject->reset == NULL ? globals_keep() : NULL;
    executor.arena = map_arena();
    executor.tables = (struct executor_tables){
        .slots = map(slot_capacity * sizeof(struct slot)),
        .live = map((slot_capacity + 1) * sizeof(struct live_block)),
        .live_bits = map(slot_capacity / 8),
        .stale_bits = map(slot_capacity / 8),
        .slot_capacity = slot_capacity,
    };
    executor_prepare(&executor);
    return &executor;
}
