/* kmemfuzz show: a program as text or as C, and its run as pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/host/terminal.h"
#include "fuzz/report/html.h"
#include "fuzz/report/map.h"
#include "fuzz/report/reproducer.h"
#include "fuzz/report/svg.h"
#include "fuzz/text/text.h"
#include "fuzz/tool/command.h"

struct options {
    const char *source;
    const char *html; /* the file to write; NULL: none */
    const char *svg;
    const char *operations; /* as given, such as "3-5"; NULL: none are chosen */
    struct svg_range range; /* what that says */
    bool map;
    bool as_c;
    bool as_bytes;
    bool replace;
};

/* Files. */

typedef void picture_writer(const struct recording *recording, const struct options *options, FILE *stream);

static void write_html(const struct recording *recording, const struct options *options, FILE *stream) {
    html_write(recording, options->source, stream);
}

static void write_svg(const struct recording *recording, const struct options *options, FILE *stream) {
    svg_write(recording, options->source, options->range, stream);
}

static enum exit_code write_picture(picture_writer *write, const struct recording *recording,
                                    const struct options *options, const char *path) {
    char *bytes = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&bytes, &size);
    if (stream != NULL) {
        write(recording, options, stream);
    }
    if (stream == NULL || fclose(stream) != 0) {
        fprintf(stderr, "kmemfuzz show: no memory for the picture\n");
        return EXIT_ENVIRONMENT;
    }
    const enum exit_code code = output_write(path, (const uint8_t *)bytes, size, options->replace);
    free(bytes);
    return code;
}

static enum exit_code draw(const struct recording *recording, const struct options *options) {
    const size_t count = recording->history->step_count;
    if (options->range.chosen && options->range.last >= count) {
        fprintf(stderr, "kmemfuzz show: there is no operation %zu: the run has %zu, counted from 0\n",
                options->range.last, count);
        return EXIT_USAGE;
    }
    enum exit_code code = EXIT_SOUND;
    if (options->html != NULL) {
        code = write_picture(write_html, recording, options, options->html);
    }
    if (options->svg != NULL && code == EXIT_SOUND) {
        code = write_picture(write_svg, recording, options, options->svg);
    }
    if (options->map && code == EXIT_SOUND) {
        map_print(recording, terminal_width(), terminal_wants_colour(), stdout);
    }
    return code;
}

static enum exit_code write_pictures(const struct program *program, const struct options *options) {
    struct recording recording = recording_make(program);
    const enum exit_code code = draw(&recording, options);
    recording_close(&recording);
    return code;
}

/* C. */

static enum exit_code show_c(const char *path, const struct program *program) {
    if (!reproducer_is_possible()) {
        fprintf(stderr, "kmemfuzz show: there is no C file for %s; show the program as text\n",
                subject_under_test->name);
        return EXIT_USAGE;
    }
    struct recording recording = recording_make(program);
    if (recording.outcome.passed_over) {
        recording_close(&recording);
        return outcome_refuse_unjudged(path, program);
    }
    const bool whole = reproducer_write(program, &recording, path, stdout);
    if (!whole) {
        fprintf(stderr, "kmemfuzz show: %s cannot be run: no memory for its steps\n", input_name(path));
    }
    recording_close(&recording);
    return whole ? EXIT_SOUND : EXIT_ENVIRONMENT;
}

static enum exit_code show(const struct options *options) {
    struct input input;
    enum exit_code code = input_open(options->source, options->as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    if (options->html != NULL || options->svg != NULL || options->map) {
        code = write_pictures(&input.program, options);
    } else if (options->as_c) {
        code = show_c(options->source, &input.program);
    } else {
        (void)text_print(&input.program, stdout); /* command_finish reports what could not be written */
    }
    input_close(&input);
    return code;
}

/* Arguments. */

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

/* Reads FIRST-LAST, or one number for both. One that is too large becomes the largest. */
static bool parse_range(const char *text, struct svg_range *range) {
    char *end = NULL;
    if (!is_digit(text[0])) {
        return false;
    }
    range->chosen = true;
    range->first = strtoul(text, &end, 10);
    range->last = range->first;
    if (*end == '-' && is_digit(end[1])) {
        range->last = strtoul(end + 1, &end, 10);
    }
    return *end == '\0' && range->first <= range->last;
}

static enum exit_code run(void *given) {
    struct options *const options = given;
    if (options->source == NULL) {
        return command_misuse(&command_show, "it takes a program");
    }
    if (options->operations != NULL && options->svg == NULL) {
        return command_misuse(&command_show, "--operations goes with --svg");
    }
    if (options->operations != NULL && !parse_range(options->operations, &options->range)) {
        return command_misuse(&command_show, "--operations needs FIRST-LAST, such as 3-5");
    }
    return show(options);
}

static const struct command_option table[] = {
    OPERAND(source),
    FLAG("--c", as_c,
         "print a C file that makes the same calls without the harness; an assertion in it fails and names "
         "what the heap broke"),
    OPTION("--html", "OUT", COMMAND_OUTPUT, html,
           "write a page for a browser, in which you step through the run and inspect blocks"),
    OPTION("--svg", "OUT", COMMAND_OUTPUT, svg, "write a still picture of the last operations"),
    OPTION("--operations", "FIRST-LAST", "FIRST-LAST, such as 3-5", operations,
           "in the still picture, draw these operations, counted from 0, and the heap before them"),
    FLAG("--map", map,
         "print the heap as a line of characters for each operation; in colour on a terminal unless NO_COLOR "
         "is set"),
    FLAG("--bytes", as_bytes, COMMAND_HELP_BYTES),
    FLAG("--force", replace, COMMAND_HELP_FORCE),
};

const struct command command_show = {
    .name = "show",
    .synopsis = "FILE [OPTION...]",
    .summary = "print a program as text or as C, or draw its run",
    .help = "FILE is a program, binary or text; - is standard input. You can edit what is printed and\n"
            "run it again. With --html, --svg or --map the program runs, and the heap after each\n"
            "operation is drawn, even if the subject dies or hangs.\n",
    .end = "docs/pictures.md explains the pictures. Exit codes: 0 shown, whatever the verdict, 2 a\n"
           "wrong argument or an error in a text, 3 a file that cannot be read or written, 4 an\n"
           "internal error.\n\n"
           "Example:\n"
           "  kmemfuzz show crash-1a2b > crash.ops\n"
           "  kmemfuzz show crash-1a2b --html crash.html\n"
           "  kmemfuzz show crash-1a2b --c > repro.c && cc -I. repro.c src/kmem.c -o repro && ./repro\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .run = run,
};
