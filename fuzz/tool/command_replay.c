/* kmemfuzz replay: what a board should answer to a blob, in the board's own words. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/execute/line.h"
#include "fuzz/generate/packed.h"
#include "fuzz/host/host.h"
#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/host/subject_table.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/death.h"

struct options {
    const char *path;
    size_t start; /* index of the first input */
    size_t count; /* inputs, at most those from start on */
    bool trace;
    const char *destination; /* where the first input is written; NULL: they are run */
    bool replace;
};

static uint8_t program_bytes[BLOB_PROGRAM_SIZE]; /* of an input that is made */

static void print_line(const struct line *line) {
    fwrite(line->text, 1, line->size, stdout);
}

static void trace_step(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    if (verdict_is_sound(verdict)) {
        const struct line line = line_step(*(const size_t *)context, executor, step);
        print_line(&line);
    }
}

/* Runs input number index and prints its lines. Returns what came of it; EXIT_USAGE: it was not judged. */
static enum exit_code replay_input(struct executor *executor, const struct blob *blob, size_t index,
                                   bool trace) {
    const struct program program = packed_program(blob, index, program_bytes);
    const struct observer tracing = {.after = trace_step, .context = &index};
    executor->observers = (struct observers){{&tracing}, trace ? 1 : 0};
    death_expect(program.operation_count);
    const struct verdict verdict = executor_run(executor, &program);
    death_expect_none();
    executor->observers.count = 0;
    const struct line line = line_verdict(index, executor, verdict);
    print_line(&line);
    fflush(stdout); /* the next input may be this process's last */
    if (!verdict_is_sound(verdict)) {
        return EXIT_VIOLATION;
    }
    return executor->started ? EXIT_SOUND : EXIT_USAGE;
}

static enum exit_code write_input(const struct blob *blob, const struct options *options) {
    if (options->start == blob->input_count) {
        return command_misuse(&command_replay, "there is no input %zu; the blob has %zu", options->start,
                              (size_t)blob->input_count);
    }
    const struct program program = packed_program(blob, options->start, program_bytes);
    return output_write(options->destination, program.bytes, program.size, options->replace);
}

static enum exit_code replay_blob(const struct blob *blob, const struct options *options) {
    const size_t input_count = blob->input_count;
    if (options->start > input_count) {
        return command_misuse(&command_replay, "there is no input %zu; the blob has %zu", options->start,
                              input_count);
    }
    if (options->destination != NULL) {
        return write_input(blob, options);
    }
    const size_t most = input_count - options->start;
    const size_t count = options->count < most ? options->count : most;
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    executor->repeats = executor->repeats && !options->trace; /* a line for each operation, and not two */
    enum exit_code code = EXIT_SOUND;
    for (size_t i = 0; i < count; i++) {
        const enum exit_code came = replay_input(executor, blob, options->start + i, options->trace);
        code = came == EXIT_SOUND || code == EXIT_VIOLATION ? code : came;
    }
    printf("END %zu\n", count);
    subject_table_print_unmet(executor->subject, executor->known_met, stderr);
    return code;
}

static enum exit_code replay_file(const struct options *options) {
    uint8_t *bytes;
    size_t size;
    struct blob blob;
    enum exit_code code = input_read(options->path, &bytes, &size);
    if (code != EXIT_SOUND) {
        return code;
    }
    const enum blob_error error = packed_open(bytes, size, &blob);
    if (error == BLOB_OK) {
        code = replay_blob(&blob, options);
    } else {
        fprintf(stderr, "kmemfuzz: %s: %s\n", input_name(options->path), blob_error_text(error));
        code = EXIT_USAGE;
    }
    free(bytes);
    return code;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    if (options->path == NULL) {
        return command_misuse(&command_replay, "it takes a blob");
    }
    if (options->destination != NULL && (options->trace || options->count != SIZE_MAX)) {
        return command_misuse(&command_replay, "-o runs nothing, so it takes no --count and no --trace");
    }
    if (options->destination == NULL && options->replace) {
        return command_misuse(&command_replay, "--force is for -o");
    }
    return replay_file(options);
}

static const struct options defaults = {.count = SIZE_MAX};

static const struct command_option table[] = {
    OPERAND(path),
    OPTION("--start", "N", "a number", start, "the first input to run, counted from 0"),
    OPTION("--count", "N", "a number", count, "how many to run"),
    FLAG("--trace", trace, "also print `T index operation offset digest` for every operation"),
    OPTION("-o", "FILE", COMMAND_OUTPUT, destination,
           "run nothing, and write the first input there, as bytes"),
    FLAG("--force", replace, "replace FILE if it exists"),
};

const struct command command_replay = {
    .name = "replay",
    .synopsis = "BLOB [OPTION...]",
    .summary = "run a packed corpus and print what a board prints for it",
    .help = "BLOB is a file that pack wrote; - is standard input. Prints `V index operations oracle\n"
            "offset expected observed digest` for each input, with - as the oracle of a sound one: the\n"
            "same lines, from the same code, as a board prints, so that you can compare the two. For a\n"
            "report of a violation, run the file itself.\n",
    .end = "Exit codes: 0 all sound, 1 a violation, 2 a wrong argument, no blob, or a program that cannot\n"
           "be judged, 3 a file that cannot be read or written, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz replay /tmp/corpus.blob\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
