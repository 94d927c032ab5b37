/* The host's executor. host.h is the contract. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "fuzz/tool/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fuzz/tool/exit_code.h"

#define CAPACITY PROGRAM_REGION_SIZE_MAXIMUM

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

/* Memory for the arena, aligned to its capacity, with room for the guards: cut out of three times as much, of
 * which only what is used costs anything. */
static struct arena map_arena(void) {
    unsigned char *const memory = map(3 * CAPACITY);
    const size_t past = (uintptr_t)memory % CAPACITY;
    const size_t to_boundary = past == 0 ? CAPACITY : CAPACITY - past;
    const size_t skip = to_boundary < ARENA_GUARD_SIZE ? to_boundary + CAPACITY : to_boundary;
    return (struct arena){.base = memory + skip, .capacity = CAPACITY};
}

struct executor *host_executor(size_t slot_capacity) {
    static struct executor executor;
    if (executor.subject != NULL) {
        return &executor;
    }
    executor.subject = &subject_kmem;
    executor.oracles = ORACLE_ALL;
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
