/* The reducer and its judge. reduced.h is the contract. */
#include "fuzz/host/reduced.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fuzz/host/input.h"
#include "fuzz/host/isolated.h"
#include "fuzz/host/outcome.h"
#include "fuzz/search/reduce.h"

#define REPLAY_LIMIT       ((size_t)1000000) /* programs run: hours for a hang, and minutes for all else */
#define CANDIDATE_LIMIT    30u /* milliseconds a candidate may compute, beyond what the program itself does */
#define CANDIDATE_SLOWNESS 4.0 /* and how many times as long as that it may take */
#define CANDIDATE_WAIT     1000u /* milliseconds a candidate may wait, and */
#define CANDIDATE_WAITS    5u    /* how many times as long as it may compute */

struct judge {
    struct isolated isolated;
    struct failure wanted;
};

static double now_in_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Runs a program for as long as any program may take, in a child nothing has happened in. */
static struct failure run_carefully(struct judge *judge, const struct program *program) {
    judge->isolated.limit_milliseconds = ISOLATED_LIMIT_MILLISECONDS;
    judge->isolated.wait_milliseconds = ISOLATED_WAIT_MILLISECONDS;
    judge->isolated.fresh = true;
    return isolated_run(&judge->isolated, program);
}

static bool fails(void *context, const struct program *program) {
    struct judge *const judge = context;
    const struct failure failure = isolated_run(&judge->isolated, program);
    return failure_is_same(&failure, &judge->wanted);
}

/* Reduces, and looks at the result once more, carefully. Returns whether it has the wanted failure. fresh: a
 * child for each candidate; limit: milliseconds for each. */
static bool reduce_once(struct judge *judge, const struct program *program, bool fresh, unsigned limit,
                        struct reduced *reduced) {
    struct reduction reduction = {.fails = fails, .context = judge, .replay_limit = REPLAY_LIMIT};
    judge->isolated.fresh = fresh;
    judge->isolated.limit_milliseconds = limit;
    judge->isolated.wait_milliseconds = CANDIDATE_WAIT + limit * CANDIDATE_WAITS;
    const enum reduce_outcome outcome = reduce(program, &reduction);
    reduced->replay_count += reduction.replay_count;
    if (outcome != REDUCE_DONE) {
        return false;
    }
    const struct program smaller = program_decode(reduction.bytes, reduction.size);
    reduced->failure = run_carefully(judge, &smaller);
    reduced->replay_count++;
    if (!failure_is_same(&reduced->failure, &judge->wanted)) {
        free(reduction.bytes);
        return false;
    }
    reduced->bytes = reduction.bytes;
    reduced->size = reduction.size;
    reduced->program = smaller;
    return true;
}

/* A candidate may take a little longer than the program. How long a hang would take is unknown: there
 * the result must hang for long, or all is done again, the long way. */
static unsigned limit_candidates(const struct judge *judge) {
    const double milliseconds = isolated_milliseconds(&judge->isolated) * CANDIDATE_SLOWNESS;
    return CANDIDATE_LIMIT + (unsigned)milliseconds;
}

static enum exit_code make(const char *path, struct judge *judge, const struct program *program,
                           struct reduced *reduced) {
    judge->wanted = run_carefully(judge, program);
    reduced->failure = judge->wanted;
    reduced->replay_count = 1;
    if (isolated_passed_over(&judge->isolated)) {
        return outcome_refuse_unjudged(path, program);
    }
    if (judge->wanted.kind == FAILURE_NONE) {
        return EXIT_SOUND;
    }
    /* One run may disturb the next, when the subject writes where it must not: then each
     * gets a child of its own. */
    if (reduce_once(judge, program, false, limit_candidates(judge), reduced) ||
        reduce_once(judge, program, true, ISOLATED_LIMIT_MILLISECONDS, reduced)) {
        return EXIT_VIOLATION;
    }
    fprintf(stderr,
            "%s: error: it fails now one way, now another, or memory has run out: it cannot be reduced\n",
            input_name(path));
    return EXIT_ENVIRONMENT;
}

enum exit_code reduced_make(const char *path, struct executor *executor, const struct program *program,
                            struct reduced *reduced) {
    struct judge judge;
    const double start = now_in_milliseconds();
    *reduced = (struct reduced){.bytes = NULL};
    const size_t canonical_size = program_encoded_size(program);
    enum exit_code code = isolated_open(&judge.isolated, executor,
                                        canonical_size > program->size ? canonical_size : program->size);
    if (code == EXIT_SOUND) {
        code = make(path, &judge, program, reduced);
        isolated_close(&judge.isolated);
    }
    reduced->milliseconds = now_in_milliseconds() - start;
    return code;
}

void reduced_close(struct reduced *reduced) {
    free(reduced->bytes);
    reduced->bytes = NULL;
}
