/* The two files on a host: host smoke COUNT SEED, and host replay, of the corpus that is compiled in. A
 * segmentation fault ends a program of a replay, as a trap would. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmemfuzz.h"

extern const unsigned long kmemfuzz_blob_size;
extern const unsigned char kmemfuzz_blob[];

static sigjmp_buf way_back;

static void put(char character) {
    putchar(character);
}

static void trap(int number) {
    siglongjmp(way_back, number);
}

bool kmemfuzz_call(void (*run)(void *context), void *context, struct kmemfuzz_stop *stop) {
    stop->cause = (uint64_t)sigsetjmp(way_back, 1);
    stop->program_counter = 0x1234;
    if (stop->cause == 0) {
        run(context);
    }
    return stop->cause == 0;
}

int main(int argument_count, char **arguments) {
    if (argument_count == 4 && strcmp(arguments[1], "smoke") == 0) {
        struct kmemfuzz_failure failure;
        const enum kmemfuzz_result result =
            kmemfuzz_smoke(strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10), &failure);
        if (result == KMEMFUZZ_VIOLATION) {
            kmemfuzz_print(&failure, put);
        }
        return (int)result;
    }
    signal(SIGSEGV, trap);
    return (int)kmemfuzz_replay(kmemfuzz_blob, kmemfuzz_blob_size, put);
}
