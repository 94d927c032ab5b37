/* kmemfuzz run: programs against the heap, with every oracle asked. */
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/execute/call.h"
#include "fuzz/host/file_list.h"
#include "fuzz/host/host.h"
#include "fuzz/host/input.h"
#include "fuzz/host/outcome.h"
#include "fuzz/host/own_heap.h"
#include "fuzz/host/reduced.h"
#include "fuzz/host/subject_table.h"
#include "fuzz/report/report.h"
#include "fuzz/report/results.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/death.h"
#include "fuzz/tool/debugger.h"

struct options {
    bool trace;
    bool debug; /* under gdb */
    struct debugger_options debugger;
    bool to_json;
    bool to_reduce; /* for the JSON */
    uint64_t oracles;
    char *choices; /* how they were chosen, as --only=ID --without=ID,ID; from malloc, NULL: not at all */
    struct file_list files;
};

/* The command that runs a file again. */

/* The command that runs the file at path again, asking the same oracles; from malloc. */
static char *replay_command(const struct options *options, const char *path) {
    char *command = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&command, &size);
    if (stream == NULL) {
        abort(); /* a few hundred bytes */
    }
    command_print_word(command_tool_path, "run", stream);
    fputc(' ', stream);
    fputs(*path == '-' && path[1] != '\0' ? "./" : "", stream); /* no option */
    shown_print_word(path, stream);
    fputs(options->files.as_bytes ? " --bytes" : "", stream);
    fputs(options->choices == NULL ? "" : options->choices, stream);
    if (fclose(stream) != 0) {
        abort();
    }
    return command;
}

/* Running. */

static void tell_set_aside(const struct executor *executor) {
    if (!verdict_is_sound(executor->set_aside)) {
        printf("       up to %s in a call of %s, which the subject's file sets aside\n",
               oracle_id(executor->set_aside.oracle), call_name(executor->last_call));
    }
}

static enum exit_code run_input(struct executor *executor, const struct input *input, const char *path,
                                const struct options *options) {
    char *const replay = replay_command(options, path);
    report_watch(executor, replay);
    death_expect(input->program.operation_count);
    const struct verdict verdict = options->trace ? report_trace(executor, &input->program, stdout)
                                                  : executor_run(executor, &input->program);
    const bool sound = verdict_is_sound(verdict);
    const bool judged = !sound || executor->started;
    if (!judged) {
        (void)outcome_refuse_unjudged(path, &input->program);
    } else if (sound) {
        printf("sound  %016" PRIx64 "  %4zu operation%s  %s\n", executor->digest, executor->operation_count,
               executor->operation_count == 1 ? " " : "s", shown(path));
        tell_set_aside(executor);
    } else {
        fprintf(stdout, "%s: ", shown(path));
        (void)report_violation(executor, &input->program, replay, stdout);
    }
    death_expect_none();
    free(replay); /* no current run would ask for it */
    if (!judged) {
        return EXIT_USAGE;
    }
    return sound ? EXIT_SOUND : EXIT_VIOLATION;
}

/* Runs an input in a child, as a death of the subject must not end the document. */
static enum exit_code run_for_results(struct executor *executor, const struct input *input, const char *path,
                                      const struct options *options, struct results *results) {
    struct outcome outcome;
    outcome_find(&input->program, options->oracles, &outcome);
    const bool failed = outcome.failure.kind != FAILURE_NONE;
    struct reduced reduced;
    const bool is_reduced = options->to_reduce && failed &&
                            reduced_make(path, executor, &input->program, &reduced) == EXIT_VIOLATION;
    struct outcome reduced_outcome;
    if (is_reduced) {
        outcome_find(&reduced.program, options->oracles, &reduced_outcome);
    }
    const struct result result = {.path = path,
                                  .outcome = &outcome,
                                  .program = options->to_reduce && failed ? &input->program : NULL,
                                  .reduced = is_reduced ? &reduced.program : NULL,
                                  .reduced_outcome = &reduced_outcome};
    results_add(results, &result);
    if (is_reduced) {
        outcome_close(&reduced_outcome);
        reduced_close(&reduced);
    }
    const bool judged = !outcome.passed_over;
    outcome_close(&outcome);
    if (!judged) {
        return EXIT_USAGE;
    }
    return failed ? EXIT_VIOLATION : EXIT_SOUND;
}

/* The most serious of what came of all files, counted by code: what could not be checked outweighs what was
 * found wrong, that what was sound. */
static enum exit_code worst(const size_t counts[EXIT_CODE_COUNT]) {
    static const enum exit_code codes[] = {EXIT_INTERNAL, EXIT_ENVIRONMENT, EXIT_USAGE, EXIT_VIOLATION};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (counts[codes[i]] != 0) {
            return codes[i];
        }
    }
    return EXIT_SOUND;
}

