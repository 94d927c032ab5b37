/* kmemfuzz prove: every layout of a small heap and every operation from each; or every short sequence.
 *
 *     for each depth: one process for each job -> takes the depth's layouts a piece at a time -> ends
 *
 * They share the layouts' depths, and where each of them is: what a layout makes of a process is found there
 * when it has died. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/host/host.h"
#include "fuzz/host/output.h"
#include "fuzz/search/close.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"
#include "src/port.h"

#define JOBS_MAXIMUM  ((size_t)64)
#define PIECES        ((uint64_t)256) /* of all layouts, at least; a process takes one at a time */
#define PIECE_LAYOUTS ((uint64_t)16)  /* in each at most */
#define HANG_SECONDS  10.0            /* in which a process has to come further */
#define MEGABYTE      ((uint64_t)1 << 20)
#define SHOWN_EACH    0.2 /* seconds */

struct options {
    size_t byte_count;
    size_t length; /* of sequences; 0: operations */
    const char *alphabet;
    size_t job_count;
    size_t megabytes;
    const char *place;
};

enum end {
    END_RUNNING,
    END_DONE,
    END_VIOLATION, /* an oracle's */
};

struct job {
    _Atomic(enum end) end;
    _Atomic uint64_t done; /* layouts of this depth */
    struct close_worker worker;
};

/* What all processes see. */
struct share {
    _Atomic uint64_t next; /* layout to be looked at */
    atomic_bool stopped;   /* no further piece is taken */
    struct job jobs[JOBS_MAXIMUM];
};

struct proof {
    const struct options *options;
    struct close close;
    struct share *share;
    size_t job_count;
    pid_t processes[JOBS_MAXIMUM]; /* of the jobs; 0: it has ended */
    size_t length;                 /* of the sequences under way; 0: operations */
    uint64_t done;                 /* layouts of the depths before */
    uint64_t reached;              /* layouts */
    size_t depth_count;            /* depths that layouts have */
    uint64_t transition_count;
    double start; /* seconds */
    bool shows;   /* progress */

    /* Of each job, where it was when it last came further. */
    struct close_place places[JOBS_MAXIMUM];
    double times[JOBS_MAXIMUM];
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *map_shared(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "kmemfuzz: no memory for %zu bytes: %s\n", size, strerror(errno));
        exit(EXIT_ENVIRONMENT);
    }
    return memory;
}

/* A process of a job. */

static bool look(const struct proof *proof, uint64_t layout, struct job *job) {
    return proof->length == 0 ? close_operations(&proof->close, layout, &job->worker)
                              : close_sequences(&proof->close, layout, proof->length, &job->worker);
}

/* Layouts in a piece; sequences from one take long. */
static uint64_t piece_size(const struct proof *proof) {
    const uint64_t size = proof->close.layouts.count / PIECES;
    return size == 0 || proof->length != 0 ? 1 : size < PIECE_LAYOUTS ? size : PIECE_LAYOUTS;
}

/* A violation ends the piece: those in front of it are looked at whole, so that the first is found whatever
 * the number of jobs. */
static void work(const struct proof *proof, uint8_t depth, struct job *job) {
    struct share *const share = proof->share;
    const uint64_t count = proof->close.layouts.count;
    const uint64_t piece = piece_size(proof);
    while (!atomic_load(&share->stopped)) {
        const uint64_t first = atomic_fetch_add(&share->next, piece);
        if (first >= count) {
            return;
        }
        for (uint64_t layout = first; layout < count && layout < first + piece; layout++) {
            if (proof->close.depths[layout] != depth) {
                continue;
            }
            if (!look(proof, layout, job)) {
                atomic_store(&job->end, END_VIOLATION);
                atomic_store(&share->stopped, true);
                return;
            }
            atomic_fetch_add(&job->done, proof->length == proof->options->length);
        }
    }
}

/* Nothing is printed: the sanitizer's report comes when the program is explained. */
__attribute__((noreturn)) static void serve(const struct proof *proof, uint8_t depth, struct job *job) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGINT, SIG_IGN); /* the caller says when to stop */
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0] && !PORT_ADDRESS_SANITIZER; i++) {
        (void)signal(deadly[i], SIG_DFL);
    }
    const int nothing = open("/dev/null", O_WRONLY);
    (void)dup2(nothing, STDERR_FILENO);
    work(proof, depth, job);
    enum end end = END_RUNNING;
    (void)atomic_compare_exchange_strong(&job->end, &end, END_DONE);
    _exit(EXIT_SOUND);
}

