/* What a person is shown of a run. report.h is the contract. */
#include "fuzz/report/report.h"

#include <inttypes.h>
#include <string.h>

#include "fuzz/execute/debug.h"
#include "fuzz/host/adapter.h"
#include "fuzz/host/guard.h"
#include "fuzz/host/picture.h"
#include "fuzz/report/explain.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

#define LAST_STEPS 8 /* operations a report looks back */

/* What is remembered of a run while it goes on. */
struct recorder {
    struct step steps[LAST_STEPS]; /* step i in steps[i % LAST_STEPS] */
    size_t step_count;             /* those begun */
    bool under_way;                /* the last of them has not ended */
    struct picture before;         /* the heap before and after the last step */
    struct picture after;
    FILE *trace;                     /* NULL: none */
    const struct executor *executor; /* whose run this is */
    const char *replay;              /* the command that runs the same program again */
};

static struct recorder recorder; /* static, for report_last_words: a dying process cannot pass it on */

static void remember(struct recorder *record, const struct step *step, bool under_way) {
    record->steps[step->index % LAST_STEPS] = *step;
    record->step_count = step->index + 1;
    record->under_way = under_way;
}

/* Remembers steps and nothing more, so that a run can be watched at full speed. */
static void watch_before(void *context, const struct executor *executor, const struct step *step) {
    (void)executor;
    remember(context, step, true);
}

static void watch_after(void *context, const struct executor *executor, const struct step *step,
                        struct verdict verdict) {
    (void)executor, (void)verdict;
    remember(context, step, false);
}

/* Draws the heap around every step as well. */
static void record_before(void *context, const struct executor *executor, const struct step *step) {
    struct recorder *const record = context;
    remember(record, step, true);
    picture_draw(&record->before, executor);
}

static void record_after(void *context, const struct executor *executor, const struct step *step,
                         struct verdict verdict) {
    struct recorder *const record = context;
    remember(record, step, false);
    picture_draw(&record->after, executor);
    if (record->trace == NULL) {
        return;
    }
    char line[EXPLAIN_STEP_SIZE];
    explain_step(step, NULL, line);
    fprintf(record->trace, "%s\n       %s", line, record->after.text);
    if (verdict_is_sound(verdict)) {
        fprintf(record->trace, "  digest %016" PRIx64, executor->digest);
    }
    fputc('\n', record->trace);
}

static const struct observer watching = {.before = watch_before, .after = watch_after, .context = &recorder};
static const struct observer recording_observer = {
    .before = record_before, .after = record_after, .context = &recorder};

/* Runs the program with the recording observer in place of the executor's own. */
static struct verdict record_run(struct executor *executor, const struct program *program, const char *replay,
                                 FILE *trace) {
    const struct observers others = executor->observers;
    const bool repeats = executor->repeats;
    const bool trusts_stores = executor->trusts_stores;
    recorder = (struct recorder){.trace = trace, .executor = executor, .replay = replay};
    executor->observers = (struct observers){{&recording_observer, &debug_observer}, 2};
    executor->repeats = repeats && trace == NULL; /* or there would be two */
    executor->trusts_stores = false;              /* all is told as early as it can be */
    const struct verdict verdict = executor_run(executor, program);
    executor->repeats = repeats;
    executor->trusts_stores = trusts_stores;
    executor->observers = others;
    return verdict;
}

static void print_heap_line(const struct executor *executor, const struct program *program, FILE *stream) {
    char heap[EXPLAIN_HEAP_SIZE];
    const struct program_header geometry = executor_geometry(executor, &program->header);
    fprintf(stream, "  heap       %s\n", explain_heap(&geometry, heap));
}

/* NULL before the first. */
static const struct step *last_step(void) {
    return recorder.step_count == 0 ? NULL : &recorder.steps[(recorder.step_count - 1) % LAST_STEPS];
}

static void print_last_steps(FILE *stream) {
    const size_t count = recorder.step_count < LAST_STEPS ? recorder.step_count : LAST_STEPS;
    fprintf(stream, "\n  last operations (number, operation, what it did)\n");
    for (size_t i = recorder.step_count - count; i < recorder.step_count; i++) {
        const bool last = i + 1 == recorder.step_count;
        char line[EXPLAIN_STEP_SIZE];
        explain_step(&recorder.steps[i % LAST_STEPS], last && recorder.under_way ? "" : NULL, line);
        fprintf(stream, "  %s %s\n", last ? ">" : " ", line);
    }
}

