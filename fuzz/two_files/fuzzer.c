/* A libFuzzer target: every byte string is a program. */
#include "fuzz/two_files/run.h"

#if defined(KMEMFUZZ_LIBFUZZER) && KMEMFUZZ_LIBFUZZER

#include <stdio.h>
#include <stdlib.h>

static void put_error(char character) {
    (void)fputc(character, stderr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *fault = NULL;
    struct executor *const executor = run_prepare(&fault);
    if (executor == NULL) {
        fprintf(stderr, "kmemfuzz: %s\n", fault);
        exit(2);
    }
    const struct program program = program_decode(data, size);
    if (run_find_lack(executor, &program).needed != 0) {
        return -1; /* not to be kept */
    }
    const struct verdict verdict = executor_run(executor, &program);
    if (!verdict_is_sound(verdict)) {
        const struct kmemfuzz_failure failure = run_describe(0, verdict, data, size);
        kmemfuzz_print(&failure, put_error);
        abort();
    }
    return executor->started ? 0 : -1;
}

#endif
