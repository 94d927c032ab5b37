/* kmemfuzz smoke: programs made of a seed, without a fuzzer: for a hook before a commit, and for any
 * compiler. Several processes take a piece of the programs at a time; of those that fail, the first counts,
 * whatever the number of processes. */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/generate/generate.h"
#include "fuzz/host/host.h"
#include "fuzz/host/isolated.h"
#include "fuzz/host/output.h"
#include "fuzz/host/subject_table.h"
#include "fuzz/program/blob.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/prover.h"

#define NAME_SIZE          ((size_t)64) /* of a file, without the folder */
#define PIECE              ((size_t)64) /* programs */
#define BATCH_MILLISECONDS 20u          /* of a piece, after which a child answers */

/* What the facts of a heap without a view say that it answers. */
#define MISUSES ((unsigned)RELIANCE_DOUBLE_FREE | RELIANCE_INTERIOR | RELIANCE_MISALIGNED | RELIANCE_FOREIGN)

struct options {
    size_t program_count;
    size_t seed;
    size_t first;
    const char *place;
    size_t job_count; /* 0: one for each processor */
    bool statistics;
};

/* What came of the operations. */
enum effect {
    EFFECT_CHANGED, /* the heap, or it was looked at: a size asked for, a header damaged */
    EFFECT_NO_ROOM,
    EFFECT_MISUSE,
    EFFECT_NOTHING, /* size 0, NULL, nothing to coalesce, a refusal that no ask came to */
    EFFECT_COUNT
};
static const char *const effect_names[EFFECT_COUNT] = {"changed", "no room", "misuse", "nothing"};

struct counts {
    uint64_t programs;
    uint64_t passed_over; /* no heap starts in their regions */
    uint64_t operations;
    uint64_t effects[EFFECT_COUNT];
};

struct job {
    pid_t process;
    struct counts counts;
    size_t next; /* program to be run, counted from the first, and the one after the last of its piece */
    size_t end;
    size_t begun;  /* the last that was: what dies, even between two programs, dies of it */
    size_t failed; /* the program that failed, counted from the first; SIZE_MAX: none */
    struct failure failure;
};

/* What all processes see. */
struct share {
    _Atomic size_t next;   /* program to be run */
    _Atomic size_t failed; /* no program after it is run */
    atomic_bool stopped;   /* none is */
    struct job jobs[PROVER_JOBS];
};

static enum effect effect_of(const struct step *step) {
    switch (step->call) {
    case CALL_NONE:
        return EFFECT_NOTHING;
    case CALL_ALLOC:
    case CALL_ZALLOC:
    case CALL_CALLOC:
    case CALL_ALLOC_ALIGNED:
        if (step->offset != MODEL_NOTHING) {
            return EFFECT_CHANGED;
        }
        return step_request(step) == 0 ? EFFECT_NOTHING : EFFECT_NO_ROOM;
    case CALL_REALLOC:
    case CALL_EXTEND:
    case CALL_FREE:
    case CALL_USABLE:
        if (step_is_misuse(step) || (step->relies & MISUSES) != 0) {
            return EFFECT_MISUSE;
        }
        if (step->null_pointer) {
            return step->offset != MODEL_NOTHING ? EFFECT_CHANGED : EFFECT_NOTHING;
        }
        return step->call != CALL_FREE && step->call != CALL_USABLE && step->offset == MODEL_NOTHING &&
                       step->size != 0
                   ? EFFECT_NO_ROOM
                   : EFFECT_CHANGED;
    default:
        return EFFECT_CHANGED;
    }
}

static void count_step(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    struct counts *const counts = context;
    (void)executor, (void)verdict;
    if (!step->recovery) {
        counts->effects[effect_of(step)]++;
    }
}

