/* For fuzz/import/ alone: what the formats share. A line of a log becomes an event, nothing, or a complaint.
 * Events, and the scanning that every format needs; slots and operations are import_build.h's. */
#ifndef KMEM_IMPORT_FORMAT_H
#define KMEM_IMPORT_FORMAT_H

#include "fuzz/import/import.h"

/* A stretch of the log. */
struct import_text {
    const char *start;
    size_t size; /* bytes */
};

/* What a line says. */
enum import_event_kind {
    IMPORT_NOTHING, /* no call: a comment, a mark */
    IMPORT_ALLOC,
    IMPORT_ZALLOC,
    IMPORT_RESIZE,
    IMPORT_FREE,
    IMPORT_BROKEN, /* it cannot be parsed: the message says why */
};

struct import_event {
    enum import_event_kind kind;
    struct import_text id; /* what is resized or freed; size 0: NULL */
    struct import_text
        new_id;    /* what is allocated, and what a resized one is called from then on; NULL too */
    uint64_t size; /* bytes */
};

#define IMPORT_CALL_LIMIT 64 /* unfinished calls at a time, in as many threads */

/* What a format remembers from line to line. */
struct import_state {
    struct import_text moving; /* mtrace: what a realloc is about to move; size 0: none */
    struct {
        struct import_text thread; /* ltrace: which one began the call; may be empty */
        struct import_text call;   /* its beginning, up to where it was interrupted */
    } calls[IMPORT_CALL_LIMIT];
    size_t call_count;
};

/* Reads one line, without its newline. On IMPORT_BROKEN message says what is wrong and what would be right.
 */
typedef struct import_event import_parse(struct import_state *state, struct import_text line,
                                         char message[IMPORT_MESSAGE_SIZE]);

import_parse import_parse_plain;
import_parse import_parse_mtrace;
import_parse import_parse_ltrace;

/* Is this line, which is not blank, of the format? For detection; a line can be of it and still be broken. */
bool import_is_plain(struct import_text line);
bool import_is_mtrace(struct import_text line);
bool import_is_ltrace(struct import_text line);

/* Scanning. Each takes what it reads off the front of *text. */

/* The next word, up to a blank or tab; empty at the end. */
struct import_text import_word(struct import_text *text);

/* A whole number, decimal or with 0x. Returns false iff the word is not one or needs more than 64 bits. */
bool import_number(struct import_text word, uint64_t *number);

bool import_starts_with(struct import_text text, const char *start);
bool import_equals(struct import_text text, const char *word);

/* A pointer as a tool prints it, as an id: the word itself, an empty one for NULL. Returns false iff the word
 * is not a pointer. */
bool import_pointer(struct import_text word, struct import_text *id);

/* The first place of a string in a text, or the text's end. */
const char *import_find(struct import_text text, const char *string);

/* An event that says that the line is broken. */
__attribute__((format(printf, 2, 3))) struct import_event import_broken(char message[IMPORT_MESSAGE_SIZE],
                                                                        const char *format, ...);

/* For printf's %.*s: as much of a word as fits in a message. */
#define IMPORT_SHOWN(word) (int)((word).size < 60 ? (word).size : 60), (word).start

#endif
