/* Runs, judged in a child process (isolated.h). outcome.h is the contract. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "fuzz/isolate/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz/isolate/isolated.h"
#include "fuzz/tool/host.h"

/* The observer in the child writes to memory that both processes see, so that it is there when the child is
 * not. */

static void note_before(void *context, const struct executor *executor, const struct step *step) {
    struct outcome *const outcome = context;
    (void)executor;
    outcome->has_step = true;
    outcome->step = *step;
}

static void note_after(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    struct outcome *const outcome = context;
    (void)verdict;
    outcome->step = *step;
    outcome->operation_count = executor->operation_count;
    outcome->digest = executor->digest;
}

static enum ending ending_of(enum failure_kind kind) {
    switch (kind) {
    case FAILURE_VERDICT:
        return ENDING_VIOLATION;
    case FAILURE_SANITIZER:
        return ENDING_SANITIZER;
    case FAILURE_SIGNAL:
        return ENDING_SIGNAL;
    case FAILURE_HANG:
        return ENDING_HANG;
    case FAILURE_EXIT:
        return ENDING_EXIT;
    case FAILURE_NONE:
        break;
    }
    return ENDING_SOUND;
}

static void keep_report(const char *text, struct outcome *outcome) {
    const size_t size = text == NULL ? 0 : strnlen(text, OUTCOME_REPORT_SIZE - 1);
    if (size != 0) {
        memcpy(outcome->report, text, size);
    }
    outcome->report[size] = '\0';
}

bool outcome_find(const struct program *program, uint64_t oracles, struct outcome *outcome) {
    struct outcome *const shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return false;
    }
    const struct observer noting = {.before = note_before, .after = note_after, .context = shared};
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    const struct observer *const observer = executor->observer;
    const uint64_t oracles_before = executor->oracles;
    char *report;
    executor->observer = &noting;
    executor->oracles = oracles;
    const struct failure failure = isolated_examine(executor, program, &report);
    executor->observer = observer;
    executor->oracles = oracles_before;
    *outcome = *shared;
    munmap(shared, sizeof *shared);
    outcome->ending = ending_of(failure.kind);
    outcome->verdict = failure.verdict;
    outcome->number = failure.number;
    keep_report(report, outcome);
    free(report);
    return true;
}

/* Reports. */

/* Parses one line of a stack, such as
 *     #1 0x55d0 in kmem_free /home/me/kmem/src/kmem.c:350:5
 * or of UBSan, which names no function: /home/me/kmem/src/kmem.c:350:5: runtime error: ... */
static bool parse_frame(const char *line, size_t length, struct outcome_place *place) {
    char text[1024];
    char path[1024];
    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, line, length);
    text[length] = '\0';
    *place = (struct outcome_place){.line = 0};
    if (sscanf(text, " #%*u 0x%*x in %127s %1023[^\n]", place->function, path) != 2) {
        return false;
    }
    /* The tree's own sources, wherever the tree lies: the last "/src/" of the path. */
    const char *source = NULL;
    for (const char *at = strstr(path, "/src/"); at != NULL; at = strstr(at + 1, "/src/")) {
        source = at + 1;
    }
    if (source == NULL) {
        return false;
    }
    return sscanf(source, "%255[^:]:%lu", place->file, &place->line) == 2;
}

bool outcome_place(const char *report, struct outcome_place *place) {
    while (*report != '\0') {
        const size_t length = strcspn(report, "\n");
        if (parse_frame(report, length, place)) {
            return true;
        }
        report += length + (report[length] == '\n');
    }
    return false;
}

/* Words. */

static const char *const death_words[][2] = {
    [ENDING_SOUND] = {NULL, NULL},
    [ENDING_VIOLATION] = {NULL, NULL},
    [ENDING_SANITIZER] = {"sanitizer",
                          "No operation accesses memory it may not, or does what C leaves undefined."},
    [ENDING_SIGNAL] = {"signal", "No operation is stopped by the processor."},
    [ENDING_HANG] = {"hang", "Every operation ends."},
    [ENDING_EXIT] = {"exit", "No operation ends the process."},
};

const char *outcome_death_id(enum ending ending) {
    return death_words[ending][0];
}

const char *outcome_death_sentence(enum ending ending) {
    return death_words[ending][1];
}

const char *outcome_id(const struct outcome *outcome) {
    const char *const id = outcome_death_id(outcome->ending);
    return id != NULL ? id : oracle_id(outcome->verdict.oracle);
}

const char *outcome_sentence(const struct outcome *outcome) {
    const char *const sentence = outcome_death_sentence(outcome->ending);
    return sentence != NULL ? sentence : oracle_sentence(outcome->verdict.oracle);
}