static void print_statistics(const struct counts *counts) {
    uint64_t sum = 0;
    for (size_t i = 0; i < EFFECT_COUNT; i++) {
        sum += counts->effects[i];
    }
    printf("\n  what operations came to\n");
    for (size_t i = 0; i < EFFECT_COUNT; i++) {
        printf("    %-12s %5.1f %%\n", effect_names[i],
               100.0 * (double)counts->effects[i] / (double)(sum == 0 ? 1 : sum));
    }
    printf("\n  weights that programs are made by\n");
    for (const struct generate_weight *weight = generate_weights; weight->group != NULL; weight++) {
        printf("    %-12s %-12s %3u\n", weight->group, weight->name, weight->weight);
    }
}

/* Saves a failing program and has it explained. */
static enum exit_code explain(const struct options *options, size_t index, const struct program *program,
                              const struct failure *failure) {
    static char force[] = "--force";
    char what[FAILURE_TEXT_SIZE];
    const char *const place = options->place == NULL ? "" : options->place;
    const size_t size = strlen(place) + NAME_SIZE;
    char *const path = malloc(size);
    if (path == NULL) {
        abort(); /* a path */
    }
    snprintf(path, size, "%s%ssmoke-%zu-%zu", place, *place == '\0' ? "" : "/", options->seed, index);
    enum exit_code code = output_write(path, program->bytes, program->size, true);
    if (code == EXIT_SOUND) {
        printf("Program %zu of seed %zu fails by %s; it is in %s\n\n", index, options->seed,
               failure_text(failure, what), shown(path));
        fflush(stdout);
        code = command_start(&command_explain, (char *[]){path, force, NULL});
        if (code == EXIT_SOUND) {
            printf("It did not fail again: the heap does not depend on its program alone.\n");
            code = EXIT_VIOLATION;
        }
    }
    free(path);
    return code;
}

/* A job's process. */

/* What its child is given to run. */
struct batch {
    const struct options *options;
    const struct share *share;
    struct job *job;
};

static bool is_wanted(const struct options *options, const struct share *share, size_t number) {
    return number < options->program_count && number <= atomic_load(&share->failed) &&
           !atomic_load(&share->stopped);
}

static struct verdict run_program(const struct options *options, struct executor *executor, struct job *job) {
    static uint8_t bytes[BLOB_PROGRAM_SIZE];
    struct counts *const counts = &job->counts;
    const size_t size =
        generate_program(generate_seed(options->seed, options->first + job->next), bytes, sizeof bytes);
    const struct program program = program_decode(bytes, size);
    job->begun = job->next;
    isolated_set_alarm(ISOLATED_LIMIT_MILLISECONDS + (unsigned)program.operation_count);
    const struct verdict verdict = executor_run(executor, &program);
    counts->programs++;
    counts->passed_over += !executor->started;
    counts->operations += executor->started ? program.operation_count : 0;
    return verdict;
}

static uint64_t milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* In the child, which is asked once for all programs from job->next to the end of the piece: a question costs
 * a fifth of what a program does. It answers after a while all the same, since its caller does not wait for
 * long. */
static struct verdict run_batch(void *context, struct executor *executor, const struct program *none) {
    const struct batch *const batch = context;
    struct job *const job = batch->job;
    const uint64_t start = milliseconds();
    struct verdict verdict = verdict_sound();
    (void)none;
    while (job->next < job->end && is_wanted(batch->options, batch->share, job->next) &&
           milliseconds() - start < BATCH_MILLISECONDS) {
        verdict = run_program(batch->options, executor, job);
        if (!verdict_is_sound(verdict)) {
            break;
        }
        job->next++;
    }
    return verdict;
}

static void note_failed(struct share *share, size_t number) {
    size_t failed = SIZE_MAX;
    while (number < failed && !atomic_compare_exchange_weak(&share->failed, &failed, number)) {
    }
}

/* The programs in front of one that fails are run all the same. */
static void run_programs(struct isolated *isolated, const struct options *options, struct share *share,
                         struct job *job) {
    const struct program none = program_decode(NULL, 0);
    while (is_wanted(options, share, job->next)) {
        job->next = atomic_fetch_add(&share->next, PIECE);
        job->end = job->next + PIECE;
        while (job->next < job->end && is_wanted(options, share, job->next)) {
            job->failure = isolated_run(isolated, &none);
            if (job->failure.kind != FAILURE_NONE) {
                job->failed = job->begun;
                note_failed(share, job->failed);
                return;
            }
        }
    }
}