/* The caller. */

static uint64_t transitions(const struct proof *proof) {
    uint64_t sum = proof->transition_count;
    for (size_t i = 0; i < proof->job_count; i++) {
        sum += proof->share->jobs[i].worker.transition_count;
    }
    return sum;
}

static void show(const struct proof *proof, uint8_t depth) {
    uint64_t done = proof->done;
    for (size_t i = 0; i < proof->job_count; i++) {
        done += atomic_load(&proof->share->jobs[i].done);
    }
    const double elapsed = seconds() - proof->start;
    const uint64_t count = proof->close.layouts.count;
    const double left = done == 0 ? 0 : elapsed * (double)(count - done) / (double)done;
    fprintf(stderr,
            "\r%" PRIu64 " of %" PRIu64 " layouts, depth %u, %" PRIu64
            " transitions, %.1f M/s, %.0f s left\033[K",
            done, count, depth, transitions(proof), (double)transitions(proof) / elapsed / 1e6, left);
    fflush(stderr);
}

static void start_jobs(struct proof *proof, uint8_t depth) {
    atomic_store(&proof->share->next, 0);
    fflush(NULL);
    for (size_t i = 0; i < proof->job_count; i++) {
        struct job *const job = &proof->share->jobs[i];
        *job = (struct job){.end = END_RUNNING};
        const pid_t process = fork();
        if (process < 0) {
            fprintf(stderr, "kmemfuzz: no process to look at layouts in: %s\n", strerror(errno));
            exit(EXIT_ENVIRONMENT);
        }
        if (process == 0) {
            serve(proof, depth, job);
        }
        proof->processes[i] = process;
    }
}

/* Whether a job's process has ended. */
static bool has_ended(pid_t *process) {
    int status;
    if (*process != 0 && waitpid(*process, &status, WNOHANG) == *process) {
        *process = 0;
    }
    return *process == 0;
}

/* Ends a process that does not come further, and, when all is to end, any. */
static void end_job(struct proof *proof, size_t number, double now) {
    const struct close_place place = proof->share->jobs[number].worker.place;
    if (memcmp(&place, &proof->places[number], sizeof place) != 0) {
        proof->places[number] = place;
        proof->times[number] = now;
    }
    if (interrupted != 0 || now - proof->times[number] > HANG_SECONDS) {
        (void)kill(proof->processes[number], SIGKILL);
    }
}

/* One that has died stops the others at the end of their pieces. */
static size_t count_ended(struct proof *proof, double now) {
    size_t ended = 0;
    for (size_t i = 0; i < proof->job_count; i++) {
        if (!has_ended(&proof->processes[i])) {
            end_job(proof, i, now);
            continue;
        }
        ended++;
        if (atomic_load(&proof->share->jobs[i].end) == END_RUNNING) {
            atomic_store(&proof->share->stopped, true);
        }
    }
    return ended;
}

static void wait_for_jobs(struct proof *proof, uint8_t depth) {
    double shown = seconds();
    for (size_t i = 0; i < proof->job_count; i++) {
        proof->times[i] = shown;
    }
    while (count_ended(proof, seconds()) != proof->job_count) { /* a process that hangs is ended */
        const struct timespec pause = {.tv_nsec = 500000};
        nanosleep(&pause, NULL);
        if (proof->shows && seconds() - shown > SHOWN_EACH) {
            shown = seconds();
            show(proof, depth);
        }
    }
}

/* The job that came upon a violation, or died: of several the one at the first layout. */
static const struct job *find_violation(const struct proof *proof) {
    const struct job *found = NULL;
    for (size_t i = 0; i < proof->job_count; i++) {
        const struct job *const job = &proof->share->jobs[i];
        if (atomic_load(&job->end) != END_DONE &&
            (found == NULL || job->worker.place.layout < found->worker.place.layout)) {
            found = job;
        }
    }
    return found;
}