static void print_operation(FILE *stream) {
    char operation[TEXT_OPERATION_SIZE];
    const struct step *const step = last_step();
    if (step == NULL) {
        fprintf(stream, "  operation  none: the heap is wrong before the first one\n");
        return;
    }
    fprintf(stream, "  operation  %zu: %s\n", step->index, text_operation(&step->operation, operation));
}

static void print_fact(struct verdict verdict, FILE *stream) {
    char fact[EXPLAIN_FACT_SIZE];
    explain_fact(recorder.executor->subject, verdict, last_step(), fact);
    if (*fact != '\0') {
        fprintf(stream, "  fact       %s\n", fact);
    }
}

static void print_verdict(struct verdict verdict, FILE *stream) {
    struct explanation explanation;
    explain_verdict(verdict, last_step(), &explanation);
    fprintf(stream, "  where      %s\n", explanation.where);
    fprintf(stream, "  expected   %s\n", explanation.expected);
    fprintf(stream, "  observed   %s\n", explanation.observed);
    print_fact(verdict, stream);
    struct assertion place;
    char source[EXPLAIN_SOURCE_SIZE];
    guard_find_place(verdict, &place);
    if (place.text[0] != '\0') {
        fprintf(stream, "  assertion  %s\n", shown(place.text));
    }
    if (place.source.line != 0) {
        fprintf(stream, "  source     %s\n", explain_source(&place.source, source));
    }
    if (place.in_adapter) {
        fprintf(stream, "  fault      %s\n", explain_adapter(&place, source));
    }
}

static void print_replay(FILE *stream) {
    fprintf(stream, "\n  replay  %s\n", recorder.replay);
}

struct verdict report_violation(struct executor *executor, const struct program *program, const char *replay,
                                FILE *stream) {
    const struct verdict verdict = record_run(executor, program, replay, NULL);
    if (verdict_is_sound(verdict)) {
        fprintf(stream,
                "VIOLATION that did not happen again: the subject depends on more than its program\n");
        print_replay(stream);
        return verdict;
    }
    fprintf(stream, "VIOLATION %s: %s\n", oracle_id(verdict.oracle), oracle_sentence(verdict.oracle));
    print_heap_line(executor, program, stream);
    print_operation(stream);
    print_verdict(verdict, stream);
    if (recorder.step_count != 0) {
        print_last_steps(stream);
        fprintf(stream, "\n  heap (%s)\n", picture_legend(executor->subject->view != NULL));
        fprintf(stream, "    before  %s\n", recorder.before.text);
        fprintf(stream, "    after   %s\n", recorder.after.text);
    }
    print_replay(stream);
    return verdict;
}

struct verdict report_trace(struct executor *executor, const struct program *program, FILE *stream) {
    return record_run(executor, program, recorder.replay, stream);
}

void report_watch(struct executor *executor, const char *replay) {
    recorder = (struct recorder){.executor = executor, .replay = replay};
    executor->observers = (struct observers){{&watching, &debug_observer}, 2};
}

void report_last_words(FILE *stream) {
    if (!recorder.under_way) {
        return;
    }
    struct picture now;
    picture_draw(&now, recorder.executor);
    struct assertion place = {.text = ""};
    char source[EXPLAIN_SOURCE_SIZE];
    adapter_find_line(adapter_find(&place.in_adapter), &place);
    fprintf(stream, "\nDIED in the %s: the report above says why, this says where\n",
            place.in_adapter ? "adapter" : "subject");
    print_operation(stream);
    print_fact(verdict_sound(), stream);
    if (place.in_adapter) {
        fprintf(stream, "  fault      %s\n", explain_adapter(&place, source));
    }
    print_last_steps(stream);
    fprintf(stream, "\n  heap (%s), in the middle of the operation\n",
            picture_legend(recorder.executor->subject->view != NULL));
    fprintf(stream, "            %s\n", now.text);
    print_replay(stream);
}
