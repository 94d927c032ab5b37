/* The processes of a proof. prover.h is the contract.
 *
 *     for each depth: one process for each job -> takes the depth's layouts a piece at a time -> ends
 *
 * They share the layouts' depths, and where each of them is: what a layout makes of a process is found there
 * when it has died. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "fuzz/tool/prover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/host/exit_code.h"
#include "src/port.h"

#define PIECES        ((uint64_t)256) /* of all layouts, at least; a process takes one at a time */
#define PIECE_LAYOUTS ((uint64_t)16)  /* in each at most */
#define WAIT          500000L         /* nanoseconds */
#define HANG_WAITS    20000           /* in which a process has to come further: 10 s that the caller runs */
#define SHOWN_EACH    0.2             /* seconds */

enum end {
    END_RUNNING, /* or killed by something else than what it did */
    END_DONE,
    END_VIOLATION, /* an oracle's; or it has died, or did not come further */
};

struct job {
    _Atomic(enum end) end;
    _Atomic uint64_t done;  /* layouts of this depth */
    _Atomic uint64_t piece; /* its first layout */
    struct close_worker worker;
};

/* What all processes see. */
struct prover_share {
    _Atomic uint64_t next; /* layout to be looked at */
    atomic_bool stopped;   /* no further piece is taken */
    struct job jobs[PROVER_JOBS];
};

volatile sig_atomic_t prover_interrupted;

static void interrupt(int number) {
    (void)number;
    prover_interrupted = 1;
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void *prover_share(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "kmemfuzz: no memory for %zu bytes: %s\n", size, strerror(errno));
        exit(EXIT_ENVIRONMENT);
    }
    return memory;
}

void prover_open(struct prover *prover) {
    prover->share = prover_share(sizeof *prover->share);
    prover->start = seconds();
    (void)signal(SIGINT, interrupt);
}

double prover_seconds(const struct prover *prover) {
    return seconds() - prover->start;
}

/* Only of one that has not ended yet. */
static void end_as(struct job *job, enum end end) {
    enum end running = END_RUNNING;
    (void)atomic_compare_exchange_strong(&job->end, &running, end);
}

/* A process of a job. */

static bool look(const struct prover *prover, uint64_t layout, struct job *job) {
    return prover->length == 0 ? close_operations(&prover->close, layout, &job->worker)
                               : close_sequences(&prover->close, layout, prover->length, &job->worker);
}

/* Layouts in a piece; sequences from one take long. */
static uint64_t piece_size(const struct prover *prover) {
    const uint64_t size = prover->close.layouts.count / PIECES;
    return size == 0 || prover->length != 0 ? 1 : size < PIECE_LAYOUTS ? size : PIECE_LAYOUTS;
}

/* A violation ends the piece: those in front of it are looked at whole, so that the first is found whatever
 * the number of jobs. */
static void work(const struct prover *prover, uint8_t depth, struct job *job) {
    struct prover_share *const share = prover->share;
    const uint64_t count = prover->close.layouts.count;
    const uint64_t piece = piece_size(prover);
    while (!atomic_load(&share->stopped)) {
        const uint64_t first = atomic_fetch_add(&share->next, piece);
        if (first >= count) {
            return;
        }
        atomic_store(&job->piece, first);
        for (uint64_t layout = first; layout < count && layout < first + piece; layout++) {
            if (prover->close.depths[layout] != depth) {
                continue;
            }
            if (!look(prover, layout, job)) {
                atomic_store(&job->end, END_VIOLATION);
                atomic_store(&share->stopped, true);
                return;
            }
            atomic_fetch_add(&job->done, prover->length == prover->longest);
        }
    }
}

/* Nothing is printed: the sanitizer's report comes when the program is explained. */
__attribute__((noreturn)) static void serve(const struct prover *prover, uint8_t depth, struct job *job) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGINT, SIG_IGN); /* the caller says when to stop */
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0] && !PORT_ADDRESS_SANITIZER; i++) {
        (void)signal(deadly[i], SIG_DFL);
    }
    const int nothing = open("/dev/null", O_WRONLY);
    if (nothing >= 0) {
        (void)dup2(nothing, STDERR_FILENO);
    }
    work(prover, depth, job);
    end_as(job, END_DONE);
    _exit(EXIT_SOUND);
}

/* The caller. */

static uint64_t transitions(const struct prover *prover) {
    uint64_t sum = prover->transition_count;
    for (size_t i = 0; i < prover->job_count; i++) {
        sum += prover->share->jobs[i].worker.transition_count;
    }
    return sum;
}