/* Looks at the layouts of a depth. Returns the job that found a violation, or NULL. */
static const struct job *look_at(struct proof *proof, uint8_t depth) {
    start_jobs(proof, depth);
    wait_for_jobs(proof, depth);
    const struct job *const found = find_violation(proof);
    for (size_t i = 0; i < proof->job_count; i++) {
        struct job *const job = &proof->share->jobs[i];
        proof->transition_count += job->worker.transition_count;
        proof->done += atomic_load(&job->done);
        job->worker.transition_count = 0;
        atomic_store(&job->done, 0);
    }
    return found;
}

static uint64_t count_depth(const struct close *close, uint8_t depth) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < close->layouts.count; i++) {
        count += close->depths[i] == depth;
    }
    return count;
}

/* Explaining. */

static enum exit_code explain(const struct proof *proof, const struct close_place *place) {
    static uint8_t bytes[CLOSE_PROGRAM_SIZE];
    static char force[] = "--force";
    char path[4096];
    const size_t size = close_program(&proof->close, place, bytes);
    const struct program program = program_decode(bytes, size);
    const char *const folder = proof->options->place;
    snprintf(path, sizeof path, "%s%sprove-%zu", folder == NULL ? "" : folder, folder == NULL ? "" : "/",
             proof->options->byte_count);
    enum exit_code code = output_write(path, bytes, size, true);
    if (code == EXIT_SOUND) {
        printf("A program of %zu operations fails, and none of fewer: it is in %s\n\n",
               program.operation_count, shown(path));
        fflush(stdout);
        code = command_start(&command_explain, (char *[]){path, force, NULL});
    }
    if (code == EXIT_SOUND) {
        printf("It did not fail again: the heap does not depend on its program alone.\n");
        code = EXIT_VIOLATION;
    }
    return code;
}

static enum exit_code tell_interrupted(const struct proof *proof) {
    fprintf(stderr,
            "%skmemfuzz: interrupted: %" PRIu64 " of %" PRIu64 " layouts, %" PRIu64
            " transitions, all sound\n",
            proof->shows ? "\r\033[K" : "", proof->done, proof->close.layouts.count, proof->transition_count);
    return EXIT_ENVIRONMENT;
}

/* Looks at a depth's layouts. Explains what is found, and then returns EXIT_VIOLATION. */
static enum exit_code pass(struct proof *proof, uint8_t depth) {
    const struct job *const found = look_at(proof, depth);
    if (interrupted != 0) {
        return tell_interrupted(proof);
    }
    return found == NULL ? EXIT_SOUND : explain(proof, &found->worker.place);
}

/* Each layout of each depth once. Sets the number of depths. */
static enum exit_code close_all(struct proof *proof) {
    proof->close.depths[layouts_number(&proof->close.layouts, NULL, 0)] = 0;
    uint64_t count;
    enum exit_code code = EXIT_SOUND;
    for (uint8_t depth = 0; code == EXIT_SOUND && (count = count_depth(&proof->close, depth)) != 0; depth++) {
        proof->reached += count;
        proof->depth_count = depth + (size_t)1;
        code = pass(proof, depth);
    }
    return code;
}

/* All sequences from each layout, those first that make the shortest programs. */
static enum exit_code run_sequences(struct proof *proof, enum close_alphabet alphabet) {
    const size_t longest = proof->options->length;
    enum exit_code code = EXIT_SOUND;
    proof->close.alphabet = alphabet;
    proof->transition_count = 0;
    for (size_t total = 1; total < proof->depth_count + longest; total++) {
        for (size_t length = 1; length <= longest && length <= total && code == EXIT_SOUND; length++) {
            proof->length = length;
            if (total - length < proof->depth_count) {
                code = pass(proof, (uint8_t)(total - length));
            }
        }
    }
    return code;
}

static enum exit_code tell(const struct proof *proof) {
    const double elapsed = seconds() - proof->start;
    const uint64_t count = proof->close.layouts.count;
    if (proof->shows) {
        fprintf(stderr, "\r\033[K");
    }
    if (proof->reached != count) {
        printf("%" PRIu64 " layouts of %" PRIu64 " are never reached\n", count - proof->reached, count);
        return EXIT_VIOLATION;
    }
    const double rate = (double)proof->transition_count / elapsed / 1e6;
    printf("sound: %" PRIu64 " layouts, %" PRIu64, count, proof->transition_count);
    if (proof->options->length == 0) {
        printf(" transitions (%.1f million a second)\n", rate);
    } else {
        printf(" sequences of up to %zu operations (%.1f million a second)\n", proof->options->length, rate);
    }
    return EXIT_SOUND;
}

