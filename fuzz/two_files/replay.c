/* The replay of a packed corpus on a board that is not ours: the lines of fuzz/board/replay.c, of which those
 * about traps are for the board's owner to print. */
#include "fuzz/execute/line.h"
#include "fuzz/program/blob.h"
#include "fuzz/two_files/run.h"

#define FORMAT     1u  /* of these lines, as IMAGE_FORMAT */
#define FAULT_CODE 29u /* of a table or a memory that is not as it has to be */
#define BLOB_CODE  30u /* as IMAGE_BLOB: this and an enum blob_error */

static enum kmemfuzz_result end_with_error(unsigned code, const char *text, kmemfuzz_put *put) {
    struct line line = {.size = 0};
    line_text(&line, "ERROR");
    line_decimal(&line, code);
    line_text(&line, " ");
    line_text(&line, text);
    line_text(&line, "\n");
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

/* Runs a program, and prints its line. */
static enum kmemfuzz_result replay_program(struct executor *executor, size_t index,
                                           const struct program *program, kmemfuzz_put *put) {
    const struct run_lack lack = run_find_lack(executor, program);
    if (lack.needed != 0) {
        const struct line line = line_no_memory(index, lack.needed, lack.available);
        line_put(&line, put);
        return KMEMFUZZ_SKIPPED;
    }
    const struct verdict verdict = executor_run(executor, program);
    const struct line line = line_verdict(index, executor, verdict);
    line_put(&line, put);
    if (!verdict_is_sound(verdict)) {
        return KMEMFUZZ_VIOLATION;
    }
    return executor->started ? KMEMFUZZ_SOUND : KMEMFUZZ_SKIPPED;
}

static enum kmemfuzz_result replay_all(struct executor *executor, const struct blob *blob,
                                       kmemfuzz_put *put) {
    uint32_t counts[KMEMFUZZ_UNUSABLE] = {0};
    announce(blob, put);
    for (uint32_t i = 0; i < blob->input_count; i++) {
        const struct blob_input input = blob_find(blob, i);
        const struct program program = program_decode(blob->bytes + input.offset, input.size);
        counts[replay_program(executor, i, &program, put)]++;
    }
    struct line line = {.size = 0};
    line_text(&line, "END");
    line_decimal(&line, blob->input_count);
    line_decimal(&line, counts[KMEMFUZZ_SOUND] + counts[KMEMFUZZ_SKIPPED]);
    line_decimal(&line, counts[KMEMFUZZ_VIOLATION]);
    line_text(&line, " 0 0 0\n"); /* faults, hangs and reports are none that come back here */
    line_put(&line, put);
    if (counts[KMEMFUZZ_VIOLATION] != 0) {
        return KMEMFUZZ_VIOLATION;
    }
    return counts[KMEMFUZZ_SKIPPED] != 0 ? KMEMFUZZ_SKIPPED : KMEMFUZZ_SOUND;
}

enum kmemfuzz_result kmemfuzz_replay(const void *bytes, size_t size, kmemfuzz_put *put) {
    const char *fault = NULL;
    struct blob blob;
    struct executor *const executor = run_prepare(&fault);
    if (executor == NULL) {
        return end_with_error(FAULT_CODE, fault, put);
    }
    if ((uintptr_t)bytes % BLOB_GRAIN != 0) {
        return end_with_error(FAULT_CODE, "the blob does not lie at a multiple of 8: align its array", put);
    }
    const enum blob_error error = blob_open((const unsigned char *)bytes, size, &blob);
    if (error != BLOB_OK) {
        return end_with_error(BLOB_CODE + (unsigned)error, blob_error_text(error), put);
    }
    run_set_put(put);
    return replay_all(executor, &blob, put);
}
