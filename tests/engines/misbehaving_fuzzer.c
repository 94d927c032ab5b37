/* A fuzz target that misbehaves in the way its own file's name says, for the tests of ci/check-fuzzers: one
 * program, copied under many names.
 * */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char self[512]; /* the path of this file */
static unsigned execution_count;
static volatile unsigned sink;
static void *volatile leaked; /* all but the last */

static int is(const char *name) {
    const char *const slash = strrchr(self, '/');
    return strcmp(slash + 1, name) == 0;
}

/* Makes a file, and takes it away again if asked to. */
static void touch(const char *path, int keep) {
    const int file = open(path, O_WRONLY | O_CREAT, 0644);
    if (file >= 0) {
        close(file);
        if (!keep) {
            unlink(path);
        }
    }
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        abort();
    }
    if (is("wants_arguments_fuzzer") && *argument_count == 1) {
        exit(2);
    }
    for (int i = 1; i < *argument_count; i++) {
        const char *const argument = (*arguments)[i];
        static const char *const foreign[] = {"-use_value_profile=1", "-fork=1",         "-max_len=1",
                                              "-max_len=1048576",     "-mutate_depth=1", "-len_control=1000",
                                              "-only_ascii=1",        "-entropic=0"};
        for (size_t j = 0; is("refuses_flags_fuzzer") && j < sizeof foreign / sizeof foreign[0]; j++) {
            if (strcmp(argument, foreign[j]) == 0) {
                exit(2);
            }
        }
        if (is("refuses_dictionary_fuzzer") && strncmp(argument, "-dict=", 6) == 0) {
            exit(2);
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size && i < 16; i++) { /* something to cover */
        switch (data[i] & 7) {
        case 0:
            sink += 1;
            break;
        case 1:
            sink *= 3;
            break;
        case 2:
            sink ^= 5;
            break;
        case 3:
            sink -= 7;
            break;
        default:
            sink |= 9;
        }
    }
    execution_count++;
    if ((is("crashes_fuzzer") && execution_count == 3) || (is("crashes_on_large_fuzzer") && size > 4096) ||
        (is("crashes_on_empty_fuzzer") && size == 0 && execution_count > 2) ||
        (is("crashes_on_seed_fuzzer") && size == 700)) {
        abort();
    }
    if (is("writes_beside_itself_fuzzer")) {
        char path[sizeof self + 8];
        snprintf(path, sizeof path, "%s.log", self);
        touch(path, 1);
    }
    if (is("writes_in_current_folder_fuzzer")) {
        touch("left.log", 1);
    }
    if (is("leaks_fuzzer")) {
        leaked = malloc(size + 1);
    }
    if (is("writes_elsewhere_fuzzer")) {
        touch("/var/tmp/kmem-misbehaving-fuzzer.log", 0);
    }
    if (is("looks_where_it_was_built_fuzzer")) {
        const int file = open(BUILT_IN "/looks_where_it_was_built_fuzzer.options", O_RDONLY);
        if (file >= 0) {
            close(file);
        }
    }
#ifdef UNDEFINED
/* Hundreds of places to be instrumented, none of which is ever run. */
#define ONE(n)     sink += 1u << (sink + (n));
#define FOUR(n)    ONE(n) ONE((n) + 1) ONE((n) + 2) ONE((n) + 3)
#define SIXTEEN(n) FOUR(n) FOUR((n) + 4) FOUR((n) + 8) FOUR((n) + 12)
#define MANY(n)    SIXTEEN(n) SIXTEEN((n) + 16) SIXTEEN((n) + 32) SIXTEEN((n) + 48)
    if (size == 12345) {
        MANY(1) MANY(65) MANY(129) MANY(193)
    }
#endif
    return 0;
}