static enum exit_code run_file(struct executor *executor, const char *path, const struct options *options,
                               struct results *results) {
    struct input input;
    enum exit_code code = input_open(path, options->files.as_bytes, &input);
    if (code != EXIT_SOUND) {
        if (options->to_json) {
            results_add(results, &(struct result){.path = path});
        }
        return code;
    }
    code = options->to_json ? run_for_results(executor, &input, path, options, results)
                            : run_input(executor, &input, path, options);
    input_close(&input);
    return code;
}

/* What was left out, and the counts of all: of one file its line says enough. */
static void print_end(const struct file_list *files, const size_t counts[EXIT_CODE_COUNT]) {
    file_list_print_left_out(files, 0, stdout);
    if (files->count + files->left_out_count == 1) {
        return;
    }
    printf("%zu sound, %zu with violations, %zu unusable", counts[EXIT_SOUND], counts[EXIT_VIOLATION],
           counts[EXIT_USAGE] + counts[EXIT_ENVIRONMENT] + counts[EXIT_INTERNAL]);
    if (files->left_out_count != 0) {
        printf(", %zu left out", files->left_out_count);
    }
    putchar('\n');
}

static enum exit_code run_files(const struct options *options) {
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    struct results results;
    executor->oracles = options->oracles;
    if (options->to_json) {
        results_start(&results);
    }
    size_t counts[EXIT_CODE_COUNT] = {0};
    for (size_t i = 0; i < options->files.count; i++) {
        counts[run_file(executor, options->files.paths[i], options, &results)]++;
    }
    if (options->to_json) {
        results_end(&results, &options->files);
    } else {
        print_end(&options->files, counts);
        if (options->files.count > 1) {
            subject_table_print_unmet(executor->subject, executor->known_met, stdout);
        }
    }
    return worst(counts);
}

/* Under the debugger. */

/* The command that gdb is to run, `run` and what the run depends on; an array from malloc, which points into
 * the options: their choices are cut into words. */
static char **debugged_command(struct options *options) {
    static char run[] = "run";
    static char trace[] = "--trace";
    static char as_bytes[] = "--bytes";
    static char end_of_options[] = "--";
    const size_t choices_size = options->choices == NULL ? 0 : strlen(options->choices);
    char **const command = calloc(choices_size + 6, sizeof *command); /* a word is a character at least */
    if (command == NULL) {
        abort(); /* a few pointers */
    }
    char **end = command;
    *end++ = run;
    if (options->trace) {
        *end++ = trace;
    }
    if (options->files.as_bytes) {
        *end++ = as_bytes;
    }
    char *rest = NULL;
    for (char *word = choices_size == 0 ? NULL : strtok_r(options->choices, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        *end++ = word;
    }
    if (*options->files.paths[0] == '-') {
        *end++ = end_of_options;
    }
    *end = options->files.paths[0];
    return command;
}

static enum exit_code debug_file(struct options *options) {
    if (options->files.count != 1 || strcmp(options->files.paths[0], "-") == 0) {
        return command_misuse(&command_run, "--gdb takes one file, and not standard input");
    }
    struct input input;
    enum exit_code code = input_open(options->files.paths[0], options->files.as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    executor->oracles = options->oracles;
    char **const command = debugged_command(options);
    code = debugger_run(executor, &input.program, command, &options->debugger);
    free(command);
    input_close(&input);
    return code;
}

/* Arguments. */

/* The oracle whose id is the first `length` characters of text; 0 when there is none. */
static unsigned find_oracle(const char *text, size_t length) {
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        if (strlen(oracle_id(oracle)) == length && memcmp(oracle_id(oracle), text, length) == 0) {
            return oracle;
        }
    }
    return 0;
}

/* The set of oracles that a comma-separated list of ids names. */
static bool parse_oracles(const char *list, uint64_t *oracles) {
    *oracles = 0;
    for (;;) {
        const size_t length = strcspn(list, ",");
        const unsigned oracle = find_oracle(list, length);
        if (oracle == 0) {
            fprintf(stderr, "kmemfuzz run: there is no oracle '%s'; kmemfuzz oracles lists them\n",
                    shown_part(list, length));
            return false;
        }
        *oracles |= ORACLE_BIT(oracle);
        if (list[length] == '\0') {
            return true;
        }
        list += length + 1;
    }
}

/* Appends an option to those that a command that runs a file again has; its list is ids, which need no
 * quotes. */
static void note_choice(struct options *options, const char *name, const char *list) {
    const size_t length = options->choices == NULL ? 0 : strlen(options->choices);
    const size_t size = strlen(name) + strlen(list) + sizeof "  ";
    char *const longer = realloc(options->choices, length + size);
    if (longer == NULL) {
        abort(); /* a few words */
    }
    options->choices = longer;
    (void)snprintf(options->choices + length, size, " %s %s", name, list);
}

/* --only and --without, one after another. */
static enum exit_code take_oracles(void *given, const char *name, const char *list) {
    struct options *const options = given;
    uint64_t oracles;
    if (!parse_oracles(list, &oracles)) {
        return EXIT_USAGE;
    }
    note_choice(options, name, list);
    options->oracles = strcmp(name, "--only") == 0 ? oracles : options->oracles & ~oracles;
    return EXIT_SOUND;
}

/* Whether there is a folder of that path, with something in it. */
static bool holds_something(const char *path) {
    DIR *const folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL && *entry->d_name == '.') {
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return entry != NULL;
}

/* What is run of a heap of the user's where no file is named: its corpus and its regressions. */
static enum exit_code add_own_files(struct file_list *files) {
    static const char *const folders[] = {"corpus", "regressions"};
    const char *const place = getenv(OWN_HEAP_FOLDER);
    if (place == NULL) {
        return command_misuse(&command_run, "it needs a file, or a folder with files in it");
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", place, folders[i]) < (int)sizeof path &&
            holds_something(path)) {
            const enum exit_code code = file_list_add(files, path);
            if (code != EXIT_SOUND) {
                return code;
            }
        }
    }
    return files->count != 0
               ? EXIT_SOUND
               : command_misuse(&command_run, "it needs a file: %s has no corpus and no regressions yet",
                                shown(place));
}

