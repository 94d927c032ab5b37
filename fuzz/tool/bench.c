/* kmem_bench: what one checked operation costs, by the number of live blocks. Prints a line for each number:
 * live blocks, operations timed, nanoseconds for each. ci/bench runs it; no test relies on a time.
 *
 * kmem_bench LIVE STEPS [trusted]: only does so many steps, for a program that counts instructions; with
 * `trusted` what the core stores decides what is compared (fuzz/execute/stores.h), and it is an error if
 * nothing can. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fuzz/execute/stores.h"
#include "fuzz/host/exit_code.h"
#include "fuzz/host/host.h"

#define BLOCK_SIZE    ((size_t)48)      /* bytes, header included, of every live block */
#define SLOT_CAPACITY ((size_t)16384)   /* more than the most live blocks */
#define WALKED_BLOCKS ((size_t)4000000) /* about as many are walked over for each figure */
#define FEWEST_STEPS  ((size_t)2000)

static const size_t live_counts[] = {10, 100, 1000, 10000};

static uint64_t now_in_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void require_sound(struct verdict verdict) {
    if (!verdict_is_sound(verdict)) {
        fprintf(stderr, "kmem_bench: the heap is not sound: %s\n", oracle_id(verdict.oracle));
        exit(EXIT_VIOLATION);
    }
}

/* A heap whose first live_count blocks are taken, end to end, with one free block after them. */
static void arrange(struct executor *executor, size_t live_count) {
    static struct live_block live[SLOT_CAPACITY];
    const struct program_header header = {
        .page_size = 4096, .page_count = PROGRAM_PAGE_COUNT_MAXIMUM, .slot_count = live_count + 1};
    for (size_t i = 0; i < live_count; i++) {
        live[i] = (struct live_block){.offset = i * BLOCK_SIZE, .size = BLOCK_SIZE};
    }
    require_sound(executor_start(executor, &header));
    require_sound(executor_arrange(executor, live, live_count));
}

/* Nanoseconds that `step_count` steps take, in turn an allocation after all live blocks and its free. */
static uint64_t time_steps(struct executor *executor, size_t live_count, size_t step_count) {
    const uint16_t slot = (uint16_t)live_count;
    const struct operation alloc = {
        .kind = OPERATION_ALLOC, .slot = slot, .size = {.base = SIZE_BASE_LITERAL, .amount = 24}};
    const struct operation release = {.kind = OPERATION_FREE, .slot = slot};
    const uint64_t start = now_in_nanoseconds();
    for (size_t i = 0; i < step_count; i += 2) {
        require_sound(executor_step(executor, &alloc));
        require_sound(executor_step(executor, &release));
    }
    return now_in_nanoseconds() - start;
}

/* What the core counts its edges with where no fuzzer does. */
void __sanitizer_cov_8bit_counters_init(char *start, char *end) __attribute__((weak));
/* NOLINTNEXTLINE(readability-non-const-parameter): it is as the compiler calls it */
void __sanitizer_cov_8bit_counters_init(char *start, char *end) {
    (void)start, (void)end;
}

static int count(struct executor *executor, size_t live_count, size_t step_count, bool trusted) {
    executor->trusts_stores = trusted;
    arrange(executor, live_count);
    (void)time_steps(executor, live_count, step_count);
    const bool possible = !trusted || (executor->stores != NULL && executor->stores->traced);
    executor_end(executor, true);
    return possible ? EXIT_SOUND : EXIT_ENVIRONMENT;
}

int main(int argument_count, char **arguments) {
    struct executor *const executor = host_executor(SLOT_CAPACITY);
    if (argument_count > 2) {
        return count(executor, strtoul(arguments[1], NULL, 10), strtoul(arguments[2], NULL, 10),
                     argument_count > 3);
    }
    for (size_t i = 0; i < sizeof live_counts / sizeof live_counts[0]; i++) {
        const size_t wanted = WALKED_BLOCKS / live_counts[i];
        const size_t step_count = wanted < FEWEST_STEPS ? FEWEST_STEPS : wanted;
        arrange(executor, live_counts[i]);
        const uint64_t nanoseconds = time_steps(executor, live_counts[i], step_count);
        executor_end(executor, true);
        printf("%zu %zu %" PRIu64 "\n", live_counts[i], step_count, nanoseconds / step_count);
    }
    return EXIT_SOUND;
}
