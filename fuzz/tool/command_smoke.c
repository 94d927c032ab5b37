/* kmemfuzz smoke: programs made of a seed, without a fuzzer: for a hook before a commit, and for any
 * compiler. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/generate/generate.h"
#include "fuzz/host/host.h"
#include "fuzz/host/isolated.h"
#include "fuzz/host/output.h"
#include "fuzz/host/subject_table.h"
#include "fuzz/program/blob.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"

#define NAME_SIZE ((size_t)64) /* of a file, without the folder */

/* What the facts of a heap without a view say that it answers. */
#define MISUSES ((unsigned)RELIANCE_DOUBLE_FREE | RELIANCE_INTERIOR | RELIANCE_MISALIGNED | RELIANCE_FOREIGN)

struct options {
    size_t program_count;
    size_t seed;
    size_t first;
    const char *place;
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

/* Counts what a sound program does, in this process. */
static void count_effects(struct executor *executor, const struct program *program, struct counts *counts) {
    const struct observer counting = {.after = count_step, .context = counts};
    executor->observers = (struct observers){{&counting}, 1};
    const struct verdict verdict = executor_run(executor, program);
    (void)verdict; /* sound, as in the child */
    executor->observers.count = 0;
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

static enum exit_code run_programs(struct isolated *isolated, struct executor *executor,
                                   const struct options *options, struct counts *counts) {
    static uint8_t bytes[BLOB_PROGRAM_SIZE];
    for (size_t i = options->first; counts->programs < options->program_count; i++) {
        const size_t size = generate_program(generate_seed(options->seed, i), bytes, sizeof bytes);
        const struct program program = program_decode(bytes, size);
        const struct failure failure = isolated_run(isolated, &program);
        if (failure.kind != FAILURE_NONE) {
            return explain(options, i, &program, &failure);
        }
        counts->programs++;
        if (isolated_passed_over(isolated)) {
            counts->passed_over++;
            continue;
        }
        counts->operations += program.operation_count;
        if (options->statistics) {
            count_effects(executor, &program, counts);
        }
    }
    return EXIT_SOUND;
}

static enum exit_code tell_sound(const struct options *options, const struct counts *counts) {
    const char *const name = subject_under_test->name;
    if (counts->programs == counts->passed_over) {
        fprintf(stderr,
                "kmemfuzz: nothing was judged: %s never started, in %" PRIu64
                " regions; what it takes is for the facts region_least, region_most and memory to say\n",
                name, counts->programs);
        return EXIT_USAGE;
    }
    printf("sound: %" PRIu64 " programs of seed %zu, %" PRIu64 " operations",
           counts->programs - counts->passed_over, options->seed, counts->operations);
    if (counts->passed_over != 0) {
        printf("; %" PRIu64 " more were passed over, as %s cannot start in their regions",
               counts->passed_over, name);
    }
    printf("\n");
    if (options->statistics) {
        print_statistics(counts);
    }
    return EXIT_SOUND;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    struct counts counts = {.programs = 0};
    struct isolated isolated;
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    if (options->program_count == 0) {
        return command_misuse(&command_smoke, "--programs needs a number above 0");
    }
    enum exit_code code = isolated_open(&isolated, executor, BLOB_PROGRAM_SIZE);
    if (code != EXIT_SOUND) {
        return code;
    }
    code = run_programs(&isolated, executor, options, &counts);
    isolated_close(&isolated);
    return code == EXIT_SOUND ? tell_sound(options, &counts) : code;
}

static const struct options defaults = {.program_count = 20000, .seed = 1};

static const struct command_option table[] = {
    OPTION("--programs", "N", "a number", program_count, "how many to run (default: 20000)"),
    OPTION("--seed", "S", "a number", seed, "what they are made of (default: 1)"),
    OPTION("--from", "N", "a number", first, "begin with this one, counted from 0"),
    OPTION("-o", "FOLDER", "the name of a folder", place, "write what is found there"),
    FLAG("--statistics", statistics,
         "also print what operations came to, and the weights that programs are made by"),
};

const struct command command_smoke = {
    .name = "smoke",
    .synopsis = "[OPTION...]",
    .summary = "run thousands of programs made of a seed, at once and without a fuzzer",
    .help = "Runs programs that a generator makes of a seed, each in a process of its own, until one\n"
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
