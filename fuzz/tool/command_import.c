/* kmemfuzz import: a log of another program's calls as a program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/import/import.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"

struct options {
    const char *log;
    const char *destination;
    enum import_format format; /* IMPORT_FORMAT_COUNT: by the log's first line */
    bool skip;
    bool replace;
};

static enum exit_code fail_memory(const struct options *options) {
    fprintf(stderr, "kmemfuzz import: no memory for %s\n", input_name(options->log));
    return EXIT_ENVIRONMENT;
}

/* Says what is wrong with the log, a line for each line of it. Returns whether it can be used all the same.
 */
static bool report_problems(const struct options *options, const struct import *import) {
    for (size_t i = 0; i < import->problem_count; i++) {
        fprintf(stderr, "%s:%zu: %s: %s\n", input_name(options->log), import->problems[i].line,
                options->skip ? "skipped" : "error", import->problems[i].message);
    }
    if (import->problem_count == 0) {
        return true;
    }
    if (options->skip) {
        fprintf(stderr, "%zu line%s skipped\n", import->problem_count, import->problem_count == 1 ? "" : "s");
    } else {
        fprintf(stderr, "%zu line%s cannot be used; correct them, or leave them out with --skip\n",
                import->problem_count, import->problem_count == 1 ? "" : "s");
    }
    return options->skip;
}

static enum exit_code write_program(const struct options *options, const struct import *import) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (stream == NULL) {
        return fail_memory(options);
    }
    import_print(import, options->log, stream);
    const bool whole = ferror(stream) == 0;
    enum exit_code code = EXIT_ENVIRONMENT;
    if (fclose(stream) != 0 || !whole) {
        code = fail_memory(options);
    } else {
        code = output_write(options->destination, (const uint8_t *)text, size, options->replace);
    }
    free(text);
    return code;
}

static bool has_allocation(const struct import *import) {
    for (size_t i = 0; i < import->operation_count; i++) {
        const enum operation_kind kind = import->operations[i].operation.kind;
        if (kind == OPERATION_ALLOC || kind == OPERATION_ZALLOC) {
            return true;
        }
    }
    return false;
}

static enum exit_code convert(const struct options *options, struct import *import) {
    if (!report_problems(options, import)) {
        return EXIT_USAGE;
    }
    if (import->operation_count == 0) {
        fprintf(stderr, "%s: error: it has no call that can be used\n", input_name(options->log));
        return EXIT_USAGE;
    }
    const size_t problem_count = import->problem_count;
    if (problem_count != 0 && !has_allocation(import)) {
        fprintf(stderr,
                "%s: error: without the skipped lines nothing in it allocates, so nothing is written\n",
                input_name(options->log));
        return EXIT_USAGE;
    }
    if (!import_fit(import)) {
        if (import->problem_count == problem_count) {
            return fail_memory(options);
        }
        const struct import_problem *const problem = &import->problems[problem_count];
        fprintf(stderr, "%s:%zu: error: %s\n", input_name(options->log), problem->line, problem->message);
        return EXIT_USAGE;
    }
    const enum exit_code code = write_program(options, import);
    if (code == EXIT_SOUND) {
        const struct program_header *const header = &import->header;
        printf("%zu operations from a log of format %s, on %zu page%s of %zu bytes with %zu slots\n",
               import->operation_count, import_format_name(import->format), header->page_count,
               header->page_count == 1 ? "" : "s", header->page_size, header->slot_count);
    }
    return code;
}

static enum exit_code import_log(const struct options *options, const char *log, size_t size) {
    enum import_format format = options->format;
    if (format == IMPORT_FORMAT_COUNT) {
        format = import_detect(log, size);
    }
    if (format == IMPORT_FORMAT_COUNT) {
        fprintf(stderr, "%s: error: %s\n", input_name(options->log),
                size == 0 ? "it is empty"
                          : "its first line has no known format; choose one with --format: plain, mtrace or "
                            "ltrace");
        return EXIT_USAGE;
    }
    struct import import;
    if (!import_read(log, size, format, &import)) {
        return fail_memory(options);
    }
    const enum exit_code code = convert(options, &import);
    import_close(&import);
    return code;
}

static enum exit_code take_format(void *options, const char *option, const char *name) {
    (void)option;
    const enum import_format format = import_find_format(name);
    ((struct options *)options)->format = format;
    return format != IMPORT_FORMAT_COUNT
               ? EXIT_SOUND
               : command_misuse(&command_import,
                                "there is no format '%s'; there are plain, mtrace and ltrace", shown(name));
}

static enum exit_code import_file(const struct options *options) {
    uint8_t *log;
    size_t size;
    enum exit_code code = input_read(options->log, &log, &size);
    if (code == EXIT_SOUND) {
        code = import_log(options, (const char *)log, size);
        free(log);
    }
    return code;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    if (options->log == NULL || options->destination == NULL) {
        return command_misuse(&command_import, "it takes a log and -o FILE");
    }
    return import_file(options);
}

static const struct options defaults = {.format = IMPORT_FORMAT_COUNT};

static const struct command_option table[] = {
    OPERAND(log),
    OPTION("-o", "FILE", COMMAND_OUTPUT, destination, "the program to write"),
    EACH("--format", "NAME", "a name: plain, mtrace or ltrace", take_format,
         "plain, mtrace or ltrace; by default the log's first line decides"),
    FLAG("--skip", skip,
         "report lines that cannot be used, leave them out, and write the rest if it still allocates "
         "something"),
    FLAG("--force", replace, "replace FILE if it exists"),
};

const struct command command_import = {
    .name = "import",
    .synopsis = "LOG -o FILE [OPTION...]",
    .summary = "make a program from a log of another program's calls",
    .help = "LOG is the output of glibc's mtrace or of ltrace -e malloc+free+realloc+calloc, or lines\n"
            "such as `a ID SIZE` (docs/import.md); - is standard input. FILE becomes a program in text,\n"
            "on the smallest heap that holds it. If a line cannot be used, every such line is reported\n"
            "and nothing is written.\n",
    .end = "Exit codes: 0 written, 2 a wrong argument or a log with errors, 3 a file that cannot be\n"
           "read or written, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz import mtrace.log -o report.ops && kmemfuzz run report.ops\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
