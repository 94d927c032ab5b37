/* SARIF 2.1.0 (OASIS): one run, a rule for each oracle and each way to die, a result for each failing input.
 * results.h is the contract. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/isolate/abort.h"
#include "fuzz/program/text.h"
#include "fuzz/report/explain.h"
#include "fuzz/report/places.h"
#include "fuzz/report/results.h"

#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

/* The rules: the oracles, numbered from 1 as they are, and behind them the deaths. */

static const enum failure_kind deaths[] = {FAILURE_SANITIZER, FAILURE_SIGNAL, FAILURE_HANG, FAILURE_EXIT};

#define DEATH_COUNT (sizeof deaths / sizeof deaths[0])

static size_t rule_index(const struct outcome *outcome) {
    for (size_t i = 0; i < DEATH_COUNT; i++) {
        if (outcome->failure.kind == deaths[i]) {
            return ORACLE_COUNT - 1 + i;
        }
    }
    return outcome->failure.verdict.oracle - 1;
}

/* A link into the documents. */
static void write_document(struct json *json, const char *key, const char *place) {
    const size_t size = strlen(places_documents) + strlen(place) + 1;
    char *const uri = malloc(size);
    if (uri == NULL) {
        abort(); /* a path */
    }
    (void)snprintf(uri, size, "%s%s", places_documents, place);
    json_string(json, key, uri);
    free(uri);
}

static void write_text(struct json *json, const char *key, const char *text) {
    json_open_object(json, key);
    json_string(json, "text", text);
    json_close_object(json);
}

static void write_rule(struct json *json, const char *id, const char *sentence) {
    json_open_object(json, NULL);
    json_string(json, "id", id);
    write_text(json, "shortDescription", sentence);
    write_document(json, "helpUri", "/harness.md#oracles");
    json_open_object(json, "defaultConfiguration");
    json_string(json, "level", "error");
    json_close_object(json);
    json_close_object(json);
}

static void write_rules(struct json *json) {
    json_open_array(json, "rules");
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        write_rule(json, oracle_id(oracle), oracle_sentence(oracle));
    }
    for (size_t i = 0; i < DEATH_COUNT; i++) {
        write_rule(json, outcome_death_id(deaths[i]), outcome_death_sentence(deaths[i]));
    }
    json_close_array(json);
}

void sarif_start(struct json *json) {
    json_open_object(json, NULL);
    json_string(json, "$schema", SCHEMA);
    json_string(json, "version", "2.1.0");
    json_open_array(json, "runs");
    json_open_object(json, NULL);
    json_open_object(json, "tool");
    json_open_object(json, "driver");
    json_string(json, "name", "kmemfuzz");
    json_string(json, "version", KMEM_VERSION);
    write_document(json, "informationUri", "/output.md");
    write_rules(json);
    json_close_object(json);
    json_close_object(json);
    json_open_array(json, "results");
}

/* The message. */

/* In as few operations as possible, where they are known. */
static void print_program(const struct result *result, FILE *stream) {
    if (result->reduced != NULL) {
        const size_t count = result->program->operation_count;
        fprintf(stream, "reduced from %zu operation%s:\n\n", count, count == 1 ? "" : "s");
    }
    (void)text_print(result->reduced != NULL ? result->reduced : result->program, stream);
}

static void print_message(const struct result *result, FILE *stream) {
    const struct outcome *const outcome = result->outcome;
    char text[TEXT_OPERATION_SIZE];
    fprintf(stream, "%s: %s\n", outcome_id(outcome), outcome_sentence(outcome));
    if (outcome->has_step) {
        fprintf(stream, "operation %zu: %s%s\n", outcome->step.index,
                text_operation(&outcome->step.operation, text),
                outcome->step.recovery ? " (freeing everything at the end)" : "");
    }
    if (outcome->failure.kind == FAILURE_VERDICT) {
        struct explanation explanation;
        explain_verdict(outcome->failure.verdict, &explanation);
        fprintf(stream, "where %s\nexpected %s\nobserved %s\n", explanation.where, explanation.expected,
                explanation.observed);
    }
    struct assertion assertion;
    if (assertion_find(outcome->report, &assertion)) {
        fprintf(stream, "assertion %s\n", assertion.text);
    }
    fputc('\n', stream);
    print_program(result, stream);
}

static void write_message(struct json *json, const struct result *result) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (stream == NULL) {
        abort(); /* a few thousand bytes */
    }
    print_message(result, stream);
    if (fclose(stream) != 0) {
        abort();
    }
    write_text(json, "message", text);
    free(text);
}

/* The locations. */

static void write_artifact(struct json *json, const char *path) {
    json_open_object(json, "artifactLocation");
    json_path(json, "uri", path);
    json_close_object(json);
}

static void write_input(struct json *json, const char *path) {
    json_open_object(json, NULL);
    json_open_object(json, "physicalLocation");
    write_artifact(json, path);
    json_close_object(json);
    json_close_object(json);
}

/* The function of the core that a sanitizer has named. */
static void write_place(struct json *json, const struct sanitizer_source *place) {
    json_open_object(json, NULL);
    json_open_object(json, "physicalLocation");
    write_artifact(json, place->file);
    json_open_object(json, "region");
    json_number(json, "startLine", place->line);
    json_close_object(json);
    json_close_object(json);
    json_open_array(json, "logicalLocations");
    json_open_object(json, NULL);
    json_string(json, "name", place->function);
    json_string(json, "kind", "function");
    json_close_object(json);
    json_close_array(json);
    json_close_object(json);
}

void sarif_add(struct json *json, const struct result *result) {
    const struct outcome *const outcome = result->outcome;
    struct sanitizer_source place;
    if (outcome == NULL || outcome->failure.kind == FAILURE_NONE) {
        return;
    }
    json_open_object(json, NULL);
    json_string(json, "ruleId", outcome_id(outcome));
    json_number(json, "ruleIndex", rule_index(outcome));
    json_string(json, "level", "error");
    write_message(json, result);
    json_open_array(json, "locations");
    write_input(json, result->path);
    if (sanitizer_find_source(outcome->report, &place)) {
        write_place(json, &place);
    }
    json_close_array(json);
    json_close_object(json);
}

void sarif_end(struct json *json, size_t unusable_count) {
    json_close_array(json);
    json_open_array(json, "invocations");
    json_open_object(json, NULL);
    json_bool(json, "executionSuccessful", unusable_count == 0); /* every input was run */
    json_close_object(json);
    json_close_array(json);
    json_close_object(json);
    json_close_array(json);
    json_close_object(json);
    json_end(json);
}
