/* kmemfuzz reduce: a failing program made as small as it can be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/host/host.h"
#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/host/reduced.h"
#include "fuzz/report/json.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"
#include "fuzz/tool/command.h"

#define TEXT_SUFFIX ".ops"

struct options {
    const char *source;
    const char *destination;
    bool replace;
    bool json;
    bool as_bytes;
};

/* Writing. */

static bool is_text_name(const char *path) {
    const size_t length = strlen(path);
    const size_t suffix = strlen(TEXT_SUFFIX);
    return length >= suffix && strcmp(path + length - suffix, TEXT_SUFFIX) == 0;
}

static enum exit_code write_text(const struct program *program, const char *path, bool replace) {
    size_t size;
    char *const text = text_make(program, &size);
    if (text == NULL) {
        abort(); /* a few times the size of a file that was just read */
    }
    const enum exit_code code = output_write(path, (const uint8_t *)text, size, replace);
    free(text);
    return code;
}

static enum exit_code write_program(const struct reduced *reduced, const struct options *options) {
    if (is_text_name(options->destination)) {
        return write_text(&reduced->program, options->destination, options->replace);
    }
    return output_write(options->destination, reduced->bytes, reduced->size, options->replace);
}

/* Telling. */

static void print_figures(const struct input *input, const struct reduced *reduced) {
    char failure[FAILURE_TEXT_SIZE];
    const size_t before = input->program.operation_count;
    const size_t after = reduced->program.operation_count;
    printf("%s: %zu operation%s become %zu, %zu bytes become %zu; %zu replay%s, %.0f ms\n",
           failure_text(&reduced->failure, failure), before, before == 1 ? "" : "s", after, input->size,
           reduced->size, reduced->replay_count, reduced->replay_count == 1 ? "" : "s",
           reduced->milliseconds);
    (void)text_print(&reduced->program, stdout); /* command_finish reports what could not be written */
}

static void print_json(const struct input *input, const struct reduced *reduced) {
    char failure[FAILURE_TEXT_SIZE];
    printf("{\"failure\": ");
    json_print_string(failure_text(&reduced->failure, failure), stdout);
    printf(", \"operations_before\": %zu, \"operations_after\": %zu, \"size_before\": %zu, "
           "\"size_after\": %zu, \"replays\": %zu, \"milliseconds\": %.3f}\n",
           input->program.operation_count, reduced->program.operation_count, input->size, reduced->size,
           reduced->replay_count, reduced->milliseconds);
}

static enum exit_code finish(const struct input *input, const struct reduced *reduced,
                             const struct options *options) {
    const enum exit_code code = write_program(reduced, options);
    if (code == EXIT_SOUND) {
        (options->json ? print_json : print_figures)(input, reduced);
    }
    return code;
}

static enum exit_code fail_sound(const struct options *options) {
    fprintf(stderr, "%s: error: the program is sound, so there is nothing to reduce; ",
            input_name(options->source));
    command_print_word("kmemfuzz", "run", stderr);
    fputc(' ', stderr);
    shown_print_word(options->source, stderr);
    fprintf(stderr, " says so too\n");
    return EXIT_USAGE;
}

static enum exit_code reduce_file(const struct options *options) {
    struct input input;
    enum exit_code code = input_open(options->source, options->as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    struct reduced reduced;
    code = reduced_make(options->source, host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), &input.program, &reduced);
    if (code == EXIT_SOUND) {
        code = fail_sound(options);
    } else if (code == EXIT_VIOLATION) {
        code = finish(&input, &reduced, options);
    }
    reduced_close(&reduced);
    input_close(&input);
    return code;
}

/* Arguments. */

static enum exit_code run(void *given) {
    const struct options *const options = given;
    if (options->source == NULL || options->destination == NULL) {
        return command_misuse(&command_reduce, "it takes a program that fails and -o OUT");
    }
    return reduce_file(options);
}

static const struct command_option table[] = {
    OPERAND(source),
    OPTION("-o", "OUT", COMMAND_OUTPUT, destination,
           "the file to write: text if its name ends in .ops, otherwise canonical bytes"),
    FLAG("--json", json, "print the figures as JSON, without the program"),
    FLAG("--bytes", as_bytes, COMMAND_HELP_BYTES),
    FLAG("--force", replace, COMMAND_HELP_FORCE),
};

const struct command command_reduce = {
    .name = "reduce",
    .synopsis = "FILE -o OUT [OPTION...]",
    .summary = "make a failing program as small as possible",
    .help = "FILE is a failing program, text or binary; - is standard input. The reduced program fails\n"
            "in the same way (the same oracle, sanitizer report or signal, or a hang). Prints operations\n"
            "and bytes before and after, how many programs were run for it, the time it took, and the\n"
            "reduced program as text.\n",
    .end = "Exit codes: 0 reduced, 2 a wrong argument, an error in a text, or a program that is sound,\n"
           "3 a file that cannot be read or written, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz reduce crash-1a2b -o crash.ops\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .run = run,
};