static bool choose_alphabet(const char *word, enum close_alphabet *alphabet) {
    static const char *const words[] = {
        [CLOSE_PLAIN] = "plain", [CLOSE_CALLS] = "calls", [CLOSE_FULL] = "full"};
    for (size_t i = 0; i < sizeof words / sizeof words[0] && word != NULL; i++) {
        if (strcmp(word, words[i]) == 0) {
            *alphabet = (enum close_alphabet)i;
            return true;
        }
    }
    return word == NULL;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    struct proof proof = {.options = options, .shows = isatty(STDERR_FILENO) != 0};
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    proof.job_count = options->job_count != 0 ? options->job_count : processors > 0 ? (size_t)processors : 1;
    proof.close.size = options->byte_count;
    if (options->byte_count == 0) {
        return command_misuse(&command_prove, "--bytes needs the size of a small heap");
    }
    if (proof.job_count > JOBS_MAXIMUM) {
        return command_misuse(&command_prove, "--jobs takes %zu at most", JOBS_MAXIMUM);
    }
    enum close_alphabet alphabet = options->length == 0 ? CLOSE_FULL : CLOSE_CALLS;
    if (options->length > CLOSE_LENGTH_MAXIMUM) {
        return command_misuse(&command_prove, "--depth takes %zu at most", CLOSE_LENGTH_MAXIMUM);
    }
    if (!choose_alphabet(options->alphabet, &alphabet)) {
        return command_misuse(&command_prove, "--alphabet takes plain, calls or full");
    }
    proof.close.alphabet = options->length == 0 ? alphabet : CLOSE_PLAIN;
    proof.close.route = proof.close.alphabet;
    proof.close.executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    const char *const wrong = close_open(&proof.close);
    if (wrong != NULL) {
        return command_misuse(&command_prove, "--bytes %zu: %s", options->byte_count, wrong);
    }
    const uint64_t needed = proof.close.layouts.count;
    if (needed > options->megabytes * MEGABYTE) {
        return command_misuse(&command_prove,
                              "%zu bytes have %" PRIu64
                              " layouts, a byte of memory each: more than --memory %zu allows",
                              options->byte_count, needed, options->megabytes);
    }
    proof.share = map_shared(sizeof *proof.share);
    proof.close.depths = map_shared(needed);
    memset(proof.close.depths, CLOSE_UNREACHED, needed);
    proof.start = seconds();
    (void)signal(SIGINT, interrupt);
    enum exit_code code = close_all(&proof);
    if (code == EXIT_SOUND && options->length != 0) {
        code = run_sequences(&proof, alphabet);
    }
    return code == EXIT_SOUND ? tell(&proof) : code;
}

static const struct options defaults = {.megabytes = 1024};

static const struct command_option table[] = {
    OPTION("--bytes", "N", "the size of a small heap", byte_count,
           "of the heap, without metadata, such as 128"),
    OPTION("--depth", "D", "a number", length, "every sequence of up to D operations from each layout"),
    OPTION("--alphabet", "plain|calls|full", "the name of an alphabet", alphabet,
           "what operations (default: full)"),
    OPTION("--jobs", "N", "a number", job_count, "processes at a time (default: one for each processor)"),
    OPTION("--memory", "MB", "a number of megabytes", megabytes, "take no more (default: 1024)"),
    OPTION("-o", "FOLDER", "the name of a folder", place, "write what is found there"),
};

const struct command command_prove = {
    .name = "prove",
    .synopsis = "--bytes N [OPTION...]",
    .summary = "try every operation from every layout of a small heap",
    .help = "Reaches every layout that a small heap can have, and does every operation from each.\n",
    .end = "Exit codes: 0 all sound, 1 one fails and was explained, 2 a wrong argument,\n"
           "3 interrupted, or no memory, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz prove --bytes 96\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
