/* Programs in child processes. isolated.h is the contract.
 *
 *     caller                                  child
 *       | program -> share, a byte -> socket    | waits for a byte
 *       | waits for a byte, or the end          | runs, failure -> share, a byte -> socket
 *
 * A child that dies in a run leaves in the share which step that was and what its sanitizer or signal handler
 * still could say; the end of its socket and its exit status say the rest. */
#define _GNU_SOURCE /* memfd_create, MAP_ANONYMOUS, REG_RIP */
#include "fuzz/host/isolated.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "fuzz/host/abort.h"
#include "fuzz/host/adapter.h"
#include "fuzz/host/guard.h"
#include "fuzz/host/sanitizer.h"

#define MEMORY_LIMIT   ((rlim_t)1 << 30)   /* bytes a child may map beyond what its caller has */
#define REPORT_MAXIMUM ((off_t)1 << 20)    /* bytes of a child's output that are kept */
#define OUTPUT_MAXIMUM ((rlim_t)16 << 20)  /* bytes of it that are read; the rest is lost */
#define STACK_SIZE     ((size_t)64 * 1024) /* bytes: for signal handlers, when the stack is what overflowed */
#define LOOK_INTERVAL  20u   /* milliseconds after which a child that does not answer is looked for */
#define DYING_LIMIT    1000u /* milliseconds of processor time that the hook `dying` may take */

/* What a caller and its child have in common. */
struct isolated_share {
    size_t size;            /* bytes of the program */
    struct outcome outcome; /* of the run, as far as the child knows; without its report */
    uintptr_t pc;           /* where it failed; 0: unknown */
    uintptr_t subject_pc;   /* the same, of the innermost function of the subject's */
    uint64_t nanoseconds;   /* processor time of the run */
    volatile bool begun;    /* the child has come to the program: from here on it is the subject's doing */
    int start_error;        /* errno of why the child cannot run programs; 0: it can */
    uint8_t bytes[];        /* the program */
};

static size_t share_size(const struct isolated *isolated) {
    return sizeof(struct isolated_share) + isolated->capacity;
}