static enum exit_code do_job(struct executor *executor, const struct options *options, struct share *share,
                             struct job *job) {
    struct isolated isolated;
    const enum exit_code code = isolated_open(&isolated, executor, 0);
    if (code == EXIT_SOUND) {
        struct batch batch = {options, share, job};
        const struct isolated_hooks hooks = {.run = run_batch, .context = &batch};
        const struct observer counting = {.after = count_step, .context = &job->counts};
        executor->observers = (struct observers){{&counting}, options->statistics ? 1 : 0}; /* in the child */
        host_keep_copy(true);
        isolated.hooks = &hooks;
        run_programs(&isolated, options, share, job);
        host_keep_copy(false);
        isolated_close(&isolated);
        executor->observers.count = 0;
    }
    return code;
}

/* The caller. */

static bool is_job(const struct share *share, size_t job_count, pid_t process) {
    size_t i = 0;
    while (i < job_count && share->jobs[i].process != process) {
        i++;
    }
    return i < job_count;
}

/* Returns what a job ended with that could not be done. The others end then, too. */
static enum exit_code wait_for_jobs(struct share *share, size_t job_count) {
    enum exit_code code = EXIT_SOUND;
    int status;
    for (size_t left = job_count; left > 0;) {
        const pid_t process = waitpid(-1, &status, 0);
        if (process > 0 && !is_job(share, job_count, process)) {
            continue; /* this process may have had children before */
        }
        if (process < 0 || !WIFEXITED(status)) {
            fprintf(stderr, "kmemfuzz: a process was killed from outside\n");
            code = EXIT_ENVIRONMENT;
        } else if (WEXITSTATUS(status) != EXIT_SOUND) {
            code = (enum exit_code)WEXITSTATUS(status);
        }
        atomic_store(&share->stopped, code != EXIT_SOUND);
        left--;
    }
    return code;
}

static enum exit_code do_jobs(struct executor *executor, const struct options *options, struct share *share,
                              size_t job_count) {
    fflush(NULL);
    for (size_t i = 0; i < job_count; i++) {
        struct job *const job = &share->jobs[i];
        const pid_t process = fork();
        if (process < 0) {
            fprintf(stderr, "kmemfuzz: no process to run programs in\n");
            exit(EXIT_ENVIRONMENT); /* and those there are with it */
        }
        if (process == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit((int)do_job(executor, options, share, job));
        }
        job->process = process;
    }
    return wait_for_jobs(share, job_count);
}

static enum exit_code explain_first(const struct options *options, const struct share *share) {
    static uint8_t bytes[BLOB_PROGRAM_SIZE];
    const struct job *job = share->jobs;
    while (job->failed != share->failed && job < share->jobs + PROVER_JOBS - 1) { /* one has it */
        job++;
    }
    const size_t number = options->first + job->failed;
    const struct program program =
        program_decode(bytes, generate_program(generate_seed(options->seed, number), bytes, sizeof bytes));
    return explain(options, number, &program, &job->failure);
}

static struct counts sum_counts(const struct share *share, size_t job_count) {
    struct counts sum = {.programs = 0};
    for (size_t i = 0; i < job_count; i++) {
        const struct counts *const counts = &share->jobs[i].counts;
        sum.programs += counts->programs;
        sum.passed_over += counts->passed_over;
        sum.operations += counts->operations;
        for (size_t effect = 0; effect < EFFECT_COUNT; effect++) {
            sum.effects[effect] += counts->effects[effect];
        }
    }
    return sum;
}

