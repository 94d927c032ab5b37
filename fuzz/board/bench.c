/* The frame of an image that counts instructions: starts, lets the image count, and writes a line for each
 * count.
 *
 * Under `-icount shift=0` the emulator's counter of instructions counts just those, so that every run gives
 * the same. No interrupt is on, and nothing asks the time. What is measured must also have worked: an answer
 * that is not as it must be is an error, not a count.
 *
 *     I name count          instructions
 *     END compiler count    the compiler's version, and how many lines came before */
#include "fuzz/board/bench.h"

#include "fuzz/board/image.h"
#include "src/riscv/semihosting.h"

#define EXIT_BROKEN   1u
#define COMPILER      "clang-" STRING(__clang_major__) "." STRING(__clang_minor__) "." STRING(__clang_patchlevel__)
#define STRING(text)  LITERAL(text)
#define LITERAL(text) #text

int main(void);

static uint32_t report_count;

_Noreturn static void end_broken(const char *what) {
    struct line line = {.size = 0};
    line_text(&line, "ERROR not true: ");
    line_text(&line, what);
    line_text(&line, "\n");
    output_line(&line);
    output_flush();
    semihosting_exit(EXIT_BROKEN);
}

void bench_require(bool is_true, const char *what) {
    if (!is_true) {
        end_broken(what);
    }
}

void bench_report(const char *name, uint32_t number, uint32_t count) {
    struct line digits = {.size = 0};
    struct line line = {.size = 0};
    line_text(&line, "I ");
    line_text(&line, name);
    if (number != BENCH_NO_NUMBER) {
        line_decimal(&digits, number);
        line_text(&line, "-");
        line_text(&line, digits.text + 1); /* without the blank; the rest of the text is zero */
    }
    line_decimal(&line, count);
    line_text(&line, "\n");
    output_line(&line);
    report_count++;
}

int main(void) {
    if (!semihosting_open()) {
        semihosting_exit(IMAGE_NO_OUTPUT);
    }
    bench_run();
    struct line line = {.size = 0};
    line_text(&line, "END " COMPILER);
    line_decimal(&line, report_count);
    line_text(&line, "\n");
    output_line(&line);
    output_flush();
    semihosting_exit(IMAGE_SOUND);
}
