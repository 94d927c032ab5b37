/* kmemfuzz oracles: every oracle and what its verdict says. As JSON also the words and the layout that other
 * programs need to show a run. */
#include <stdio.h>

#include "fuzz/execute/oracle.h"
#include "fuzz/host/outcome.h"
#include "fuzz/host/places.h"
#include "fuzz/program/program.h"
#include "fuzz/report/json.h"
#include "fuzz/tool/command.h"
#include "src/block.h"

#define JSON_FORMAT 1u /* of this document */

struct options {
    bool to_json;
};

static void print_operation(struct json *json, enum operation_kind kind) {
    static const char *const operands[] = {"slot", "alignment", "count", "size", "step", "through", "call"};
    json_open_object(json, NULL);
    json_string(json, "word", operation_word(kind));
    json_open_array(json, "operands");
    for (unsigned bit = 0; bit < sizeof operands / sizeof *operands; bit++) {
        if (operation_takes(kind, (enum operand)(1U << bit))) {
            json_string(json, NULL, operands[bit]);
        }
    }
    json_close_array(json);
    json_close_object(json);
}

/* The words of programs in text, in the order of their numbers. */
static void print_program_words(struct json *json) {
    json_open_object(json, "program");
    json_open_array(json, "operations");
    for (unsigned kind = 0; kind < OPERATION_KIND_COUNT; kind++) {
        print_operation(json, (enum operation_kind)kind);
    }
    json_close_array(json);
    json_open_array(json, "size_bases");
    for (unsigned base = 0; base < SIZE_BASE_COUNT; base++) {
        json_string(json, NULL, size_base_word((enum size_base)base));
    }
    json_close_array(json);
    json_open_array(json, "throughs");
    for (unsigned through = 0; through < THROUGH_COUNT; through++) {
        json_string(json, NULL, through_word((enum through)through));
    }
    json_close_array(json);
    json_close_object(json);
}

static void print_json(void) {
    struct json json = json_start_document(stdout, JSON_FORMAT);
    json_open_array(&json, "oracles");
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        const struct oracle_text *const text = &oracle_texts[oracle];
        json_open_object(&json, NULL);
        json_string(&json, "id", text->id);
        json_string(&json, "sentence", text->sentence);
        json_string(&json, "offset", text->offset);
        json_string(&json, "expected", text->expected);
        json_string(&json, "observed", text->observed);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_open_array(&json, "deaths");
    for (enum failure_kind kind = FAILURE_SANITIZER; kind <= FAILURE_EXIT; kind++) {
        json_open_object(&json, NULL);
        json_string(&json, "id", outcome_death_id(kind));
        json_string(&json, "sentence", outcome_death_sentence(kind));
        json_close_object(&json);
    }
    json_close_array(&json);
    print_program_words(&json);
    json_open_object(&json, "block");
    json_number(&json, "header_size", BLOCK_HEADER_SIZE);
    json_number(&json, "size_minimum", BLOCK_SIZE_MINIMUM);
    json_close_object(&json);
    json_string(&json, "documents", places_documents);
    json_close_object(&json);
    json_end(&json);
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    if (options->to_json) {
        print_json();
        return EXIT_SOUND;
    }
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        printf("%-18s %s\n", oracle_id(oracle), oracle_sentence(oracle));
    }
    return EXIT_SOUND;
}

static const struct command_option table[] = {
    FLAG("--json", to_json,
         "print one JSON document, which also says what a verdict's offset, expected and observed mean, with "
         "units in braces (docs/reference.md)"),
};

const struct command command_oracles = {
    .name = "oracles",
    .synopsis = "[--json]",
    .summary = "list every oracle: its id and what it demands",
    .help = "Reports name oracles by these ids, and `run --only` and `run --without` take them.\n",
    .end = "Exit codes: 0 listed, 2 a wrong argument, 3 standard output cannot be written, 4 an internal\n"
           "error.\n\n"
           "Example:\n"
           "  kmemfuzz oracles\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .run = run,
};
