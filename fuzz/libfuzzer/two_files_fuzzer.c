/* A libFuzzer target: every byte string is a program. */
#include "fuzz/two_files/run.h"

#if defined(KMEMFUZZ_LIBFUZZER) && KMEMFUZZ_LIBFUZZER

#include <stdio.h>
#include <stdlib.h>

#include "fuzz/libfuzzer/mutator.h"

static void put_error(char character) {
    (void)fputc(character, stderr);
}

static size_t run_count;
static size_t start_count; /* runs in which there was a heap */

/* If a heap never started, nothing was fuzzed, and the process does not end as if all were sound. */
static void end(void) {
    if (run_count != 0 && start_count == 0) {
        fprintf(stderr,
                "kmemfuzz: nothing was judged: the heap never started in the KMEMFUZZ_MEMORY there is\n");
        _Exit(2);
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is as libFuzzer declares it */
int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    mutator_begin(*argument_count, *arguments, NULL);
    (void)atexit(end);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *fault = NULL;
    struct executor *const executor = run_prepare(&fault);
    if (executor == NULL) {
        fprintf(stderr, "kmemfuzz: %s\n", fault);
        exit(2);
    }
    const struct program program = program_decode(data, size);
    run_count++;
    if (run_find_lack(executor, &program).needed != 0) {
        return -1; /* not to be kept */
    }
    executor->repeats = mutator_is_repeated(data, size);
    const struct verdict verdict = executor_run(executor, &program);
    start_count += executor->started;
    if (!verdict_is_sound(verdict)) {
        const struct kmemfuzz_failure failure = run_describe(0, verdict, data, size);
        kmemfuzz_print(&failure, put_error);
        abort();
    }
    return executor->started ? 0 : -1;
}

#endif
