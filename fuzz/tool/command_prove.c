/* kmemfuzz prove: every layout of a small heap and every operation from each; or every short sequence. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/host/host.h"
#include "fuzz/host/output.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/prover.h"

#define MEGABYTE ((uint64_t)1 << 20)

struct options {
    size_t byte_count;
    size_t length; /* of sequences; 0: operations */
    const char *alphabet;
    size_t job_count;
    size_t megabytes;
    const char *place;
};

struct proof {
    const struct options *options;
    struct prover prover;
    uint64_t reached;   /* layouts */
    size_t depth_count; /* depths that layouts have */
};

static uint64_t count_depth(const struct close *close, uint8_t depth) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < close->layouts.count; i++) {
        count += close->depths[i] == depth;
    }
    return count;
}

/* Explaining. */

static void print_layout(const struct proof *proof, uint64_t number) {
    struct live_block live[LAYOUTS_GRAINS];
    const size_t live_count = layouts_blocks(&proof->prover.close.layouts, number, live);
    for (size_t i = 0; i < live_count; i++) {
        printf(" %zu (%zu bytes)", live[i].offset, live[i].size);
    }
    printf("\n");
}

static enum exit_code explain(const struct proof *proof, const struct close_place *place) {
    static uint8_t bytes[CLOSE_PROGRAM_SIZE];
    static char force[] = "--force";
    char path[4096];
    (void)signal(SIGINT, SIG_DFL); /* nothing looks at prover_interrupted here */
    const size_t size = close_program(&proof->prover.close, place, bytes);
    if (size == 0) {
        printf("An operation fails from a layout that none leads to again: the heap does not depend on its "
               "program alone. The layout has taken blocks at");
        print_layout(proof, place->layout);
        return EXIT_VIOLATION;
    }
    const struct program program = program_decode(bytes, size);
    const char *const folder = proof->options->place;
    snprintf(path, sizeof path, "%s%sprove-%zu", folder == NULL ? "" : folder, folder == NULL ? "" : "/",
             proof->options->byte_count);
    enum exit_code code = output_write(path, bytes, size, true);
    if (code == EXIT_SOUND) {
        printf("A program of %zu operation%s fails: it is in %s\n\n", program.operation_count,
               program.operation_count == 1 ? "" : "s", shown(path));
        fflush(stdout);
        code = command_start(&command_explain, (char *[]){path, force, NULL});
    }
    if (code == EXIT_SOUND) {
        printf("It did not fail again: the heap does not depend on its program alone.\n");
        code = EXIT_VIOLATION;
    }
    return code;
}

static enum exit_code tell_unfinished(const struct proof *proof) {
    fprintf(stderr,
            "%skmemfuzz: %s: %" PRIu64 " of %" PRIu64 " layouts, %" PRIu64 " transitions, all sound\n",
            proof->prover.shows ? "\r\033[K" : "",
            prover_interrupted != 0 ? "interrupted" : "a process was killed from outside", proof->prover.done,
            proof->prover.close.layouts.count, proof->prover.transition_count);
    return EXIT_ENVIRONMENT;
}

/* Looks at a depth's layouts. Explains what is found, and then returns EXIT_VIOLATION. */
static enum exit_code pass(struct proof *proof, uint8_t depth) {
    const struct close_place *const found = prover_look(&proof->prover, depth);
    if (found != NULL) {
        return explain(proof, found);
    }
    return prover_is_done(&proof->prover) ? EXIT_SOUND : tell_unfinished(proof);
}

