/* Buffered output to the host: a request costs as much as hundreds of instructions. */
#include "fuzz/board/image.h"
#include "src/riscv/semihosting.h"

#define BUFFER_SIZE ((size_t)8192) /* bytes */

static char buffer[BUFFER_SIZE];
static size_t used;

void output_flush(void) {
    const size_t size = used;
    used = 0;
    if (!semihosting_write(buffer, size)) {
        semihosting_exit(IMAGE_NO_OUTPUT); /* there is nowhere to report it */
    }
}

void output_line(const struct line *line) {
    if (line->size > BUFFER_SIZE - used) {
        output_flush();
    }
    for (size_t i = 0; i < line->size; i++) {
        buffer[used++] = line->text[i];
    }
}
