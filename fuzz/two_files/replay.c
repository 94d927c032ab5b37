/* The replay of a packed corpus on a board that is not ours: the lines of fuzz/board/replay.c. */
#include "fuzz/execute/line.h"
#include "fuzz/generate/packed.h"
#include "fuzz/two_files/run.h"

#define FORMAT     1u  /* of these lines, as IMAGE_FORMAT */
#define FAULT_CODE 29u /* of a table or a memory that is not as it has to be */
#define BLOB_CODE  30u /* as IMAGE_BLOB: this and an enum blob_error */

static enum kmemfuzz_result end_with_error(unsigned code, const char *text, kmemfuzz_put *put) {
    const struct line line = line_error(code, text);
    line_put(&line, put);
    return KMEMFUZZ_UNUSABLE;
}

static void announce(const struct blob *blob, kmemfuzz_put *put) {
    struct line line = {.size = 0};
    line_text(&line, "BOOT");
    line_decimal(&line, FORMAT);
    line_decimal(&line, sizeof(void *) * 8);
    line_decimal(&line, blob->input_count);
    line_decimal(&line, 0);
    line_decimal(&line, blob->input_count);
    line_text(&line, "\n");
    line_put(&line, put);
}

/* What came of the programs so far. */
struct counts {
    uint32_t sound; /* or not run */
    uint32_t skipped;
    uint32_t violation;
    uint32_t fault;
    uint32_t hang;
};

struct job {
    struct executor *executor;
    const struct program *program;
    struct verdict verdict;
};

static void run(void *context) {
    struct job *const job = (struct job *)context;
    job->verdict = executor_run(job->executor, job->program);
}

__attribute__((weak)) bool kmemfuzz_call(void (*function)(void *context), void *context,
                                         struct kmemfuzz_stop *stop) {
    (void)stop;
    function(context);
    return true;
}

static void print_stop(size_t index, size_t operation_count, const struct kmemfuzz_stop *stop,
                       kmemfuzz_put *put) {
    struct line line = {.size = 0};
    line_text(&line, stop->letter == 'H' ? "H" : "F");
    line_decimal(&line, (uint32_t)index);
    line_decimal(&line, (uint32_t)operation_count);
    if (stop->letter != 'H') {
        line_hexadecimal(&line, stop->cause);
        line_hexadecimal(&line, stop->value);
    }
    line_hexadecimal(&line, stop->program_counter);
    line_hexadecimal(&line, stop->return_address);
    line_hexadecimal(&line, stop->stack_pointer);
    line_text(&line, "\n");
    line_put(&line, put);
}

/* Runs a program, and prints its line. */
static void replay_program(struct executor *executor, size_t index, const struct program *program,
                           kmemfuzz_put *put, struct counts *counts) {
    const struct run_lack lack = run_find_lack(executor, program);
    if (lack.needed != 0) {
        const struct line line = line_no_memory(index, lack.needed, lack.available);
        line_put(&line, put);
        counts->sound++;
        counts->skipped++;
        return;
    }
    struct job job = {executor, program, verdict_sound()};
    struct kmemfuzz_stop stop = {.letter = 'F'};
    executor->operation_count = 0;
    if (!kmemfuzz_call(run, &job, &stop)) {
        print_stop(index, executor->operation_count, &stop, put);
        counts->hang += stop.letter == 'H';
        counts->fault += stop.letter != 'H';
        run_abandon(executor);
        return;
    }
    const struct line line = line_verdict(index, executor, job.verdict);
    line_put(&line, put);
    const bool sound = verdict_is_sound(job.verdict);
    counts->violation += !sound;
    counts->sound += sound;
    counts->skipped += sound && !executor->started;
}

static enum kmemfuzz_result replay_all(struct executor *executor, const struct blob *blob,
                                       kmemfuzz_put *put) {
    struct counts counts = {.sound = 0};
    announce(blob, put);
    for (uint32_t i = 0; i < blob->input_count; i++) {
        const struct program program = packed_program(blob, i, run_program_bytes);
        replay_program(executor, i, &program, put, &counts);
    }
    struct line line = {.size = 0};
    line_text(&line, "END");
    line_decimal(&line, blob->input_count);
    line_decimal(&line, counts.sound);
    line_decimal(&line, counts.violation);
    line_decimal(&line, counts.fault);
    line_decimal(&line, counts.hang);
    line_text(&line, " 0\n"); /* reports of sanitizers, which have no line here */
    line_put(&line, put);
    if (counts.sound != blob->input_count) {
        return KMEMFUZZ_VIOLATION;
    }
    return counts.skipped != 0 ? KMEMFUZZ_SKIPPED : KMEMFUZZ_SOUND;
}

enum kmemfuzz_result kmemfuzz_replay(const void *blob, size_t size, kmemfuzz_put *put) {
    const char *fault = NULL;
    struct blob opened;
    struct executor *const executor = run_prepare(&fault);
    if (executor == NULL) {
        return end_with_error(FAULT_CODE, fault, put);
    }
    if ((uintptr_t)blob % BLOB_GRAIN != 0) {
        return end_with_error(FAULT_CODE, "the blob does not lie at a multiple of 8: align its array", put);
    }
    const enum blob_error error = packed_open((const unsigned char *)blob, size, &opened);
    if (error != BLOB_OK) {
        return end_with_error(BLOB_CODE + (unsigned)error, blob_error_text(error), put);
    }
    if (opened.is_made && KMEMFUZZ_PROGRAM < BLOB_PROGRAM_SIZE) {
        return end_with_error(
            FAULT_CODE, "the blob's programs are made here: compile with -DKMEMFUZZ_PROGRAM=2048 for them",
            put);
    }
    if (opened.input_count == 0) {
        return end_with_error(FAULT_CODE, "the blob holds no program", put);
    }
    run_set_put(put);
    return replay_all(executor, &opened, put);
}
