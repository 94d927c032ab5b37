/* A program under the debugger. debugger.h is the contract. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "fuzz/tool/debugger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/tool/tree.h"

#define DEBUGGER      "gdb-multiarch"
#define SUPPORT       "fuzz/gdb/kmem_gdb.py"
#define PROBE_SECONDS 5              /* of processor time, more than any program takes; then it hangs */
#define COMMAND_SIZE  ((size_t)4200) /* bytes: a word and a path */
#define OWN_WORDS     32             /* of the command line, more than the debugger is given */
#define SELF          "/proc/self/exe"

/* What a run in another process leaves behind, however it ends. In memory both share. */
struct probe {
    size_t begun; /* operations begun */
    bool ended;
    bool sound; /* once it has ended */
};

static void note_step(void *context, const struct executor *executor, const struct step *step) {
    (void)executor;
    ((struct probe *)context)->begun = step->index + 1;
}

/* Runs the program where nothing it does is seen or hurts. Does not return. */
static void run_probe(struct executor *executor, const struct program *program, struct probe *probe) {
    static struct observer noting; /* the executor keeps it */
    noting = (struct observer){.before = note_step, .context = probe};
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) {
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
    }
    const struct rlimit limit = {.rlim_cur = PROBE_SECONDS, .rlim_max = RLIM_INFINITY};
    (void)setrlimit(RLIMIT_CPU, &limit);
    executor->observer = &noting;
    probe->sound = verdict_is_sound(executor_run(executor, program));
    probe->ended = true;
    _exit(0);
}

/* Waits for a process to end; its status as wait gives it, -1 when it cannot be had. */
static int await(pid_t process) {
    int status = -1;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}

/* Fills *probe and returns how the run ended, in a word; NULL, and says so, when there is no process to be
 * had for it. */
static const char *find_failure(struct executor *executor, const struct program *program,
                                struct probe *probe) {
    struct probe *const shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        fprintf(stderr, "kmemfuzz: no memory to share with another process: %s\n", strerror(errno));
        return NULL;
    }
    fflush(NULL); /* or the other process would print it as well */
    const pid_t process = fork();
    if (process == 0) {
        run_probe(executor, program, shared);
    }
    const int status = process < 0 ? -1 : await(process);
    *probe = *shared;
    (void)munmap(shared, sizeof *shared);
    if (status < 0) {
        fprintf(stderr, "kmemfuzz: a process to try the program in could not be had: %s\n", strerror(errno));
        return NULL;
    }
    if (probe->ended) {
        return probe->sound ? "sound" : "violation";
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? "hang" : "dies in the subject";
}

/* The number of the operation to stop before, said on standard error. */
static enum exit_code choose_operation(const struct probe *probe, const char *outcome,
                                       const struct debugger_options *options, size_t *operation) {
    if (probe->begun == 0) {
        fprintf(stderr, "kmemfuzz: %s before the first operation: there is none to stop before\n", outcome);
        return EXIT_USAGE;
    }
    *operation = options->operation;
    if (*operation == DEBUGGER_FAILING) {
        *operation = probe->ended && probe->sound ? 0 : probe->begun - 1;
    }
    if (*operation >= probe->begun) {
        fprintf(stderr, "kmemfuzz: there is no operation %zu: the run has %zu, recovery included\n",
                *operation, probe->begun);
        return EXIT_USAGE;
    }
    fprintf(stderr, "%s; stopping before operation %zu\n", outcome, *operation);
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
        fprintf(stderr, "kmemfuzz: %s does not tell where this program is: %s\n", SELF, strerror(errno));
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
    add_execution(&line, "set startup-with-shell off");
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
    struct probe probe;
    size_t operation;
    char *const support = tree_find(SUPPORT);
    const char *const outcome = support == NULL ? NULL : find_failure(executor, program, &probe);
    enum exit_code code = EXIT_ENVIRONMENT;
    if (outcome != NULL) {
        code = choose_operation(&probe, outcome, options, &operation);
    }
    if (code == EXIT_SOUND) {
        code = debug_operation_of(support, operation, arguments, options->commands);
    }
    free(support);
    return code;
}
