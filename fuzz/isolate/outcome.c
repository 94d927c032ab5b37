/* Runs in a child process. outcome.h is the contract. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, setitimer */
#include "fuzz/isolate/outcome.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/tool/host.h"
#include "src/port.h"

/* What the child tells: memory that both processes see, so that it is there when the child is not. */
struct account {
    struct outcome outcome;
    bool complete; /* the run has ended by itself */
};

static void note_before(void *context, const struct executor *executor, const struct step *step) {
    struct account *const account = context;
    (void)executor;
    account->outcome.has_step = true;
    account->outcome.step = *step;
}

static void note_after(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    struct account *const account = context;
    (void)verdict;
    account->outcome.step = *step;
    account->outcome.operation_count = executor->operation_count;
    account->outcome.digest = executor->digest;
}

/* The signals that end a child: what the tool does about them is for its own process. Under AddressSanitizer
 * they are the sanitizer's, which reports them. */
static const int deadly[] = {
    SIGPROF,
#if !PORT_ADDRESS_SANITIZER
    SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
#endif
};

/* In the child. A step that stands still ends by SIGPROF. */
__attribute__((noreturn)) static void run_child(const struct program *program, uint64_t oracles,
                                                struct account *account, int report) {
    const struct itimerval limit = {.it_value = {.tv_sec = OUTCOME_SECONDS}};
    const struct observer noting = {.before = note_before, .after = note_after, .context = account};
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        signal(deadly[i], SIG_DFL);
    }
    if (dup2(report, STDERR_FILENO) < 0 || setitimer(ITIMER_PROF, &limit, NULL) != 0) {
        _exit(EXIT_FAILURE);
    }
    executor->observer = &noting;
    executor->oracles = oracles;
    account->outcome.verdict = executor_run(executor, program);
    account->outcome.digest = executor->digest;
    account->complete = true;
    _exit(EXIT_SUCCESS);
}

static void read_report(int file, char report[OUTCOME_REPORT_SIZE]) {
    const ssize_t size = pread(file, report, OUTCOME_REPORT_SIZE - 1, 0);
    report[size < 0 ? 0 : size] = '\0';
}

/* Which kind of end a child came to. A sanitizer may end it by an exit code or by a signal. */
static enum ending classify(const struct account *account, int status) {
    if (account->complete) {
        return verdict_is_sound(account->outcome.verdict) ? ENDING_SOUND : ENDING_VIOLATION;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) {
        return ENDING_HANG;
    }
    const char *const report = account->outcome.report;
    const bool reported = strstr(report, "Sanitizer:") != NULL || strstr(report, "runtime error:") != NULL;
    return reported || !WIFSIGNALED(status) ? ENDING_SANITIZER : ENDING_SIGNAL;
}

/* Waits for the child and classifies what came of it. Returns false, with errno set, when that cannot be
 * told. */
static bool settle(struct account *account, pid_t child, int report) {
    int status;
    while (waitpid(child, &status, 0) < 0) { /* ends: only an interruption goes round again */
        if (errno != EINTR) {
            return false;
        }
    }
    read_report(report, account->outcome.report);
    account->outcome.ending = classify(account, status);
    account->outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return true;
}

bool outcome_find(const struct program *program, uint64_t oracles, struct outcome *outcome) {
    struct account *const account =
        mmap(NULL, sizeof *account, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (account == MAP_FAILED) {
        return false;
    }
    FILE *const report = tmpfile();
    bool found = false;
    if (report != NULL) {
        (void)host_executor(PROGRAM_SLOT_COUNT_MAXIMUM); /* made here once, not in every child */
        fflush(NULL);                                    /* or the child would print it again */
        const pid_t child = fork();
        if (child == 0) {
            run_child(program, oracles, account, fileno(report));
        }
        found = child > 0 && settle(account, child, fileno(report));
        fclose(report);
    }
    const int error = errno;
    *outcome = account->outcome;
    munmap(account, sizeof *account);
    errno = error;
    return found;
}

/* Reports. */

/* Parses one line of a stack, such as
 *     #1 0x55d0 in kmem_free /home/me/kmem/src/kmem.c:350:5
 * or of UBSan, which names no function: /home/me/kmem/src/kmem.c:350:5: runtime error: ... */
static bool parse_frame(const char *line, size_t length, struct outcome_place *place) {
    char text[1024];
    char path[1024];
    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, line, length);
    text[length] = '\0';
    *place = (struct outcome_place){.line = 0};
    if (sscanf(text, " #%*u 0x%*x in %127s %1023[^\n]", place->function, path) != 2) {
        return false;
    }
    /* The tree's own sources, wherever the tree lies: the last "/src/" of the path. */
    const char *source = NULL;
    for (const char *at = strstr(path, "/src/"); at != NULL; at = strstr(at + 1, "/src/")) {
        source = at + 1;
    }
    if (source == NULL) {
        return false;
    }
    return sscanf(source, "%255[^:]:%lu", place->file, &place->line) == 2;
}

bool outcome_place(const char *report, struct outcome_place *place) {
    while (*report != '\0') {
        const size_t length = strcspn(report, "\n");
        if (parse_frame(report, length, place)) {
            return true;
        }
        report += length + (report[length] == '\n');
    }
    return false;
}

/* Words. */

static const char *const death_words[][2] = {
    [ENDING_SOUND] = {NULL, NULL},
    [ENDING_VIOLATION] = {NULL, NULL},
    [ENDING_SANITIZER] = {"sanitizer",
                          "No operation accesses memory it may not, or does what C leaves undefined."},
    [ENDING_SIGNAL] = {"signal", "No operation is stopped by the processor."},
    [ENDING_HANG] = {"hang", "Every operation ends."},
};

const char *outcome_death_id(enum ending ending) {
    return death_words[ending][0];
}

const char *outcome_death_sentence(enum ending ending) {
    return death_words[ending][1];
}

const char *outcome_id(const struct outcome *outcome) {
    const char *const id = outcome_death_id(outcome->ending);
    return id != NULL ? id : oracle_id(outcome->verdict.oracle);
}

const char *outcome_sentence(const struct outcome *outcome) {
    const char *const sentence = outcome_death_sentence(outcome->ending);
    return sentence != NULL ? sentence : oracle_sentence(outcome->verdict.oracle);
}
