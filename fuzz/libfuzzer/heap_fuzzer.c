/* libFuzzer target: every byte string is a program, run against the heap with every oracle on. mutator.h says
 * how the next ones are made.
 *
 * Bytes that begin as a program in text are parsed as one, as everywhere; a text that does not parse is no
 * input. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/host/exit_code.h"
#include "fuzz/host/host.h"
#include "fuzz/host/own_heap.h"
#include "fuzz/host/statistics.h"
#include "fuzz/host/subject_table.h"
#include "fuzz/libfuzzer/mutator.h"
#include "fuzz/report/report.h"
#include "fuzz/report/violation.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char replay[512]; /* the command that runs an input again; libFuzzer has yet to name the file */

static size_t run_count;
static size_t start_count;           /* runs in which there was a heap */
static size_t least_size = SIZE_MAX; /* bytes: of the regions of the others */
static size_t most_size;

/* Programs in whose regions no heap starts are counted. If that is all of them, nothing was fuzzed, and the
 * process does not end as if all were sound. */
static void end(void) {
    if (run_count != 0 && start_count == 0) {
        fprintf(stderr,
                "kmem: error: nothing was judged: %s never started, in %zu regions of %zu to %zu bytes; what "
                "it takes is for the facts region_least, region_most and memory to say\n",
                subject_under_test->name, run_count, least_size, most_size);
        _exit(EXIT_USAGE);
    }
    if (run_count > 1) {
        const struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
        subject_table_print_unmet(subject_under_test, executor->known_met, stderr);
    }
    if (start_count != run_count) {
        fprintf(stderr, "kmem: %zu of %zu programs were passed over: %s cannot start in their regions\n",
                run_count - start_count, run_count, subject_under_test->name);
    }
}

/* Sets how a report says that its input is run again, by the tool beside this program; of a heap of the
 * user's as that is typed (fuzz/kmemfuzz/heap.py). */
static void name_replay(const char *self) {
    static const char ending[] = "_fuzzer";
    static const char own[] = "heap_fuzzer"; /* whose tool is kmemfuzz; NAME_fuzzer's is NAME_kmemfuzz */
    const char *const subject = getenv(OWN_HEAP_FILE);
    const char *const slash = strrchr(self, '/');
    const char *const name = slash == NULL ? self : slash + 1;
    const size_t size = strlen(name);
    const bool named = size > sizeof ending - 1 && strcmp(name + size - (sizeof ending - 1), ending) == 0 &&
                       strcmp(name, own) != 0;
    const int kept = (int)(name - self) + (named ? (int)(size - (sizeof ending - 1)) : 0);
    if (subject != NULL) {
        snprintf(replay, sizeof replay, "kmemfuzz run %s FILE (the one the fuzzer names below)",
                 shown(subject));
    } else {
        snprintf(replay, sizeof replay, "%.*s%skmemfuzz run FILE (the one the fuzzer names below)", kept,
                 self, named ? "_" : "");
    }
}

static bool read_text(const uint8_t *text, size_t text_size, uint8_t **bytes, size_t *size) {
    struct text_error error;
    return text_is_text(text, text_size) && text_parse(text, text_size, bytes, size, &error);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is as libFuzzer declares it */
int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    mutator_begin(*argument_count, *arguments, read_text);
    name_replay(*argument_count > 0 ? (*arguments)[0] : "");
    (void)atexit(end);
    host_executor(PROGRAM_SLOT_COUNT_MAXIMUM)->trusts_stores =
        true; /* with a faulty table the process ends here */
    subject_table_print_left_out(subject_under_test, stderr);
    return 0;
}

/* The counters of the code under test, one for each edge, which the linker finds; NULL with engines that have
 * others. */
extern char counters[] __asm__("__start___sancov_cntrs") __attribute__((weak, visibility("hidden")));
extern char counters_end[] __asm__("__stop___sancov_cntrs") __attribute__((weak, visibility("hidden")));

/* Lets a program that was not judged count for nothing, since a merge would keep it for the edges of a start
 * that refuses. */
static void forget_coverage(void) {
    for (char *counter = counters; counter != counters_end; counter++) {
        *counter = 0;
    }
}

static int run(const uint8_t *bytes, size_t size) {
    static struct statistics *statistics;
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    if (statistics == NULL) {
        statistics = statistics_open();
    }
    const struct program program = program_decode(bytes, size);
    executor->repeats = mutator_is_repeated(bytes, size);
    const struct verdict verdict = executor_run(executor, &program);
    statistics_count(statistics, executor->operation_count, program.operation_count);
    run_count++;
    start_count += executor->started;
    if (!executor->started) {
        forget_coverage();
        const struct program_header geometry = executor_geometry(executor, &program.header);
        const size_t region_size = geometry.page_count * geometry.page_size;
        least_size = region_size < least_size ? region_size : least_size;
        most_size = region_size > most_size ? region_size : most_size;
    }
    if (!verdict_is_sound(verdict)) {
        const struct verdict told = report_violation(executor, &program, replay, stderr);
        violation_abort(verdict_is_sound(told) ? verdict.oracle : told.oracle);
    }
    return executor->started ? 0 : -1; /* libFuzzer: not to be kept */
}

static int run_text(const uint8_t *text, size_t text_size) {
    uint8_t *bytes;
    size_t size;
    if (!read_text(text, text_size, &bytes, &size)) {
        return -1; /* libFuzzer: not to be kept */
    }
    const int result = run(bytes, size);
    free(bytes);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return text_is_text(data, size) ? run_text(data, size) : run(data, size);
}
