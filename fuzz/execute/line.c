/* Putting lines together. line.h is the contract. Nothing here divides by what is not a constant: there may
 * be no library to do it. */
#include "fuzz/execute/line.h"

static void append(struct line *line, char character) {
    if (line->size < LINE_SIZE) {
        line->text[line->size++] = character;
    }
}

void line_text(struct line *line, const char *text) {
    for (; *text != '\0'; text++) {
        append(line, *text);
    }
}

void line_decimal(struct line *line, uint32_t number) {
    char digits[10]; /* of the largest 32-bit number */
    size_t count = 0;
    do { /* at most as often as there are digits */
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    append(line, ' ');
    while (count > 0) {
        append(line, digits[--count]);
    }
}

static void append_hexadecimal(struct line *line, uint64_t number) {
    unsigned shift = 60;
    while (shift > 0 && number >> shift == 0) {
        shift -= 4;
    }
    append(line, "0123456789abcdef"[number >> shift & 15]);
    while (shift > 0) {
        shift -= 4;
        append(line, "0123456789abcdef"[number >> shift & 15]);
    }
}

void line_hexadecimal(struct line *line, uint64_t number) {
    append(line, ' ');
    append_hexadecimal(line, number);
}

void line_signed(struct line *line, int64_t number) {
    line_text(line, number < 0 ? " -" : " ");
    append_hexadecimal(line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void line_append(struct line *line, const struct line *other) {
    for (size_t i = 0; i < other->size; i++) {
        append(line, other->text[i]);
    }
}

/* The oracle that objects; of a sound run none, and of one for which no heap started that nothing was judged.
 */
static const char *word_of(const struct executor *executor, struct verdict verdict) {
    if (!verdict_is_sound(verdict)) {
        return oracle_id(verdict.oracle);
    }
    return executor->started ? "-" : "not-judged";
}

struct line line_verdict(size_t index, const struct executor *executor, struct verdict verdict) {
    struct line line = {.size = 0};
    line_text(&line, "V");
    line_decimal(&line, (uint32_t)index);
    line_decimal(&line, (uint32_t)executor->operation_count);
    line_text(&line, " ");
    line_text(&line, word_of(executor, verdict));
    line_hexadecimal(&line, verdict.offset);
    line_hexadecimal(&line, verdict.expected);
    line_hexadecimal(&line, verdict.observed);
    line_hexadecimal(&line, executor->digest);
    line_text(&line, "\n");
    return line;
}

struct line line_step(size_t index, const struct executor *executor, const struct step *step) {
    struct line line = {.size = 0};
    line_text(&line, "T");
    line_decimal(&line, (uint32_t)index);
    line_decimal(&line, (uint32_t)step->index);
    if (step->offset == MODEL_NOTHING) {
        line_text(&line, " -");
    } else {
        line_hexadecimal(&line, step->offset);
    }
    line_hexadecimal(&line, executor->digest);
    line_text(&line, "\n");
    return line;
}
