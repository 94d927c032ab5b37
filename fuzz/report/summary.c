/* What a run came to. summary.h is the contract. */
#include "fuzz/report/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "fuzz/host/abort.h"
#include "fuzz/report/explain.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

__attribute__((format(printf, 3, 4))) static void add(struct summary *summary, const char *name,
                                                      const char *format, ...) {
    struct summary_fact *const fact = &summary->facts[summary->fact_count++];
    va_list arguments;
    fact->name = name;
    va_start(arguments, format);
    vsnprintf(fact->value, sizeof fact->value, format, arguments);
    va_end(arguments);
}

static void add_failed_step(struct summary *summary, const struct history *history) {
    char operation[TEXT_OPERATION_SIZE];
    const size_t index = history_failed_step(history);
    if (index < history->step_count) {
        const struct step *const step = &history->steps[index].step;
        add(summary, "operation", "%zu: %s%s", step->index, text_operation(&step->operation, operation),
            step->recovery ? " (freeing everything at the end)" : "");
    } else if (history->full) {
        add(summary, "operation", "beyond the first %zu, which are all a picture has room for",
            history->step_count);
    } else {
        add(summary, "operation", "none: the heap is wrong before the first one");
    }
}

static void add_heap(struct summary *summary, const struct program_header *geometry) {
    char heap[EXPLAIN_HEAP_SIZE];
    add(summary, "heap", "%s", explain_heap(geometry, heap));
}

/* What of the subject's table demanded more than the heap kept. */
static void add_promises(const struct recording *recording, struct verdict verdict, struct summary *summary) {
    char fact[EXPLAIN_FACT_SIZE];
    const struct history *const history = recording->history;
    const size_t failed = history_failed_step(history);
    explain_fact(subject_under_test, verdict,
                 failed < history->step_count ? &history->steps[failed].step : NULL, fact);
    if (*fact != '\0') {
        add(summary, "fact", "%s", fact);
    }
}

/* Where it happened, and whose fault it is if not the heap's. */
static void say_place(const struct assertion *place, struct summary *summary) {
    char source[EXPLAIN_SOURCE_SIZE];
    if (place->source.line != 0) {
        add(summary, "source", "%s", explain_source(&place->source, source));
    }
    if (place->in_adapter) {
        add(summary, "fault", "%s", explain_adapter(place, source));
    }
}

static void say_violation(const struct recording *recording, struct summary *summary) {
    struct explanation explanation;
    const struct history *const history = recording->history;
    const struct assertion *const place = &recording->outcome.place;
    const size_t failed = history_failed_step(history);
    explain_verdict(history->verdict, failed < history->step_count ? &history->steps[failed].step : NULL,
                    &explanation);
    snprintf(summary->title, sizeof summary->title, "VIOLATION %s", oracle_id(history->verdict.oracle));
    snprintf(summary->sentence, sizeof summary->sentence, "%s", oracle_sentence(history->verdict.oracle));
    add_failed_step(summary, history);
    add(summary, "where", "%s", explanation.where);
    add(summary, "expected", "%s", explanation.expected);
    add(summary, "observed", "%s", explanation.observed);
    add_promises(recording, history->verdict, summary);
    if (place->text[0] != '\0') {
        add(summary, "assertion", "%s", shown(place->text));
    }
    say_place(place, summary);
}

/* A death by its name and, if a sanitizer's report has it, the place in the core's sources. */
static void say_death(const struct recording *recording, struct summary *summary) {
    char failure[FAILURE_TEXT_SIZE];
    struct sanitizer_source source;
    struct assertion assertion;
    const struct outcome *const outcome = &recording->outcome;
    snprintf(summary->title, sizeof summary->title, "DIED in the %s",
             outcome->place.in_adapter ? "adapter" : "subject");
    snprintf(summary->sentence, sizeof summary->sentence, "%s", failure_text(&outcome->failure, failure));
    add_failed_step(summary, recording->history);
    add_promises(recording, verdict_sound(), summary);
    if (sanitizer_find_source(outcome->report, &source)) {
        add(summary, "where", "%s, %s:%lu", shown(source.function), shown(source.file), source.line);
    }
    if (assertion_find(outcome->report, &assertion)) {
        add(summary, "assertion", "%s", shown(assertion.text));
    }
    say_place(&outcome->place, summary);
}

void summary_make(const struct recording *recording, struct summary *summary) {
    const struct history *const history = recording->history;
    *summary = (struct summary){.sound = history->end == HISTORY_SOUND};
    if (history->end == HISTORY_VIOLATION) {
        say_violation(recording, summary);
    } else if (history->end == HISTORY_CUT_OFF) {
        say_death(recording, summary);
    } else {
        snprintf(summary->title, sizeof summary->title, "sound");
        snprintf(summary->sentence, sizeof summary->sentence,
                 "Every oracle was asked after every operation.");
        add(summary, "digest", "%016" PRIx64, history->digest);
        add(summary, "operations", "%zu%s", history->operation_count,
            history->full ? ", more than a picture has room for: the last are missing" : "");
    }
    add_heap(summary, &history->geometry);
}