void isolated_set_alarm(unsigned milliseconds) {
    const struct itimerval timer = {
        .it_value = {(time_t)(milliseconds / 1000), (suseconds_t)(milliseconds % 1000) * 1000}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* The child. */

static struct isolated_share *child_share; /* for hooks and handlers, which cannot get it as an argument */
static bool child_reports;                 /* what sanitizers print is wanted */
static const struct isolated_hooks *child_hooks;

/* Once: what is done about a death may die itself, and not return. */
static void tell_dying(uintptr_t address, size_t size) {
    static bool was_reported;
    if (child_share->subject_pc == 0) {
        child_share->subject_pc = adapter_find(&child_share->outcome.place.in_adapter);
    }
    if (!was_reported && child_hooks != NULL && child_hooks->dying != NULL) {
        was_reported = true;
        isolated_set_alarm(DYING_LIMIT);
        child_hooks->dying(child_hooks->context, address, size);
    }
}

static void hear_sanitizer(const char *name, uintptr_t pc, const char *place) {
    struct failure *const failure = &child_share->outcome.failure;
    if (failure->kind != FAILURE_NONE) {
        return; /* the first one counts */
    }
    failure->kind = FAILURE_SANITIZER;
    snprintf(failure->name, sizeof failure->name, "%s", name);
    snprintf(failure->place, sizeof failure->place, "%s", place);
    child_share->pc = pc;
    if (!child_reports) {
        _exit(EXIT_VIOLATION);
    }
    size_t size;
    const uintptr_t address = sanitizer_fault(&size);
    tell_dying(address, size);
}

static void name_line(const char *file, unsigned line) {
    struct failure *const failure = &child_share->outcome.failure;
    const char *const slash = strrchr(file, '/');
    snprintf(failure->place, sizeof failure->place, "%.100s:%u", slash == NULL ? file : slash + 1, line);
}

/* Its file and line are the place of the abort that follows. */
static void hear_assertion(const char *file, unsigned line) {
    struct failure *const failure = &child_share->outcome.failure;
    if (failure->kind == FAILURE_NONE) {
        failure->kind = FAILURE_SIGNAL;
        failure->number = SIGABRT;
        name_line(file, line);
    }
}

static uintptr_t interrupted_pc(const void *context) {
#if defined(__x86_64__)
    const ucontext_t *const machine = context;
    return (uintptr_t)machine->uc_mcontext.gregs[REG_RIP];
#else
    (void)context;
    return 0;
#endif
}

/* The signals a subject dies of, and what was to be done about each before. */
static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
#define DEADLY_COUNT (sizeof deadly / sizeof deadly[0])
static struct sigaction actions_before[DEADLY_COUNT];

static void hear_signal(int number, siginfo_t *information, void *context) {
    if (number == SIGABRT) {
        guard_end_aborted();
    }
    struct failure *const failure = &child_share->outcome.failure;
    if (failure->kind == FAILURE_NONE) {
        failure->kind = FAILURE_SIGNAL;
        failure->number = number;
        child_share->pc = number == SIGABRT ? abort_caller() : interrupted_pc(context);
    }
    if (!child_reports) {
        _exit(EXIT_VIOLATION);
    }
    const bool faulted = number == SIGSEGV || number == SIGBUS;
    tell_dying(faulted && information->si_code > 0 ? (uintptr_t)information->si_addr : 0, 1);
    const struct sigaction *before = NULL;
    for (size_t i = 0; i < DEADLY_COUNT; i++) { /* it happens again, and those before have their say */
        sigaction(deadly[i], &actions_before[i], NULL);
        before = deadly[i] == number ? &actions_before[i] : before;
    }
    if (information->si_code > 0) {
        return;
    }
    if (((unsigned)before->sa_flags & SA_SIGINFO) != 0) { /* it was sent, and does not come again by itself */
        before->sa_sigaction(number, information, context);
    }
    raise(number);
}

/* The time is over. Heard again, while the hook takes too long, it ends the process at once. */
static void hear_alarm(int number) {
    tell_dying(0, 0);
    raise(number);
}

static void hear_signals(void) {
    static char stack[STACK_SIZE];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = hear_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < DEADLY_COUNT; i++) {
        sigaction(deadly[i], &action, &actions_before[i]);
    }
    struct sigaction alarm = {.sa_handler = hear_alarm, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    sigemptyset(&alarm.sa_mask);
    sigaction(SIGPROF, &alarm, NULL);
}

/* What this process has mapped, in bytes; 0 when that cannot be read. */
static rlim_t mapped_size(void) {
    unsigned long pages = 0;
    FILE *const file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%lu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit_resources(void) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const rlim_t mapped = mapped_size();
    if (mapped != 0) {
        const struct rlimit memory = {mapped + MEMORY_LIMIT, mapped + MEMORY_LIMIT};
        setrlimit(RLIMIT_AS, &memory);
    }
}

static void note_step(void *context, const struct executor *executor, const struct step *step) {
    (void)executor;
    struct outcome *const outcome = context;
    outcome->failure.operation_index = step->index;
    outcome->has_step = true;
    outcome->step = *step;
}

static void note_result(void *context, const struct executor *executor, const struct step *step,
                        struct verdict verdict) {
    struct outcome *const outcome = context;
    (void)verdict;
    outcome->step = *step;
    outcome->operation_count = executor->operation_count;
    outcome->digest = executor->digest;
}

static uint64_t processor_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static struct verdict run_program(struct executor *executor, const struct program *program) {
    return child_hooks != NULL && child_hooks->run != NULL
               ? child_hooks->run(child_hooks->context, executor, program)
               : executor_run(executor, program);
}

static void run_in_child(struct executor *executor, unsigned limit_milliseconds) {
    const struct program program = program_decode(child_share->bytes, child_share->size);
    const uint64_t start = processor_nanoseconds();
    child_share->begun = true;
    isolated_set_alarm(limit_milliseconds);
    const struct verdict verdict = run_program(executor, &program);
    isolated_set_alarm(0);
    child_share->nanoseconds = processor_nanoseconds() - start;
    child_share->outcome.digest = executor->digest;
    child_share->outcome.passed_over = verdict_is_sound(verdict) && !executor->started;
    child_share->outcome.set_aside = executor->set_aside.oracle;
    child_share->outcome.failure.verdict = verdict;
    struct assertion *const place = &child_share->outcome.place;
    if (child_reports || verdict.oracle == ORACLE_ASSERTION) { /* the latter differ by their places */
        guard_find_place(verdict, place);
    }
    if (verdict.oracle == ORACLE_ASSERTION && place->source.line != 0) {
        name_line(place->source.file, (unsigned)place->source.line);
    }
    child_share->outcome.failure.kind = verdict_is_sound(verdict) ? FAILURE_NONE : FAILURE_VERDICT;
}

/* Standard input is empty, and what is printed goes to a file. Its bound is no failure of the subject:
 * writing fails there, and the run goes on. */
static void redirect(int report) {
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) {
        child_share->start_error = errno;
        _exit(EXIT_ENVIRONMENT);
    }
    if (report >= 0) {
        const struct rlimit output = {OUTPUT_MAXIMUM, OUTPUT_MAXIMUM};
        setrlimit(RLIMIT_FSIZE, &output);
        signal(SIGXFSZ, SIG_IGN);
    }
    dup2(nothing, STDIN_FILENO);
    dup2(report < 0 ? nothing : report, STDOUT_FILENO);
    dup2(report < 0 ? nothing : report, STDERR_FILENO);
}

__attribute__((noreturn)) static void serve(const struct isolated *isolated) {
    struct executor *const executor = isolated->executor;
    const struct observer observer = {
        .before = note_step, .after = note_result, .context = &isolated->share->outcome};
    child_share = isolated->share;
    child_reports = isolated->report >= 0;
    child_hooks = isolated->hooks;
    executor_observe(executor, &observer);
    limit_resources();
    redirect(isolated->report);
    hear_signals();
    sanitizer_listen(hear_sanitizer);
    assertion_listen(hear_assertion);
    uint8_t byte[sizeof isolated->limit_milliseconds];
    unsigned limit_milliseconds;
    while (read(isolated->socket, byte, sizeof byte) == (ssize_t)sizeof byte) { /* ends with the caller */
        memcpy(&limit_milliseconds, byte, sizeof byte);
        run_in_child(executor, limit_milliseconds);
        fflush(NULL);
        if (write(isolated->socket, byte, 1) != 1) {
            break;
        }
    }
    _exit(EXIT_SOUND);
}

/* The caller. */

static enum exit_code fail(const char *what) {
    fprintf(stderr, "kmemfuzz: no process to run a program in: %s: %s\n", what, strerror(errno));
    return EXIT_ENVIRONMENT;
}

__attribute__((noreturn)) static void give_up(const char *what) {
    exit((int)fail(what));
}

static void start_child(struct isolated *isolated) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        give_up("socketpair");
    }
    isolated->share->start_error = 0;
    fflush(NULL); /* or what is not printed yet would be the child's too */
    const pid_t caller = getpid();
    const pid_t child = fork();
    if (child < 0) {
        give_up("fork");
    }
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a program that waits for ever ends with the caller, too */
        if (getppid() != caller) {
            _exit(EXIT_ENVIRONMENT);
        }
        close(sockets[0]);
        isolated->socket = sockets[1];
        serve(isolated);
    }
    close(sockets[1]);
    isolated->socket = sockets[0];
    isolated->child = child;
}

