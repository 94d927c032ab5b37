/* kmemfuzz replay: what a board should answer to a blob, in the board's own words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target/blob.h"
#include "fuzz/target/line.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/host.h"

struct options {
    const char *path;
    size_t start; /* index of the first input */
    size_t count; /* inputs; 0: all from start on */
    bool trace;
};

/* The file at path, in memory from malloc; NULL, and why not has been printed. A byte more than a blob may
 * have is enough to tell that it has too many. */
static unsigned char *read_file(const char *path, size_t *size) {
    FILE *const stream = fopen(path, "rb");
    unsigned char *const bytes = malloc(BLOB_CAPACITY + 1);
    if (stream == NULL || bytes == NULL) {
        fprintf(stderr, "kmemfuzz: cannot read %s: %s\n", path, strerror(errno));
        free(bytes);
        if (stream != NULL) {
            fclose(stream);
        }
        return NULL;
    }
    *size = fread(bytes, 1, BLOB_CAPACITY + 1, stream);
    fclose(stream);
    return bytes;
}

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

/* Runs input number index and prints its lines. Returns whether it is sound. */
static bool replay_input(struct executor *executor, const struct blob *blob, size_t index, bool trace) {
    const struct blob_input *const input = &blob->inputs[index];
    const struct program program = program_decode(blob->bytes + input->offset, input->size);
    const struct observer tracing = {.after = trace_step, .context = &index};
    executor->observer = trace ? &tracing : NULL;
    const struct verdict verdict = executor_run(executor, &program);
    executor->observer = NULL;
    const struct line line = line_verdict(index, executor, verdict);
    print_line(&line);
    fflush(stdout); /* the next input may be this process's last */
    return verdict_is_sound(verdict);
}

static enum exit_code replay_blob(const struct blob *blob, const struct options *options) {
    const size_t input_count = blob->header->input_count;
    if (options->start > input_count) {
        return command_misuse(&command_replay, "there is no input %zu; the blob has %zu", options->start,
                              input_count);
    }
    const size_t most = input_count - options->start;
    const size_t count = options->count == 0 || options->count > most ? most : options->count;
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    bool sound = true;
    for (size_t i = 0; i < count; i++) {
        sound &= replay_input(executor, blob, options->start + i, options->trace);
    }
    printf("END %zu\n", count);
    return sound ? EXIT_SOUND : EXIT_VIOLATION;
}

static enum exit_code replay_file(const struct options *options) {
    size_t size;
    struct blob blob;
    unsigned char *const bytes = read_file(options->path, &size);
    if (bytes == NULL) {
        return EXIT_ENVIRONMENT;
    }
    enum exit_code code = EXIT_USAGE;
    const enum blob_error error = blob_open(bytes, size, &blob);
    if (error == BLOB_OK) {
        code = replay_blob(&blob, options);
    } else {
        fprintf(stderr, "kmemfuzz: %s: %s\n", options->path, blob_error_text(error));
    }
    free(bytes);
    return code;
}

/* A whole decimal number; false for anything else. */
static bool parse_number(const char *text, size_t *number) {
    char *end = NULL;
    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    *number = (size_t)value;
    return *end == '\0' && errno == 0 && value <= UINT32_MAX;
}

static enum exit_code run(char **arguments) {
    struct options options = {.path = NULL};
    for (; *arguments != NULL; arguments++) {
        const char *const argument = *arguments;
        const bool is_start = strcmp(argument, "--start") == 0;
        if (is_start || strcmp(argument, "--count") == 0) {
            if (!parse_number(*++arguments, is_start ? &options.start : &options.count)) {
                return command_misuse(&command_replay, "%s needs a number", argument);
            }
        } else if (strcmp(argument, "--trace") == 0) {
            options.trace = true;
        } else if (*argument == '-' || options.path != NULL) {
            return command_misuse(
                &command_replay,
                *argument == '-' ? "there is no option '%s'" : "'%s' is one argument too many", argument);
        } else {
            options.path = argument;
        }
    }
    return options.path == NULL ? command_misuse(&command_replay, "it takes a blob") : replay_file(&options);
}

const struct command command_replay = {
    .name = "replay",
    .synopsis = "BLOB [OPTION...]",
    .summary = "run a packed corpus and print the lines a board prints for it",
    .help = "For comparing with a board: the same lines, made by the same code. `V index operations oracle "
            "offset\n"
            "expected observed digest` for each input; the oracle is - for a sound one. To have a violation\n"
            "explained, run the file itself.\n\n"
            "  --start N   the first input to run, counted from 0\n"
            "  --count N   how many to run\n"
            "  --trace     a line `T index operation offset digest` for every operation\n\n"
            "Example:\n  kmemfuzz replay /tmp/corpus.blob\n",
    .run = run,
};