static enum exit_code tell_sound(const struct options *options, const struct counts *counts) {
    const char *const name = subject_under_test->name;
    if (counts->programs != options->program_count) { /* what the heap's own process counts */
        fprintf(stderr, "kmemfuzz: %" PRIu64 " of %zu programs were run\n", counts->programs,
                options->program_count);
        return EXIT_INTERNAL;
    }
    if (counts->programs == counts->passed_over) {
        fprintf(stderr,
                "kmemfuzz: nothing was judged: %s never started, in %" PRIu64
                " regions; what it takes is for the facts region_least, region_most and memory to say\n",
                name, counts->programs);
        return EXIT_USAGE;
    }
    const uint64_t judged = counts->programs - counts->passed_over;
    printf("sound: %" PRIu64 " program%s of seed %zu, %" PRIu64 " operation%s", judged,
           judged == 1 ? "" : "s", options->seed, counts->operations, counts->operations == 1 ? "" : "s");
    if (counts->passed_over != 0) {
        printf("; passed over: %" PRIu64 " more, as %s cannot start in their regions", counts->passed_over,
               name);
    }
    printf("\n");
    if (options->statistics) {
        print_statistics(counts);
    }
    return EXIT_SOUND;
}

/* One for each processor, and a piece for each. */
static size_t choose_job_count(const struct options *options) {
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t pieces = (options->program_count - 1) / PIECE + 1;
    size_t count = processors > 0 ? (size_t)processors : 1;
    count = options->job_count != 0 ? options->job_count : count;
    count = count < PROVER_JOBS ? count : PROVER_JOBS;
    return count < pieces ? count : pieces;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    if (options->program_count == 0) {
        return command_misuse(&command_smoke, "--programs needs a number above 0");
    }
    if (options->job_count > PROVER_JOBS) {
        return command_misuse(&command_smoke, "--jobs takes %zu at most", PROVER_JOBS);
    }
    const size_t job_count = choose_job_count(options);
    struct share *const share = prover_share(sizeof *share);
    atomic_store(&share->failed, SIZE_MAX);
    for (size_t i = 0; i < job_count; i++) {
        share->jobs[i].failed = SIZE_MAX;
    }
    const enum exit_code code = job_count == 1 ? do_job(executor, options, share, share->jobs)
                                               : do_jobs(executor, options, share, job_count);
    if (share->failed != SIZE_MAX) {
        if (code != EXIT_SOUND) {
            fprintf(stderr, "kmemfuzz: not all programs in front of the one that fails were run\n");
        }
        return explain_first(options, share);
    }
    if (code != EXIT_SOUND) {
        return code;
    }
    const struct counts counts = sum_counts(share, job_count);
    return tell_sound(options, &counts);
}

static const struct options defaults = {.program_count = 20000, .seed = 1};

static const struct command_option table[] = {
    OPTION("--programs", "N", "a number", program_count, "how many to run (default: 20000)"),
    OPTION("--seed", "S", "a number", seed, "what they are made of (default: 1)"),
    OPTION("--from", "N", "a number", first, "begin with this one, counted from 0"),
    OPTION("--jobs", "N", "a number", job_count, "processes at a time (default: one for each processor)"),
    OPTION("-o", "FOLDER", "the name of a folder", place, "write what is found there"),
    FLAG("--statistics", statistics,
         "also print what operations came to, and the weights that programs are made by"),
};

const struct command command_smoke = {
    .name = "smoke",
    .synopsis = "[OPTION...]",
    .summary = "run thousands of programs made of a seed, at once and without a fuzzer",
    .help = "Runs programs that a generator makes of a seed, in a process of their own, until one\n"
            "fails: that is saved as smoke-SEED-NUMBER and explained, with the files that explain writes.\n"
            "The same seed makes the same programs everywhere. It needs no fuzzer and no corpus, so it\n"
            "suits a hook before a commit.\n",
    .end = "Exit codes: 0 all sound, 1 one fails and was explained, 2 a wrong argument, or no heap started,\n"
           "3 a file cannot be written, or something else is missing, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz smoke --programs 1000 --seed 7\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
