/* kmemfuzz explain: what went wrong in a program, from the file a fuzzer saved to all that helps to fix it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/host/host.h"
#include "fuzz/host/terminal.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/debugger.h"
#include "fuzz/tool/diagnosis.h"

#define TEMPORARY "/tmp/kmemfuzz-XXXXXX" /* where gdb finds the reduced program */

struct options {
    const char *source;
    const char *place; /* the folder or prefix of the files; NULL: next to the source */
    const char *debugger_commands;
    bool debug;
    bool json;
    bool replace;
    bool as_bytes;
};

/* Where the files go. */

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* What the names of the files begin with, from malloc. */
static char *choose_prefix(const struct options *options) {
    char *prefix = NULL;
    size_t size = 0;
    const char *const slash = strrchr(options->source, '/');
    FILE *const stream = open_memstream(&prefix, &size);
    if (stream == NULL) {
        abort(); /* a path */
    }
    if (options->place == NULL) {
        fputs(options->source, stream);
    } else if (is_folder(options->place)) {
        fprintf(stream, "%s/%s", options->place, slash == NULL ? options->source : slash + 1);
    } else {
        fputs(options->place, stream);
    }
    if (fclose(stream) != 0) {
        abort();
    }
    return prefix;
}

/* Telling. */

static enum exit_code tell_sound(const struct diagnosis *diagnosis, const struct options *options) {
    if (options->json) {
        diagnosis_print_json(diagnosis, NULL, stdout);
    } else {
        const size_t count = diagnosis->recording.outcome.operation_count;
        printf("%s: sound, digest %016" PRIx64
               ", %zu operation%s on %s: there is nothing to explain, and nothing is written\n",
               input_name(options->source), diagnosis->recording.outcome.digest, count, count == 1 ? "" : "s",
               subject_under_test->name);
        if (diagnosis->recording.outcome.set_aside != 0) {
            printf("It is so up to %s, which the subject's file sets aside.\n",
                   oracle_id(diagnosis->recording.outcome.set_aside));
        }
    }
    return EXIT_SOUND;
}

static void tell_failure(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                         const struct options *options) {
    if (options->json) {
        diagnosis_print_json(diagnosis, files, stdout);
    } else {
        diagnosis_print(diagnosis, files, terminal_width(), terminal_wants_colour(), stdout);
    }
}

/* The result is printed even when the files cannot be written, and is all that was asked for where they would
 * replace others. */
static enum exit_code explain_to_files(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                                       const struct options *options) {
    const enum exit_code code = diagnosis_write(diagnosis, files, options->replace);
    tell_failure(diagnosis, code == EXIT_SOUND ? files : NULL, options);
    return code == EXIT_SOUND || code == EXIT_USAGE ? EXIT_VIOLATION : code;
}

/* The debugger. */

static enum exit_code fail_temporary(const char *path) {
    fprintf(stderr, "kmemfuzz explain: cannot write %s: %s\n", path, strerror(errno));
    return EXIT_ENVIRONMENT;
}

/* Starts gdb on the reduced program, which it reads from a file that is gone afterwards. */
static enum exit_code debug(const struct diagnosis *diagnosis, const struct options *options) {
    char path[] = TEMPORARY;
    char run[] = "run";
    char as_bytes[] = "--bytes";
    char *const arguments[] = {run, path, as_bytes, NULL};
    const struct debugger_options debugger = {.operation = DEBUGGER_FAILING,
                                              .commands = options->debugger_commands};
    const struct reduced *const reduced = &diagnosis->reduced;
    const int file = mkstemp(path);
    if (file < 0) {
        return fail_temporary(path);
    }
    const bool written = write(file, reduced->bytes, reduced->size) == (ssize_t)reduced->size;
    const bool closed = close(file) == 0;
    enum exit_code code = EXIT_ENVIRONMENT;
    if (written && closed) {
        fflush(stdout); /* before gdb's output */
        code =
            debugger_run(host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), &reduced->program, arguments, &debugger);
    } else {
        (void)fail_temporary(path);
    }
    unlink(path);
    return code == EXIT_SOUND ? EXIT_VIOLATION : code;
}

static enum exit_code explain_to_debugger(const struct diagnosis *diagnosis, const struct options *options) {
    tell_failure(diagnosis, NULL, options);
    return debug(diagnosis, options);
}

