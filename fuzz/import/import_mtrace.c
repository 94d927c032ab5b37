/* What glibc's mtrace(3) writes. A line is a mark (= Start, = End) or
 *
 *     @ CALLER + POINTER SIZE    malloc, calloc, aligned_alloc: it does not say which
 *     @ CALLER - POINTER         free
 *     @ CALLER < POINTER         realloc of this ...
 *     @ CALLER > POINTER SIZE    ... to this, on the next line
 *     @ CALLER ! POINTER SIZE    realloc that failed
 *
 * CALLER, and the @ before it, may be missing. Numbers are hexadecimal. */
#include "fuzz/import/import_format.h"

/* The sign, such as + or -, that says what was called; empty when there is none. A caller is one word. */
static struct import_text read_sign(struct import_text *line) {
    struct import_text word = import_word(line);
    if (import_equals(word, "@")) {
        (void)import_word(line);
        word = import_word(line);
    }
    const bool known = word.size == 1 && (*word.start == '+' || *word.start == '-' || *word.start == '<' ||
                                          *word.start == '>' || *word.start == '!');
    return known ? word : (struct import_text){.start = word.start, .size = 0};
}

bool import_is_mtrace(struct import_text line) {
    return import_starts_with(line, "= Start") || read_sign(&line).size != 0;
}

/* The event, once nothing follows it in its line: that would be a call of another writer, and be lost. */
static struct import_event end_line(struct import_event event, struct import_text line,
                                    char message[IMPORT_MESSAGE_SIZE]) {
    const struct import_text rest = import_word(&line);
    return rest.size == 0 ? event : import_broken(message, "'%.*s' is one word too many", IMPORT_SHOWN(rest));
}

static struct import_event parse_sized(struct import_event event, struct import_text line,
                                       char message[IMPORT_MESSAGE_SIZE]) {
    const struct import_text size = import_word(&line);
    if (!import_number(size, &event.size)) {
        return import_broken(message, "'%.*s' is no size: a number such as 0x18 belongs there",
                             IMPORT_SHOWN(size));
    }
    return end_line(event, line, message);
}

struct import_event import_parse_mtrace(struct import_state *state, struct import_text line,
                                        char message[IMPORT_MESSAGE_SIZE]) {
    const struct import_event nothing = {.kind = IMPORT_NOTHING};
    struct import_text rest = line;
    const struct import_text first = import_word(&rest);
    if (first.size == 0) {
        return nothing;
    }
    if (import_equals(first, "=")) {
        const struct import_text mark = import_word(&rest);
        return import_equals(mark, "Start") || import_equals(mark, "End")
                   ? end_line(nothing, rest, message)
                   : import_broken(message,
                                   "'%.*s' is not a mark: Start or End must follow =", IMPORT_SHOWN(mark));
    }
    const struct import_text sign = read_sign(&line);
    const struct import_text word = import_word(&line);
    const struct import_text moving = state->moving;
    struct import_text pointer;
    state->moving.size = 0;
    if (sign.size == 0) {
        return import_broken(message, "there is no +, -, <, > or ! where mtrace writes one");
    }
    if (!import_pointer(word, &pointer)) {
        return import_broken(message, "'%.*s' is no pointer: a number such as 0x5562b258e2a0 belongs there",
                             IMPORT_SHOWN(word));
    }
    if (moving.size != 0 && *sign.start != '>') {
        return import_broken(message, "the realloc that the line before began (<) is not ended (>) here");
    }
    switch (*sign.start) {
    case '+':
        return parse_sized((struct import_event){.kind = IMPORT_ALLOC, .new_id = pointer}, line, message);
    case '-':
        return end_line((struct import_event){.kind = IMPORT_FREE, .id = pointer}, line, message);
    case '<':
        state->moving = pointer;
        return end_line(nothing, line, message);
    case '>':
        if (moving.size == 0) {
            return import_broken(message, "no realloc was begun (<) on the line before");
        }
        return parse_sized((struct import_event){.kind = IMPORT_RESIZE, .id = moving, .new_id = pointer},
                           line, message);
    default:
        return import_broken(message, "this realloc failed; nothing is known of why");
    }
}
