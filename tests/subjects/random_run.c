/* Runs random programs against the heap that SUBJECT names (under_test.c), where no fuzzer can: an allocator
 * of the system, another C library, 32 bits. The same seed gives the same programs everywhere.
 *
 * Usage: foreign_random_run OPERATIONS [SEED]: at least so many checked operations. Prints one line; after a
 * violation that and the program, as kmemfuzz takes it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/generate/random.h"
#include "fuzz/host/exit_code.h"
#include "fuzz/host/host.h"
#include "fuzz/text/text.h"

#define PROGRAM_SIZE  ((size_t)2048) /* bytes, about, at most */
#define PROGRAM_COUNT UINT64_C(100000000)
#define LARGE_SCALE                                                                                          \
    0x4c /* of a program's second byte: its region may be large (fuzz/program/program_2.c)                   \
          */

static struct random numbers;

/* One in eight may have a large region. */
static struct program draw_program(void) {
    static uint8_t bytes[PROGRAM_SIZE + 2];
    const size_t size = (size_t)(random_next(&numbers) % PROGRAM_SIZE) + 2;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_next(&numbers);
    }
    bytes[0] = PROGRAM_VERSION;
    bytes[1] = random_next(&numbers) % 8 == 0 ? LARGE_SCALE : 0;
    return program_decode(bytes, size);
}

int main(int argument_count, char **arguments) {
    if (argument_count < 2) {
        fprintf(stderr, "Usage: foreign_random_run OPERATIONS [SEED]\n");
        return EXIT_USAGE;
    }
    const uint64_t wanted = strtoull(arguments[1], NULL, 10);
    numbers.state = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    uint64_t operation_count = 0;
    uint64_t judged_count = 0;
    uint64_t aside_count = 0; /* programs that ended at a violation which is set aside */
    for (uint64_t i = 0; i < PROGRAM_COUNT && operation_count < wanted; i++) {
        const struct program program = draw_program();
        const struct verdict verdict = executor_run(executor, &program);
        operation_count += executor->operation_count;
        judged_count += executor->started;
        aside_count += !verdict_is_sound(executor->set_aside);
        if (!verdict_is_sound(verdict)) {
            printf("%s: VIOLATION %s at offset %" PRIu64 ", expected %" PRIu64 ", observed %" PRIu64
                   ", at operation %zu of:\n",
                   executor->subject->name, oracle_id(verdict.oracle), verdict.offset, verdict.expected,
                   verdict.observed, executor->operation_count);
            return text_print(&program, stdout) == 0 ? EXIT_VIOLATION : EXIT_ENVIRONMENT;
        }
    }
    if (aside_count != 0) {
        printf("%" PRIu64 " programs ended at what is set aside\n", aside_count);
    }
    const bool enough = operation_count >= wanted;
    printf("%s: %s, %" PRIu64 " checked operations in %" PRIu64 " programs, %zu-bit\n",
           executor->subject->name, enough ? "sound" : "too few", operation_count, judged_count,
           8 * sizeof(size_t));
    return enough ? EXIT_SOUND : EXIT_USAGE;
}
