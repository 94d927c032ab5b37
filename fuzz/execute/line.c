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

static struct line describe(size_t index, size_t operation_count, const char *word, struct verdict verdict,
                            uint64_t digest) {
    struct line line = {.size = 0};
    line_text(&line, "V");
    line_decimal(&line, (uint32_t)index);
    line_decimal(&line, (uint32_t)operation_count);
    line_text(&line, " ");
    line_text(&line, word);
    line_hexadecimal(&line, verdict.offset);
    line_hexadecimal(&line, verdict.expected);
    line_hexadecimal(&line, verdict.observed);
    line_hexadecimal(&line, digest);
    line_text(&line, "\n");
    return line;
}

struct line line_verdict(size_t index, const struct executor *executor, struct verdict verdict) {
    return describe(index, executor->operation_count, word_of(executor, verdict), verdict, executor->digest);
}

struct line line_no_memory(size_t index, uint64_t needed, uint64_t available) {
    return describe(index, 0, "no-memory", (struct verdict){SOUND, 0, needed, available}, 0);
}

struct line line_error(unsigned code, const char *text) {
    struct line line = {.size = 0};
    line_text(&line, "ERROR");
    line_decimal(&line, code);
    line_text(&line, " ");
    line_text(&line, text);
    line_text(&line, "\n");
    return line;
}

void line_put(const struct line *line, line_taker *put) {
    for (size_t i = 0; i < line->size && put != NULL; i++) {
        put(line->text[i]);
    }
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