/* All of it. */

static enum exit_code explain_input(const struct input *input, const struct diagnosis_files *files,
                                    const struct options *options) {
    struct diagnosis diagnosis;
    enum exit_code code = diagnosis_make(options->source, input, &diagnosis);
    if (code == EXIT_ENVIRONMENT || code == EXIT_USAGE) {
        return code;
    }
    if (code == EXIT_SOUND) {
        code = tell_sound(&diagnosis, options);
    } else if (options->debug) {
        code = explain_to_debugger(&diagnosis, options);
    } else {
        code = explain_to_files(&diagnosis, files, options);
    }
    diagnosis_close(&diagnosis);
    return code;
}

static enum exit_code explain_file(const struct options *options) {
    struct input input;
    enum exit_code code = input_open(options->source, options->as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    char *const prefix = choose_prefix(options);
    struct diagnosis_files files = diagnosis_files_open(prefix);
    code = explain_input(&input, &files, options);
    diagnosis_files_close(&files);
    free(prefix);
    input_close(&input);
    return code;
}

/* Arguments. */

static enum exit_code check(const struct options *options) {
    if (options->source == NULL) {
        return command_misuse(&command_explain, "it takes a program, such as a file that a fuzzer has saved");
    }
    const bool is_standard_input = strcmp(options->source, "-") == 0;
    if (options->debug && is_standard_input) {
        return command_misuse(&command_explain, "--gdb needs standard input for itself; name a file");
    }
    if (options->debug && (options->json || options->place != NULL || options->replace)) {
        return command_misuse(&command_explain, "--gdb writes no files and no JSON");
    }
    if (options->debugger_commands != NULL && !options->debug) {
        return command_misuse(&command_explain, "--gdb-commands belongs to --gdb");
    }
    if (options->debugger_commands != NULL && access(options->debugger_commands, R_OK) != 0) {
        return command_misuse(&command_explain, "--gdb-commands needs " DEBUGGER_COMMANDS);
    }
    if (!options->debug && is_standard_input && (options->place == NULL || is_folder(options->place))) {
        return command_misuse(&command_explain,
                              "standard input has no name; -o says what the files' names begin with");
    }
    return EXIT_SOUND;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    const enum exit_code code = check(options);
    return code == EXIT_SOUND ? explain_file(options) : code;
}

static const struct command_option table[] = {
    OPERAND(source),
    OPTION("-o", "PLACE", "a name: of a folder, or what those of the files begin with", place,
           "write to the folder PLACE; if there is no such folder, begin the files' names with PLACE"),
    FLAG("--bytes", as_bytes, COMMAND_HELP_BYTES),
    FLAG("--force", replace, "replace files that exist and differ"),
    FLAG("--json", json, "print the explanation as JSON (docs/crash.md)"),
    FLAG("--gdb", debug,
         "write nothing; run the reduced program under gdb-multiarch and stop before the operation that "
         "fails; in gdb, kmem-map prints the heap's blocks"),
    OPTION("--gdb-commands", "COMMANDS", DEBUGGER_COMMANDS, debugger_commands,
           "with --gdb: run the commands in that file at the stop, then quit"),
};

const struct command command_explain = {
    .name = "explain",
    .synopsis = "FILE [OPTION...]",
    .summary = "reduce a failing program and say what went wrong",
    .help = "FILE is a failing program, text or binary, such as a file that a fuzzer saved; - is\n"
            "standard input. It runs in a process of its own, is reduced to as few operations as\n"
            "possible, and explained: the rule that broke, the operations, and the heap around each.\n"
            "These files are written next to FILE, all or none:\n\n"
            "  FILE.reduced      the reduced program, as a fuzzer takes it\n"
            "  FILE.reduced.ops  the same as text\n"
            "  FILE.c            the same as C, without the harness\n"
            "  FILE.html         its run as a page for a browser\n\n"
            "Nothing is written for a sound program, or where one of them exists and differs.\n",
    .end = "Exit codes: 0 sound, 1 it fails and was explained, 2 a wrong argument or an error in a\n"
           "text, 3 a file that cannot be read or written, or something else is missing, 4 an internal\n"
           "error.\n\n"
           "Example:\n"
           "  kmemfuzz explain crash-1a2b\n"
           "  kmemfuzz explain crash-1a2b --gdb\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .run = run,
};
