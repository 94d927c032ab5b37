/* Runs of programs that a seed decides on. */
#include "fuzz/execute/line.h"
#include "fuzz/generate/generate.h"
#include "fuzz/two_files/run.h"

static void copy(uint8_t *to, const uint8_t *from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

/* Leaves out of the first `size` bytes of run_program_bytes the operations that the oracle objects without:
 * halves first, single ones last. Returns how many bytes are left, and their verdict in *verdict. */
static size_t shrink(struct executor *executor, size_t size, struct verdict *verdict) {
    static uint8_t shorter[KMEMFUZZ_PROGRAM];
    const size_t head = program_size(PROGRAM_VERSION, 0);
    const size_t each = program_size(PROGRAM_VERSION, 1) - head;
    for (size_t chunk = (size - head) / each; chunk != 0; chunk /= 2) {
        size_t at = head;
        while (at < size) { /* each time it grows, or size becomes less */
            const size_t end = chunk * each < size - at ? at + chunk * each : size;
            copy(shorter, run_program_bytes, at);
            copy(shorter + at, run_program_bytes + end, size - end);
            const struct program program = program_decode(shorter, size - (end - at));
            const struct verdict shown = executor_run(executor, &program);
            if (shown.oracle == verdict->oracle) {
                *verdict = shown;
                size -= end - at;
                copy(run_program_bytes, shorter, size);
            } else {
                at = end;
            }
        }
    }
    return size;
}

enum kmemfuzz_result kmemfuzz_smoke(size_t program_count, uint64_t seed, struct kmemfuzz_failure *failure) {
    const char *fault = NULL;
    struct executor *const executor = run_prepare(&fault);
    if (executor == NULL) {
        *failure = (struct kmemfuzz_failure){0, "unusable", fault, 0, 0, 0, NULL, 0};
        return KMEMFUZZ_UNUSABLE;
    }
    size_t started_count = 0;
    for (size_t i = 0; i < program_count; i++) {
        const size_t size =
            generate_program(generate_seed(seed, i), run_program_bytes, sizeof run_program_bytes);
        const struct program program = program_decode(run_program_bytes, size);
        if (run_find_lack(executor, &program).needed != 0) {
            continue;
        }
        struct verdict verdict = executor_run(executor, &program);
        started_count += executor->started;
        if (!verdict_is_sound(verdict)) {
            const size_t left = shrink(executor, size, &verdict);
            *failure = run_describe(i, verdict, run_program_bytes, left);
            return KMEMFUZZ_VIOLATION;
        }
    }
    return started_count == 0 ? KMEMFUZZ_SKIPPED : KMEMFUZZ_SOUND;
}

static void put_text(const char *text, kmemfuzz_put *put) {
    for (; *text != '\0'; text++) {
        put(*text);
    }
}

static void put_base64(const uint8_t *bytes, size_t size, kmemfuzz_put *put) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++) {
            group = group << 8 | (i + j < size ? bytes[i + j] : 0u);
        }
        for (size_t j = 0; j < 4; j++) {
            put((char)(i + j <= size ? digits[group >> (18 - 6 * j) & 63] : '='));
        }
    }
}

void kmemfuzz_print(const struct kmemfuzz_failure *failure, kmemfuzz_put *put) {
    struct line line = {.size = 0};
    line_text(&line, failure->oracle);
    line_text(&line, ": ");
    line_text(&line, failure->sentence);
    line_text(&line, "\n  program");
    line_decimal(&line, (uint32_t)failure->index);
    line_text(&line, ", offset");
    line_hexadecimal(&line, failure->offset);
    line_text(&line, ", expected");
    line_hexadecimal(&line, failure->expected);
    line_text(&line, ", observed");
    line_hexadecimal(&line, failure->observed);
    line_text(&line, " (hexadecimal)\n  replay  echo ");
    line_put(&line, put);
    put_base64(failure->program, failure->size, put);
    put_text(" | base64 -d | kmemfuzz explain YOUR_HEAP.c -\n", put);
}