/* Each layout of each depth once. Sets the number of depths. */
static enum exit_code close_all(struct proof *proof) {
    proof->prover.close.depths[layouts_number(&proof->prover.close.layouts, NULL, 0)] = 0;
    uint64_t count;
    enum exit_code code = EXIT_SOUND;
    for (uint8_t depth = 0; code == EXIT_SOUND && (count = count_depth(&proof->prover.close, depth)) != 0;
         depth++) {
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
    proof->prover.close.alphabet = alphabet;
    proof->prover.transition_count = 0;
    for (size_t total = 1; total < proof->depth_count + longest; total++) {
        for (size_t length = 1; length <= longest && length <= total && code == EXIT_SOUND; length++) {
            proof->prover.length = length;
            if (total - length < proof->depth_count) {
                code = pass(proof, (uint8_t)(total - length));
            }
        }
    }
    return code;
}

/* The first of them, by its taken blocks. */
static enum exit_code tell_unreached(const struct proof *proof) {
    const uint64_t count = proof->prover.close.layouts.count;
    uint64_t number = 0;
    while (proof->prover.close.depths[number] != CLOSE_UNREACHED) { /* there is one */
        number++;
    }
    printf("%" PRIu64 " of %" PRIu64
           " layouts are never reached: a sound heap reaches all. One has taken blocks at",
           count - proof->reached, count);
    print_layout(proof, number);
    return EXIT_VIOLATION;
}

static enum exit_code tell(const struct proof *proof) {
    const double elapsed = prover_seconds(&proof->prover);
    const uint64_t count = proof->prover.close.layouts.count;
    if (proof->prover.shows) {
        fprintf(stderr, "\r\033[K");
    }
    if (proof->reached != count) {
        return tell_unreached(proof);
    }
    const double rate = (double)proof->prover.transition_count / elapsed / 1e6;
    printf("sound: %" PRIu64 " layouts, %" PRIu64, count, proof->prover.transition_count);
    if (proof->options->length == 0) {
        printf(" transitions (%.1f million a second)\n", rate);
    } else {
        printf(" sequences of up to %zu operation%s (%.1f million a second)\n", proof->options->length,
               proof->options->length == 1 ? "" : "s", rate);
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

/* Bytes that the system can give; UINT64_MAX: it does not say. */
static uint64_t available(void) {
    uint64_t kilobytes = 0;
    char line[256];
    FILE *const file = fopen("/proc/meminfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) != 1) {
    }
    if (file != NULL) {
        fclose(file);
    }
    return kilobytes == 0 ? UINT64_MAX : kilobytes * 1024;
}

/* All the memory that is needed, and says how much. */
static enum exit_code take_memory(struct proof *proof) {
    const struct options *const options = proof->options;
    const uint64_t count = proof->prover.close.layouts.count; /* a byte each */
    if (count > options->megabytes * MEGABYTE) {
        return command_misuse(&command_prove,
                              "%zu bytes have %" PRIu64
                              " layouts, a byte of memory each: --memory %zu has not so many",
                              options->byte_count, count, options->megabytes);
    }
    if (count > available()) {
        fprintf(stderr,
                "kmemfuzz: %zu bytes have %" PRIu64 " layouts, a byte of memory each: the system has less\n",
                options->byte_count, count);
        return EXIT_ENVIRONMENT;
    }
    printf("%zu bytes: %" PRIu64 " layouts, %" PRIu64 " KB of memory, %zu job%s\n", options->byte_count,
           count, (count + 1023) / 1024, proof->prover.job_count, proof->prover.job_count == 1 ? "" : "s");
    fflush(stdout);
    proof->prover.close.depths = prover_share(count);
    memset(proof->prover.close.depths, CLOSE_UNREACHED, count);
    return EXIT_SOUND;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    struct proof proof = {.options = options,
                          .prover = {.shows = isatty(STDERR_FILENO) != 0, .longest = options->length}};
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    proof.prover.job_count = options->job_count != 0 ? options->job_count
                             : processors > 0        ? (size_t)processors
                                                     : 1;
    proof.prover.close.size = options->byte_count;
    if (options->byte_count == 0) {
        return command_misuse(&command_prove, "--bytes needs the size of a small heap");
    }
    if (proof.prover.job_count > PROVER_JOBS) {
        return command_misuse(&command_prove, "--jobs takes %zu at most", PROVER_JOBS);
    }
    enum close_alphabet alphabet = options->length == 0 ? CLOSE_FULL : CLOSE_CALLS;
    if (options->length > CLOSE_LENGTH_MAXIMUM) {
        return command_misuse(&command_prove, "--depth takes %zu at most", CLOSE_LENGTH_MAXIMUM);
    }
    if (!choose_alphabet(options->alphabet, &alphabet)) {
        return command_misuse(&command_prove, "--alphabet takes plain, calls or full");
    }
    proof.prover.close.alphabet = options->length == 0 ? alphabet : CLOSE_PLAIN;
    proof.prover.close.route = proof.prover.close.alphabet;
    proof.prover.close.executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    const char *const wrong = close_open(&proof.prover.close);
    if (wrong != NULL) {
        return command_misuse(&command_prove, "--bytes %zu: %s", options->byte_count, wrong);
    }
    prover_open(&proof.prover);
    enum exit_code code = take_memory(&proof);
    if (code != EXIT_SOUND) {
        return code;
    }
    code = close_all(&proof);
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
           "the operations (default: full; with --depth: calls)"),
    OPTION("--jobs", "N", "a number", job_count, "processes at a time (default: one for each processor)"),
    OPTION("--memory", "MB", "a number of megabytes", megabytes, "take no more (default: 1024)"),
    OPTION("-o", "FOLDER", "the name of a folder", place, "write what is found there"),
};

const struct command command_prove = {
    .name = "prove",
    .synopsis = "--bytes N [OPTION...]",
    .summary = "try every operation from every layout of a small heap",
    .help = "Goes from the empty heap to every layout that N bytes can have, block by block, and does every\n"
            "operation of an alphabet from each, with every oracle. How many layouts there are is computed\n"
            "too, and all of them must be reached. The first violation comes as a shortest program\n"
            "that leads there, prove-N, and explained, with the files that explain writes.\n"
            "\n"
            "With --depth, every sequence of up to D operations from every layout: what an allocator keeps\n"
            "besides its blocks shows only there.\n"
            "\n"
            "Alphabets: plain allocates every size of block, and frees; calls has each call, each size of\n"
            "block and one misuse of each kind, in a heap that grows; full has all that a program can say\n"
            "and that can differ, in heaps that grow, do not, or are refused growth.\n"
            "\n"
            "For a heap whose facts say first_fit. One with larger pages gets its small heap at their end.\n",
    .end = "Exit codes: 0 all sound, 1 one fails and was explained, 2 a wrong argument,\n"
           "3 interrupted, killed, or no memory, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz prove --bytes 96\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
