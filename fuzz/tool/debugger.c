/* A program under the debugger. debugger.h is the contract. */
#include "fuzz/tool/debugger.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/host/isolated.h"
#include "fuzz/host/tree.h"

#define DEBUGGER     "gdb-multiarch"
#define SUPPORT      "fuzz/gdb/kmem_gdb.py"
#define COMMAND_SIZE ((size_t)4200) /* bytes: a word and a path */
#define OWN_WORDS    32             /* of the command line, more than the debugger is given */
#define SELF         "/proc/self/exe"

/* Waits for a process to end; its status as wait gives it, -1 when it is unknown. */
static int await(pid_t process) {
    int status = -1;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}

/* How a run ended, in a word. */
static const char *name_end(const struct outcome *outcome) {
    switch (outcome->failure.kind) {
    case FAILURE_NONE:
        return "sound";
    case FAILURE_VERDICT:
        return "violation";
    case FAILURE_HANG:
        return "hang";
    default:
        return "dies in the subject";
    }
}

/* The number of the operation to stop before, said on standard error. */
static enum exit_code choose_operation(const struct outcome *outcome, const struct debugger_options *options,
                                       size_t *operation) {
    const size_t begun = outcome->has_step ? outcome->step.index + 1 : 0;
    if (begun == 0) {
        fprintf(stderr, "kmemfuzz: %s before the first operation, so there is nothing to stop before\n",
                name_end(outcome));
        return EXIT_USAGE;
    }
    *operation = options->operation;
    if (*operation == DEBUGGER_FAILING) {
        *operation = outcome->failure.kind == FAILURE_NONE ? 0 : begun - 1;
    }
    if (*operation >= begun) {
        fprintf(stderr, "kmemfuzz: there is no operation %zu: the run has %zu, recovery included\n",
                *operation, begun);
        return EXIT_USAGE;
    }
    fprintf(stderr, "%s; stopping before operation %zu\n", name_end(outcome), *operation);
    return EXIT_SOUND;
}

/* Under a debugger the leak check cannot run, and would say so in place of the report. */
static void turn_leak_check_off(void) {
    const char *const others = getenv("ASAN_OPTIONS");
    char text[COMMAND_SIZE];
    (void)snprintf(text, sizeof text, "%s%sdetect_leaks=0", others == NULL ? "" : others,
                   others == NULL || *others == '\0' ? "" : ":");
    (void)setenv("ASAN_OPTIONS", text, 1);
}

/* The debugger's command line; only its array is memory to be freed. */
struct command_line {
    char **words; /* NULL-terminated */
    size_t count;
};

/* An empty command line with room for its own words and those of the program. */
static struct command_line make_line(char *const *arguments) {
    size_t count = OWN_WORDS;
    for (; *arguments != NULL; arguments++) {
        count++;
    }
    struct command_line line = {.words = calloc(count, sizeof *line.words), .count = 0};
    if (line.words == NULL) {
        abort(); /* a few pointers */
    }
    return line;
}

static void add_word(struct command_line *line, const char *word) {
    line->words[line->count++] = (char *)(uintptr_t)word; /* execvp changes none */
}

static void add_execution(struct command_line *line, const char *command) {
    add_word(line, "-ex");
    add_word(line, command);
}

/* Starts the debugger and waits for its end. */
static enum exit_code start_debugger(char *const *words) {
    const pid_t process = fork();
    if (process == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* what ends this tool ends the session */
        (void)setenv("SHELL", "/bin/sh", 1);    /* by whose rules gdb quotes what it starts */
        execvp(words[0], words);
        const bool missing = errno == ENOENT;
        fprintf(stderr, "kmemfuzz: %s %s%s\n", DEBUGGER, missing ? "is missing" : "cannot be started: ",
                missing ? "; install the Debian package " DEBUGGER : strerror(errno));
        _exit(EXIT_ENVIRONMENT);
    }
    if (process < 0) {
        fprintf(stderr, "kmemfuzz: %s cannot be started: %s\n", DEBUGGER, strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    void (*const interrupt)(int) = signal(SIGINT, SIG_IGN); /* ^C reaches the debugger as well, and is its */
    const int status = await(process);
    (void)signal(SIGINT, interrupt);
    if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ENVIRONMENT)) {
        fprintf(stderr, "kmemfuzz: %s failed\n", DEBUGGER);
    }
    return status == 0 ? EXIT_SOUND : EXIT_ENVIRONMENT;
}

/* gdb on this very program with these arguments, up to its stop before the operation. */
static enum exit_code debug_operation_of(const char *support, size_t operation, char *const *arguments,
                                         const char *commands) {
    char tool[COMMAND_SIZE] = "";
    char source[COMMAND_SIZE];
    char stop[64];
    if (readlink(SELF, tool, sizeof tool - 1) < 0) {
        fprintf(stderr, "kmemfuzz: %s does not say where this program is: %s\n", SELF, strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    (void)snprintf(source, sizeof source, "source %s", support);
    (void)snprintf(stop, sizeof stop, "kmem-stop-before %zu", operation);
    struct command_line line = make_line(arguments);
    add_word(&line, DEBUGGER);
    add_word(&line, "-q");
    if (commands != NULL) {
        add_word(&line, "-nx");
        add_word(&line, "-batch");
    }
    add_execution(&line, "set confirm off");
    add_execution(&line, "set startup-with-shell on"); /* without one, words are cut at blanks */
    add_execution(&line, source);
    add_execution(&line, stop);
    add_execution(&line, "run");
    if (commands != NULL) {
        add_word(&line, "-x");
        add_word(&line, commands);
    }
    add_word(&line, "--args");
    add_word(&line, tool);
    for (; *arguments != NULL; arguments++) {
        add_word(&line, *arguments);
    }
    turn_leak_check_off();
    const enum exit_code code = start_debugger(line.words);
    free(line.words);
    return code;
}

enum exit_code debugger_run(struct executor *executor, const struct program *program, char *const *arguments,
                            const struct debugger_options *options) {
    size_t operation;
    struct outcome outcome;
    char *const support = tree_find(SUPPORT);
    if (support == NULL) {
        return EXIT_ENVIRONMENT;
    }
    isolated_examine(executor, program, NULL, &outcome);
    enum exit_code code = choose_operation(&outcome, options, &operation);
    if (code == EXIT_SOUND) {
        code = debug_operation_of(support, operation, arguments, options->commands);
    }
    outcome_close(&outcome);
    free(support);
    return code;
}
