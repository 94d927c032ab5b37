/* The plain format: one letter, an id, a size.
 *
 *     a ID SIZE    allocates      z ID SIZE    the same, zeroed
 *     r ID SIZE    resizes        f ID         frees
 *
 * # begins a comment, to the line's end. An id is any word. */
#include "fuzz/import/import_format.h"

static struct import_text without_comment(struct import_text line) {
    return (struct import_text){.start = line.start, .size = (size_t)(import_find(line, "#") - line.start)};
}

static enum import_event_kind kind_of(struct import_text letter) {
    if (letter.size != 1) {
        return IMPORT_BROKEN;
    }
    switch (*letter.start) {
    case 'a':
        return IMPORT_ALLOC;
    case 'z':
        return IMPORT_ZALLOC;
    case 'r':
        return IMPORT_RESIZE;
    case 'f':
        return IMPORT_FREE;
    default:
        return IMPORT_BROKEN;
    }
}

bool import_is_plain(struct import_text line) {
    const struct import_text letter = import_word(&line);
    return kind_of(letter) != IMPORT_BROKEN || import_starts_with(letter, "#");
}

struct import_event import_parse_plain(struct import_state *state, struct import_text line,
                                       char message[IMPORT_MESSAGE_SIZE]) {
    (void)state;
    line = without_comment(line);
    const struct import_text letter = import_word(&line);
    if (letter.size == 0) {
        return (struct import_event){.kind = IMPORT_NOTHING};
    }
    struct import_event event = {.kind = kind_of(letter)};
    if (event.kind == IMPORT_BROKEN) {
        return import_broken(message, "'%.*s' is none of a, z, r and f", IMPORT_SHOWN(letter));
    }
    event.id = import_word(&line);
    event.new_id = event.id;
    if (event.id.size == 0) {
        return import_broken(message, "'%.*s' needs an id after it", IMPORT_SHOWN(letter));
    }
    if (event.kind != IMPORT_FREE) {
        const struct import_text size = import_word(&line);
        if (!import_number(size, &event.size)) {
            return import_broken(message, "'%.*s' is no size: a whole number of bytes belongs there",
                                 IMPORT_SHOWN(size));
        }
    }
    const struct import_text rest = import_word(&line);
    if (rest.size != 0) {
        return import_broken(message, "'%.*s' is one word too many", IMPORT_SHOWN(rest));
    }
    return event;
}
