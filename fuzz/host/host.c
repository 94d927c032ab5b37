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
#include "src/port.h"

#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif
#define LOW_HINT ((uintptr_t)1 << 28) /* where no flag asks for it, what is free from here on is given */

/* size zeroed bytes that live as long as the process, below 4 GiB if asked for. Not from malloc, whose memory
 * AddressSanitizer guards and counts for itself. */
static void *map_where(size_t size, bool below_4_gib) {
    void *const memory = mmap((void *)(below_4_gib ? LOW_HINT : 0), size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | (below_4_gib ? MAP_32BIT : 0), -1, 0);
    const bool low = (uint64_t)(uintptr_t)memory + size <= UINT64_C(1) << 32;
    if (memory != MAP_FAILED && below_4_gib && !low) {
        fprintf(stderr, "kmem: no memory for the harness: the system gives none below 4 GiB\n");
        exit(EXIT_ENVIRONMENT);
    }
    if (memory == MAP_FAILED) {
        fprintf(stderr, "kmem: no memory for the harness: %zu bytes were refused\n", size);
        exit(EXIT_ENVIRONMENT);
    }
    return memory;
}

static void *map(size_t size) {
    return map_where(size, false);
}

/* Memory for the arena, aligned, with room for the guards: cut out of more than is needed, of which only what
 * is used costs anything. */
static struct arena map_arena(bool below_4_gib) {
    unsigned char *const memory =
        map_where(ARENA_CAPACITY + 2 * ARENA_ALIGNMENT + ARENA_GUARD_SIZE, below_4_gib);
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

static struct executor executor;

struct executor *host_executor(size_t slot_capacity) {
    if (executor.subject != NULL) {
        return &executor;
    }
    require_table(subject_under_test);
    executor.subject = subject_under_test;
    executor.oracles = ORACLE_ALL;
    executor.guard = &host_guard;
    executor.stores = executor.subject->view == NULL ? NULL : &host_stores;
    executor.repeats = true;
    executor.restore = executor.subject->reset == NULL ? globals_keep() : NULL;
    executor.arena = map_arena(executor.subject->facts.below_4_gib);
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

void host_keep_copy(bool wanted) {
    static unsigned char *copy;
    if (copy == NULL && wanted && !PORT_ADDRESS_SANITIZER) {
        copy = map(ARENA_CAPACITY);
    }
    executor.copy = wanted ? copy : NULL;
}