/* Ends the child, if there is one, and returns its wait status. */
static int stop_child(struct isolated *isolated) {
    int status = 0;
    if (isolated->child != 0) {
        (void)shutdown(isolated->socket, SHUT_RDWR); /* children of another place may have it open too */
        close(isolated->socket);
        while (waitpid(isolated->child, &status, 0) < 0 && errno == EINTR) {
        }
        isolated->child = 0;
    }
    return status;
}

/* What a caller learns from its child. */
enum answer {
    ANSWER_GIVEN, /* the run has ended */
    ANSWER_NONE,  /* the child is gone */
    ANSWER_LATE,  /* nothing in all that time */
};

static bool child_has_ended(const struct isolated *isolated) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)isolated->child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Whether there is something to read within that time: an answer, or its end. */
static bool poll_answer(const struct isolated *isolated, unsigned milliseconds) {
    struct pollfd wait = {.fd = isolated->socket, .events = POLLIN};
    int ready;
    do {
        ready = poll(&wait, 1, (int)milliseconds);
    } while (ready < 0 && errno == EINTR);
    return ready != 0;
}

/* The end of a child is looked for by itself: processes it has left may keep its socket open. The time
 * until the child comes to the program is not the program's. */
static enum answer wait_for_answer(const struct isolated *isolated) {
    unsigned left_to_begin = ISOLATED_WAIT_MILLISECONDS;
    unsigned left_to_run = isolated->wait_milliseconds;
    for (;;) { /* less is left each time */
        unsigned *const left = isolated->share->begun ? &left_to_run : &left_to_begin;
        const unsigned interval = *left < LOOK_INTERVAL ? *left : LOOK_INTERVAL;
        if (poll_answer(isolated, interval)) {
            break;
        }
        if (child_has_ended(isolated) && !poll_answer(isolated, 0)) {
            return ANSWER_NONE;
        }
        *left -= interval;
        if (*left == 0) {
            return ANSWER_LATE;
        }
    }
    uint8_t byte;
    ssize_t got;
    do {
        got = read(isolated->socket, &byte, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? ANSWER_GIVEN : ANSWER_NONE;
}

/* A new child that never came to its program says nothing about that. */
__attribute__((noreturn)) static void give_up_child(const struct isolated_share *share, int status) {
    if (share->start_error != 0) {
        errno = share->start_error;
        give_up("/dev/null in the child");
    }
    fprintf(stderr, "kmemfuzz: no process to run a program in: the child %s %d before it ran anything\n",
            WIFSIGNALED(status) ? "died of signal" : "ended with code",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    exit(EXIT_ENVIRONMENT);
}

/* What a child died of that was not able to say so. late: it was killed, unless it was gone already. */
static void explain_death(int status, bool late, struct failure *failure) {
    if (failure->kind != FAILURE_NONE && failure->kind != FAILURE_VERDICT) {
        return;
    }
    failure->verdict = verdict_sound();
    if (WIFSIGNALED(status)) {
        const bool hang = WTERMSIG(status) == SIGPROF || (late && WTERMSIG(status) == SIGKILL);
        failure->kind = hang ? FAILURE_HANG : FAILURE_SIGNAL;
        failure->number = hang ? 0 : WTERMSIG(status);
    } else {
        failure->kind = FAILURE_EXIT;
        failure->number = WEXITSTATUS(status);
    }
}

enum exit_code isolated_open(struct isolated *isolated, struct executor *executor, size_t capacity) {
    *isolated = (struct isolated){.limit_milliseconds = ISOLATED_LIMIT_MILLISECONDS,
                                  .wait_milliseconds = ISOLATED_WAIT_MILLISECONDS,
                                  .executor = executor,
                                  .capacity = capacity,
                                  .report = -1};
    void *const share =
        mmap(NULL, share_size(isolated), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (share == MAP_FAILED) {
        return fail("mmap");
    }
    isolated->share = share;
    return EXIT_SOUND;
}

void isolated_close(struct isolated *isolated) {
    (void)stop_child(isolated);
    munmap(isolated->share, share_size(isolated));
    isolated->share = NULL;
}

/* Hands the program to the child and waits for its end. Returns what was heard of it; in *status how the
 * child ended, when the run has not. */
static enum answer ask_child(struct isolated *isolated, const struct program *program, int *status) {
    struct isolated_share *const share = isolated->share;
    share->size = program->size;
    if (program->size != 0) {
        memcpy(share->bytes, program->bytes, program->size);
    }
    share->outcome = (struct outcome){.failure = {.kind = FAILURE_NONE, .verdict = verdict_sound()}};
    share->pc = 0;
    share->subject_pc = 0;
    share->nanoseconds = 0;
    share->begun = false;
    const unsigned limit = isolated->limit_milliseconds + (unsigned)program->operation_count;
    (void)send(isolated->socket, &limit, sizeof limit, MSG_NOSIGNAL); /* to a dead child: it ends at once */
    const enum answer answer = wait_for_answer(isolated);
    if (answer == ANSWER_LATE) {
        kill(isolated->child, SIGKILL);
    }
    *status = answer == ANSWER_GIVEN ? 0 : stop_child(isolated);
    return answer;
}

struct failure isolated_run(struct isolated *isolated, const struct program *program) {
    struct isolated_share *const share = isolated->share;
    enum answer answer;
    int status;
    bool is_new;
    if (isolated->fresh) {
        (void)stop_child(isolated);
    }
    do { /* twice at most: a child that served before may have been ended by the effects of that */
        is_new = isolated->child == 0;
        if (is_new) {
            start_child(isolated);
        }
        answer = ask_child(isolated, program, &status);
    } while (answer != ANSWER_GIVEN && !share->begun && !is_new);
    if (answer != ANSWER_GIVEN && !share->begun) {
        give_up_child(share, status);
    }
    struct failure failure = share->outcome.failure;
    if (answer != ANSWER_GIVEN) {
        explain_death(status, answer == ANSWER_LATE, &failure);
        if (share->pc != 0) {
            sanitizer_place(share->pc, failure.place, sizeof failure.place);
        }
    }
    return failure;
}

bool isolated_passed_over(const struct isolated *isolated) {
    return isolated->share->outcome.passed_over;
}

double isolated_milliseconds(const struct isolated *isolated) {
    return (double)isolated->share->nanoseconds / 1e6;
}

/* The beginning of a file, as text, from malloc. */
static char *read_report(int file) {
    const off_t end = lseek(file, 0, SEEK_END);
    const size_t size = (size_t)(end < 0 ? 0 : end < REPORT_MAXIMUM ? end : REPORT_MAXIMUM);
    char *const text = malloc(size + 1);
    if (text == NULL) {
        give_up("malloc");
    }
    const ssize_t got = pread(file, text, size, 0);
    text[got < 0 ? 0 : got] = '\0';
    return text;
}

void isolated_examine(struct executor *executor, const struct program *program,
                      const struct isolated_hooks *hooks, struct outcome *outcome) {
    struct isolated isolated;
    if (isolated_open(&isolated, executor, program->size) != EXIT_SOUND) {
        exit(EXIT_ENVIRONMENT);
    }
    isolated.hooks = hooks;
    isolated.report = memfd_create("report", MFD_CLOEXEC);
    if (isolated.report < 0) {
        give_up("memfd_create");
    }
    const struct failure failure = isolated_run(&isolated, program);
    *outcome = isolated.share->outcome;
    outcome->failure = failure;
    if (isolated.share->subject_pc != 0) {
        adapter_find_line(isolated.share->subject_pc, &outcome->place);
    }
    isolated_close(&isolated);
    outcome->report = read_report(isolated.report);
    close(isolated.report);
}