/* What the options need of one another. */
static enum exit_code check(const struct options *options) {
    const struct debugger_options *const debugger = &options->debugger;
    if (options->debug && options->to_json) {
        return command_misuse(&command_run, "--gdb writes no JSON");
    }
    if (options->to_reduce && !options->to_json) {
        return command_misuse(&command_run, "--reduce belongs to --json");
    }
    if (debugger->operation != DEBUGGER_FAILING && !options->debug) {
        return command_misuse(&command_run, "--operation belongs to --gdb");
    }
    if (debugger->commands != NULL && !options->debug) {
        return command_misuse(&command_run, "--gdb-commands belongs to --gdb");
    }
    if (debugger->commands != NULL && access(debugger->commands, R_OK) != 0) {
        return command_misuse(&command_run, "--gdb-commands needs " DEBUGGER_COMMANDS);
    }
    if (options->trace && options->to_json) {
        return command_misuse(&command_run, "--trace and --json both want standard output; choose one");
    }
    return EXIT_SOUND;
}

static enum exit_code run(void *given) {
    struct options *const options = given;
    enum exit_code code = check(options);
    if (code == EXIT_SOUND && options->files.count == 0) {
        code = add_own_files(&options->files);
    }
    if (code == EXIT_SOUND) {
        code = options->debug ? debug_file(options) : run_files(options);
    }
    free(options->choices);
    return code;
}

static const struct options defaults = {.oracles = ORACLE_ALL, .debugger.operation = DEBUGGER_FAILING};

#define IDS "the ids of oracles, separated by commas"

static const struct command_option table[] = {
    OPERAND(files),
    FLAG("--trace", trace, "print every operation, the heap after it, and the digest so far"),
    EACH("--only", "IDS", IDS, take_oracles, "use only these oracles (ids separated by commas)"),
    EACH("--without", "IDS", IDS, take_oracles, "use every oracle except these"),
    FLAG("--gdb", debug,
         "run one file under gdb-multiarch and stop before the operation that fails, or before the first if "
         "none does; in gdb, kmem-map prints the heap's blocks"),
    OPTION("--operation", "N", "the number of an operation, from 0", debugger.operation,
           "with --gdb: stop before operation N, from 0"),
    OPTION("--gdb-commands", "FILE", DEBUGGER_COMMANDS, debugger.commands,
           "with --gdb: run the commands in FILE at the stop, then quit"),
    FLAG("--bytes", files.as_bytes, "read every file as binary, whatever its name and contents"),
    FLAG("--json", to_json, "print one JSON document instead of lines and reports (docs/output.md)"),
    FLAG("--reduce", to_reduce, "with --json: also reduce each failing program"),
};

const struct command command_run = {
    .name = "run",
    .synopsis = "FILE|DIR... [OPTION...]",
    .summary = "run programs and check every operation",
    .help = "Prints one line for each sound program (its digest and the operations checked, recovery\n"
            "included) and a report for each violation. A folder stands for every program below it;\n"
            "files that are not programs are listed, and names that begin with a dot are skipped. - is\n"
            "standard input. Of a heap of your own, its corpus and regressions are run where no FILE is\n"
            "named.\n\n"
            "With --json each input runs in its own process, so one that kills the subject is a result\n"
            "like any other.\n",
    .end = "Exit codes: 0 all sound, 1 a violation, 2 a wrong argument, an error in a text, a file that\n"
           "is not a program or a folder without one, 3 a file that cannot be read, 4 an internal\n"
           "error.\n\n"
           "Example:\n"
           "  kmemfuzz run corpus\n"
           "  kmemfuzz run crash-1a2b --trace\n"
           "  kmemfuzz run corpus --json\n"
           "  kmemfuzz run crash-1a2b --gdb\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
