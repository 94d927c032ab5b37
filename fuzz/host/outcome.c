/* Outcomes and their words. outcome.h is the contract. */
#include "fuzz/host/outcome.h"

#include <stdio.h>
#include <stdlib.h>

#include "fuzz/host/host.h"
#include "fuzz/host/input.h"
#include "fuzz/host/isolated.h"

void outcome_find(const struct program *program, uint64_t oracles, struct outcome *outcome) {
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    const uint64_t others = executor->oracles;
    executor->oracles = oracles;
    isolated_examine(executor, program, NULL, outcome);
    executor->oracles = others;
}

void outcome_close(struct outcome *outcome) {
    free(outcome->report);
    outcome->report = NULL;
}

enum exit_code outcome_refuse_unjudged(const char *path, const struct program *program) {
    const struct program_header geometry =
        executor_geometry(host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), &program->header);
    const bool anywhere = subject_under_test->facts.memory == SUBJECT_MEMORY_UNKNOWN;
    fprintf(stderr,
            "%s: error: not judged: start(%s, %zu) of %s returns false; what it takes is for the facts "
            "region_least, region_most and memory to say\n",
            input_name(path), anywhere ? "NULL" : "memory",
            anywhere ? 0 : geometry.page_count * geometry.page_size, subject_under_test->name);
    return EXIT_USAGE;
}

static const char *const death_words[][2] = {
    [FAILURE_NONE] = {NULL, NULL},
    [FAILURE_VERDICT] = {NULL, NULL},
    [FAILURE_SANITIZER] = {"sanitizer",
                           "No operation accesses memory it may not, or does what C leaves undefined."},
    [FAILURE_SIGNAL] = {"signal", "No operation is stopped by a signal."},
    [FAILURE_HANG] = {"hang", "Every operation ends."},
    [FAILURE_EXIT] = {"exit", "No operation ends the process."},
};

const char *outcome_death_id(enum failure_kind kind) {
    return death_words[kind][0];
}

const char *outcome_death_sentence(enum failure_kind kind) {
    return death_words[kind][1];
}

bool outcome_is_death(const struct outcome *outcome) {
    return outcome_death_id(outcome->failure.kind) != NULL;
}

const char *outcome_id(const struct outcome *outcome) {
    return outcome_is_death(outcome) ? outcome_death_id(outcome->failure.kind)
                                     : oracle_id(outcome->failure.verdict.oracle);
}

const char *outcome_sentence(const struct outcome *outcome) {
    return outcome_is_death(outcome) ? outcome_death_sentence(outcome->failure.kind)
                                     : oracle_sentence(outcome->failure.verdict.oracle);
}
