/* What becomes of a sanitizer's report in the replay image: a line, and the end of the input. Only in images
 * with sanitizers; line.h draws the lines. */
#include "fuzz/board/image.h"
#include "src/riscv/sanitizer/sanitizer.h"
#include "src/riscv/sanitizer/shadow.h"

#define TEXT_MAXIMUM ((size_t)64) /* bytes of a text that are printed: a line has to be whole */

/* A character as a line can have it: a blank would end the text, and so is a tab. A path may hold anything, a
 * newline too, which would forge a line. */
static char shown_character(char character) {
    if (character == ' ') {
        return '\t';
    }
    if (character > ' ' && character <= '~') {
        return character;
    }
    return '?';
}

static void append_text(struct line *line, const char *text) {
    line_text(line, text[0] == '\0' ? " -" : " ");
    for (size_t i = 0; i < TEXT_MAXIMUM && text[i] != '\0'; i++) {
        line_text(line, (const char[]){shown_character(text[i]), '\0'});
    }
}

static void append_place(struct line *line, const struct sanitizer_place *place) {
    line_hexadecimal(line, place->return_address);
    line_hexadecimal(line, place->caller);
    line_hexadecimal(line, place->stack_pointer);
}

/* The shadow around an address, as two digits a byte. The rows before and after its own may reach past the
 * shadow's ends, where there is something else or nothing. */
static void append_shadow(struct line *line, uintptr_t address) {
    if (!shadow_covers(address, 1)) {
        line_text(line, " -");
        return;
    }
    const size_t position = (uintptr_t)shadow_of(address) % LINE_SHADOW_ROW;
    uintptr_t granule = address - (LINE_SHADOW_ROW + position) * SHADOW_GRANULE;
    line_text(line, " ");
    for (size_t i = 0; i < 3 * LINE_SHADOW_ROW; i++, granule += SHADOW_GRANULE) {
        static const char digits[] = "0123456789abcdef";
        const unsigned char value = shadow_covers(granule, 1) ? *shadow_of(granule) : SHADOW_NONE;
        line_text(line, (const char[]){digits[value >> 4], digits[value & 15], '\0'});
    }
}

void sanitizer_stop_access(const struct sanitizer_access *access) {
    struct line line = {.size = 0};
    append_text(&line, access->kind);
    line_text(&line, access->write ? " write" : " read");
    line_hexadecimal(&line, access->address);
    line_hexadecimal(&line, access->size);
    line_hexadecimal(&line, access->bad);
    append_place(&line, &access->place);
    append_shadow(&line, access->bad);
    line_text(&line, "\n");
    image_stop("S", &line);
}

void sanitizer_stop_undefined(const struct sanitizer_undefined *undefined) {
    struct line line = {.size = 0};
    append_text(&line, undefined->kind);
    append_text(&line, undefined->access);
    append_text(&line, undefined->file);
    line_decimal(&line, undefined->line);
    line_decimal(&line, undefined->column);
    append_text(&line, undefined->type);
    line_signed(&line, undefined->left);
    line_signed(&line, undefined->right);
    append_place(&line, &undefined->place);
    line_text(&line, "\n");
    image_stop("U", &line);
}
