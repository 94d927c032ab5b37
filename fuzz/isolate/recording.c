/* Recording in a child process. recording.h is the contract. */
#define _DEFAULT_SOURCE /* strsignal's full list, si_addr */
#include "fuzz/isolate/recording.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/tool/exit_code.h"
#include "fuzz/tool/host.h"
#include "src/port.h"

static struct history *child_history; /* for handlers, in the child */
static const struct executor *child_executor;

/* In the child: what is still done when it dies. */

/* Notes the address the subject died at, where it lies in the arena or its guards. */
static void note_fault(uintptr_t address, size_t size) {
    const struct arena *const region = &child_executor->region;
    const uintptr_t first = (uintptr_t)child_executor->arena.base - ARENA_GUARD_SIZE;
    const uintptr_t end = (uintptr_t)region->base + region->capacity + ARENA_GUARD_SIZE;
    if (address >= first && address < end) {
        child_history->fault_known = true;
        child_history->fault_offset = (uint64_t)address - (uintptr_t)region->base;
        child_history->fault_size = size == 0 ? 1 : size;
    }
}

#if PORT_ADDRESS_SANITIZER
void __sanitizer_set_death_callback(void (*callback)(void));
int __asan_report_present(void);
void *__asan_get_report_address(void);
size_t __asan_get_report_access_size(void);

static void die(void) {
    if (__asan_report_present()) {
        note_fault((uintptr_t)__asan_get_report_address(), __asan_get_report_access_size());
    }
    history_interrupt(child_history);
}

static void watch_for_death(void) {
    __sanitizer_set_death_callback(die);
}
#else
static void die(int number, siginfo_t *information, void *context) {
    (void)context;
    if (number == SIGSEGV || number == SIGBUS) {
        note_fault((uintptr_t)information->si_addr, 1);
    }
    history_interrupt(child_history);
    raise(number); /* SA_RESETHAND: once this returns it ends the process as it would have */
}

static void watch_for_death(void) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
    action.sa_sigaction = die;
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        sigaction(deadly[i], &action, NULL);
    }
}
#endif

static void stop(int number) {
    history_interrupt(child_history);
    raise(number);
}

/* Processor time, so that a busy machine hangs nothing. */
static void watch_for_hang(void) {
    const struct rlimit limit = {.rlim_cur = RECORDING_SECONDS, .rlim_max = RECORDING_SECONDS + 2};
    struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
    action.sa_handler = stop;
    sigaction(SIGXCPU, &action, NULL);
    setrlimit(RLIMIT_CPU, &limit);
}

__attribute__((noreturn)) static void run_child(struct history *history, const struct program *program,
                                                int said) {
    static const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(said, STDERR_FILENO);
    child_history = history;
    child_executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    watch_for_death();
    watch_for_hang();
    history_record(history, host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), program);
    _exit(EXIT_SOUND);
}

/* In the parent. */

__attribute__((noreturn)) static void fail(const char *what) {
    fprintf(stderr, "kmemfuzz: cannot run a program in a process of its own: %s: %s\n", what,
            strerror(errno));
    exit(EXIT_ENVIRONMENT);
}

/* What was written to the file, from malloc; as much of it as there is room for and as can be read. */
static char *read_said(int file) {
    char *const said = calloc(1, RECORDING_SAID_SIZE);
    if (said == NULL) {
        fail("memory");
    }
    const ssize_t size = pread(file, said, RECORDING_SAID_SIZE - 1, 0);
    said[size < 0 ? 0 : size] = '\0';
    return said;
}

struct recording recording_make(const struct program *program) {
    struct recording recording = {.history = history_open()};
    FILE *const said = tmpfile();
    if (said == NULL) {
        fail("a temporary file");
    }
    fflush(NULL); /* or the child would write what is buffered once more */
    const pid_t child = fork();
    if (child < 0) {
        fail("fork");
    }
    if (child == 0) {
        run_child(recording.history, program, fileno(said));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) { /* a signal may interrupt it, each once */
        if (errno != EINTR) {
            fail("waitpid");
        }
    }
    recording.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    recording.hung = recording.signal == SIGXCPU || recording.signal == SIGKILL;
    recording.said = read_said(fileno(said));
    fclose(said);
    return recording;
}

bool recording_died(const struct recording *recording) {
    return recording->history->end == HISTORY_CUT_OFF;
}

const char *recording_death(const struct recording *recording, char buffer[RECORDING_DEATH_SIZE]) {
    static const char mark[] = "SUMMARY: ";
    const char *const summary = strstr(recording->said, mark);
    if (recording->hung) {
        snprintf(buffer, RECORDING_DEATH_SIZE, "A hang: more than %d seconds of processor time",
                 RECORDING_SECONDS);
    } else if (recording->signal != 0) {
        snprintf(buffer, RECORDING_DEATH_SIZE, "Signal %d (%s)", recording->signal,
                 strsignal(recording->signal));
    } else if (summary != NULL) {
        const char *const text = summary + sizeof mark - 1;
        snprintf(buffer, RECORDING_DEATH_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    } else {
        snprintf(buffer, RECORDING_DEATH_SIZE, "The process ended by itself");
    }
    return buffer;
}

void recording_close(struct recording *recording) {
    history_close(recording->history);
    free(recording->said);
    recording->said = NULL;
}