static void show(const struct prover *prover, uint8_t depth) {
    uint64_t done = prover->done;
    for (size_t i = 0; i < prover->job_count; i++) {
        done += atomic_load(&prover->share->jobs[i].done);
    }
    const double elapsed = seconds() - prover->start;
    const uint64_t count = prover->close.layouts.count;
    const double left = done == 0 ? 0 : elapsed * (double)(count - done) / (double)done;
    fprintf(stderr,
            "\r%" PRIu64 " of %" PRIu64 " layouts, depth %u, %" PRIu64
            " transitions, %.1f M/s, %.0f s left\033[K",
            done, count, depth, transitions(prover), (double)transitions(prover) / elapsed / 1e6, left);
    fflush(stderr);
}

static void start_jobs(struct prover *prover, uint8_t depth) {
    atomic_store(&prover->share->next, 0);
    fflush(NULL);
    for (size_t i = 0; i < prover->job_count; i++) {
        struct job *const job = &prover->share->jobs[i];
        *job = (struct job){.end = END_RUNNING};
        const pid_t process = fork();
        if (process < 0) {
            fprintf(stderr, "kmemfuzz: no process to look at layouts in: %s\n", strerror(errno));
            exit(EXIT_ENVIRONMENT);
        }
        if (process == 0) {
            serve(prover, depth, job);
        }
        prover->processes[i] = process;
        prover->waits[i] = 0;
    }
}

/* Whether a job's process has ended. What the heap does to it is no SIGKILL. */
static bool has_ended(struct prover *prover, size_t number) {
    pid_t *const process = &prover->processes[number];
    int status;
    if (*process != 0 && waitpid(*process, &status, WNOHANG) == *process) {
        *process = 0;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            end_as(&prover->share->jobs[number], END_VIOLATION);
        }
    }
    return *process == 0;
}

static bool is_same(const struct close_place *left, const struct close_place *right) {
    return left->layout == right->layout && left->growth == right->growth && left->length == right->length &&
           memcmp(left->operations, right->operations, sizeof left->operations) == 0;
}

/* Ends a process that does not come further, and, when all is to end, any. */
static void end_job(struct prover *prover, size_t number) {
    struct job *const job = &prover->share->jobs[number];
    const struct close_place place = job->worker.place;
    const uint64_t piece = atomic_load(&job->piece);
    if (!is_same(&place, &prover->places[number]) || piece != prover->pieces[number]) {
        prover->places[number] = place;
        prover->pieces[number] = piece;
        prover->waits[number] = 0;
    }
    const bool hangs = ++prover->waits[number] > HANG_WAITS;
    if (hangs) {
        end_as(job, END_VIOLATION);
    }
    if (hangs || prover_interrupted != 0) {
        (void)kill(prover->processes[number], SIGKILL);
    }
}

/* One that has died stops the others at the end of their pieces. */
static size_t count_ended(struct prover *prover) {
    size_t ended = 0;
    for (size_t i = 0; i < prover->job_count; i++) {
        if (!has_ended(prover, i)) {
            end_job(prover, i);
            continue;
        }
        ended++;
        if (atomic_load(&prover->share->jobs[i].end) != END_DONE) {
            atomic_store(&prover->share->stopped, true);
        }
    }
    return ended;
}

static void wait_for_jobs(struct prover *prover, uint8_t depth) {
    double shown = seconds();
    while (count_ended(prover) != prover->job_count) { /* a process that hangs is ended */
        const struct timespec pause = {.tv_nsec = WAIT};
        nanosleep(&pause, NULL);
        if (prover->shows && seconds() - shown > SHOWN_EACH) {
            shown = seconds();
            show(prover, depth);
        }
    }
}

/* The job that came upon a violation: of several the one at the first layout. */
static const struct job *find_violation(const struct prover *prover) {
    const struct job *found = NULL;
    for (size_t i = 0; i < prover->job_count; i++) {
        const struct job *const job = &prover->share->jobs[i];
        if (atomic_load(&job->end) == END_VIOLATION &&
            (found == NULL || job->worker.place.layout < found->worker.place.layout)) {
            found = job;
        }
    }
    return found;
}

const struct close_place *prover_look(struct prover *prover, uint8_t depth) {
    start_jobs(prover, depth);
    wait_for_jobs(prover, depth);
    const struct job *const found = find_violation(prover);
    for (size_t i = 0; i < prover->job_count; i++) {
        struct job *const job = &prover->share->jobs[i];
        prover->transition_count += job->worker.transition_count;
        prover->done += atomic_load(&job->done);
        job->worker.transition_count = 0;
        atomic_store(&job->done, 0);
    }
    return found == NULL ? NULL : &found->worker.place;
}

bool prover_is_done(const struct prover *prover) {
    for (size_t i = 0; i < prover->job_count; i++) {
        if (atomic_load(&prover->share->jobs[i].end) != END_DONE) {
            return false;
        }
    }
    return prover_interrupted == 0;
}
