/* The JSON document. results.h is the contract. */
#define _DEFAULT_SOURCE /* strsignal */
#include "fuzz/report/results.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/host/abort.h"
#include "fuzz/host/file_list.h"
#include "fuzz/report/explain.h"
#include "fuzz/text/text.h"

#define JSON_FORMAT 1u /* of this document */

void results_start(struct results *results) {
    *results = (struct results){.json = json_start_document(stdout, JSON_FORMAT)};
    json_open_array(&results->json, "results");
}

static bool is_unusable(const struct result *result) {
    return result->outcome == NULL || result->outcome->passed_over;
}

static const char *verdict_word(const struct result *result) {
    if (is_unusable(result)) {
        return "unusable";
    }
    switch (result->outcome->failure.kind) {
    case FAILURE_NONE:
        return "sound";
    case FAILURE_VERDICT:
        return "violation";
    default:
        return "died";
    }
}

static void count(struct results *results, const struct result *result) {
    if (is_unusable(result)) {
        results->unusable_count++;
    } else if (result->outcome->failure.kind == FAILURE_NONE) {
        results->sound_count++;
    } else if (result->outcome->failure.kind == FAILURE_VERDICT) {
        results->violation_count++;
    } else {
        results->death_count++;
    }
}

static void write_operation(struct json *json, const struct outcome *outcome) {
    char text[TEXT_OPERATION_SIZE];
    if (!outcome->has_step) {
        json_null(json, "operation"); /* the heap was wrong before the first one */
        return;
    }
    json_open_object(json, "operation");
    json_number(json, "index", outcome->step.index);
    json_string(json, "text", text_operation(&outcome->step.operation, text));
    json_bool(json, "recovery", outcome->step.recovery);
    json_close_object(json);
}

static void write_source(struct json *json, const struct sanitizer_source *source) {
    json_open_object(json, "place");
    json_string(json, "function", source->function);
    json_string(json, "file", explain_file(source->file));
    json_number(json, "line", source->line);
    json_close_object(json);
}

static void write_explanation(struct json *json, const struct outcome *outcome) {
    struct explanation explanation;
    explain_verdict(outcome->failure.verdict, outcome->has_step ? &outcome->step : NULL, &explanation);
    json_string(json, "where", explanation.where);
    json_string(json, "expected", explanation.expected);
    json_string(json, "observed", explanation.observed);
}

static void write_violation(struct json *json, const struct outcome *outcome) {
    write_explanation(json, outcome);
    if (outcome->place.source.line != 0) {
        write_source(json, &outcome->place.source);
    }
    if (outcome->place.text[0] != '\0') {
        json_string(json, "assertion", outcome->place.text);
    }
}

static void write_death(struct json *json, const struct outcome *outcome) {
    struct sanitizer_source place;
    struct assertion assertion;
    if (outcome->failure.kind == FAILURE_SIGNAL) {
        json_string(json, "signal", strsignal(outcome->failure.number));
    }
    if (sanitizer_find_source(outcome->report, &place)) {
        write_source(json, &place);
    } else if (outcome->place.source.line != 0) {
        write_source(json, &outcome->place.source);
    } else {
        json_null(json, "place");
    }
    if (assertion_find(outcome->report, &assertion)) {
        json_string(json, "assertion", assertion.text);
    }
    json_string(json, "report", outcome->report);
}

static void write_outcome(struct json *json, const struct outcome *outcome) {
    char digest[17];
    char fault[EXPLAIN_SOURCE_SIZE];
    char fact[EXPLAIN_FACT_SIZE];
    if (outcome->failure.kind != FAILURE_NONE) {
        json_string(json, "oracle", outcome_id(outcome));
        json_string(json, "sentence", outcome_sentence(outcome));
        write_operation(json, outcome);
    }
    if (outcome->failure.kind == FAILURE_VERDICT) {
        write_violation(json, outcome);
    } else if (outcome->failure.kind != FAILURE_NONE) {
        write_death(json, outcome);
    }
    const struct failure *const failure = &outcome->failure;
    explain_fact(subject_under_test, failure->kind == FAILURE_VERDICT ? failure->verdict : verdict_sound(),
                 outcome->has_step ? &outcome->step : NULL, fact);
    if (failure->kind != FAILURE_NONE && *fact != '\0') {
        json_string(json, "fact", fact);
    }
    if (outcome->place.in_adapter) {
        json_string(json, "fault", explain_adapter(&outcome->place, fault));
    }
    snprintf(digest, sizeof digest, "%016" PRIx64, outcome->digest);
    json_string(json, "digest", digest);
    json_number(json, "operations", outcome->operation_count);
    if (outcome->set_aside != 0) {
        json_string(json, "set_aside", oracle_id(outcome->set_aside));
    }
}

void results_write_members(struct json *json, const struct result *result) {
    json_string(json, "file", result->path);
    json_path(json, "uri", result->path);
    json_string(json, "verdict", verdict_word(result));
    if (!is_unusable(result)) {
        write_outcome(json, result->outcome);
    }
}

/* outcome: how the program fails, which is written too; NULL: it is not. */
static void write_program(struct json *json, const char *key, const struct program *program,
                          const struct outcome *outcome) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (stream == NULL) {
        abort(); /* a few thousand bytes */
    }
    (void)text_print(program, stream);
    if (fclose(stream) != 0) {
        abort();
    }
    json_open_object(json, key);
    json_number(json, "operations", program->operation_count);
    json_string(json, "text", text);
    if (outcome != NULL) {
        write_operation(json, outcome);
        if (outcome->failure.kind == FAILURE_VERDICT) {
            write_explanation(json, outcome);
        }
    }
    json_close_object(json);
    free(text);
}

void results_add(struct results *results, const struct result *result) {
    struct json *const json = &results->json;
    count(results, result);
    json_open_object(json, NULL);
    results_write_members(json, result);
    if (result->program != NULL) {
        write_program(json, "program", result->program, NULL);
    }
    if (result->reduced != NULL) {
        write_program(json, "reduced", result->reduced, result->reduced_outcome);
    }
    json_close_object(json);
}

static void write_left_out(struct json *json, const struct file_list *files) {
    json_open_array(json, "left_out");
    for (size_t i = 0; i < files->left_out_count; i++) {
        json_open_object(json, NULL);
        json_string(json, "file", files->left_out[i].path);
        json_path(json, "uri", files->left_out[i].path);
        json_string(json, "reason", files->left_out[i].reason);
        json_close_object(json);
    }
    json_close_array(json);
}

void results_end(struct results *results, const struct file_list *files) {
    struct json *const json = &results->json;
    json_close_array(json);
    write_left_out(json, files);
    json_open_object(json, "totals");
    json_number(json, "sound", results->sound_count);
    json_number(json, "violations", results->violation_count);
    json_number(json, "died", results->death_count);
    json_number(json, "unusable", results->unusable_count);
    json_number(json, "left_out", files->left_out_count);
    json_close_object(json);
    json_close_object(json);
    json_end(json);
}
