/* What the parser of text programs reads with and complains with: parts of a line, numbers, words, lists.
 * Only text_parse.c includes this. Nothing here knows the grammar, allocates, or reads past a span. */
#ifndef KMEM_TEXT_SCAN_H
#define KMEM_TEXT_SCAN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/text/text.h"

static inline size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Spans. */

/* A part of one line. */
struct span {
    const uint8_t *bytes;
    size_t size;
    size_t column; /* of its first byte, from 1 */
};

/* Takes size bytes off the front of a span. */
static inline struct span take(struct span *span, size_t size) {
    const struct span taken = {.bytes = span->bytes, .size = size, .column = span->column};
    span->bytes += size;
    span->size -= size;
    span->column += size;
    return taken;
}

/* What stands in front of the first of the bytes `either` and `other`; all of it when neither occurs. */
static inline struct span take_until(struct span *span, char either, char other) {
    size_t size = 0;
    while (size < span->size && span->bytes[size] != (uint8_t)either && span->bytes[size] != (uint8_t)other) {
        size++;
    }
    return take(span, size);
}

/* Numbers. */

static inline unsigned digit_value(uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - (unsigned)'0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - (unsigned)'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - (unsigned)'A' + 10 : UINT8_MAX;
}

/* Reads the whole span as a number to a base, 10 or 16. Returns false iff it is not one of 0 to maximum,
 * which is 15 at least. */
static inline bool read_number(struct span span, unsigned base, uint64_t maximum, uint64_t *number) {
    *number = 0;
    for (size_t i = 0; i < span.size; i++) {
        const unsigned digit = digit_value(span.bytes[i]);
        if (digit >= base || *number > (maximum - digit) / base) {
            return false;
        }
        *number = *number * base + digit;
    }
    return span.size > 0;
}

/* Is it a number at all, of any size? */
static inline bool is_decimal(struct span span) {
    size_t digits = 0;
    while (digits < span.size && digit_value(span.bytes[digits]) < 10) {
        digits++;
    }
    return digits > 0 && digits == span.size;
}

/* Words. */

static inline bool span_equals(struct span span, const char *word) {
    return span.size == strlen(word) && memcmp(span.bytes, word, span.size) == 0;
}

/* The index of the word that the span is, word_count when it is none. */
static inline size_t find_word(struct span span, const char *const *words, size_t word_count) {
    size_t index = 0;
    while (index < word_count && !span_equals(span, words[index])) {
        index++;
    }
    return index;
}

/* Bytes to insert, delete or replace to make the word of the span, which is at most SUGGESTION_SIZE_MAXIMUM
 * bytes (Levenshtein's distance, one row of the table at a time). */
#define SUGGESTION_SIZE_MAXIMUM ((size_t)16)
static inline size_t edit_distance(struct span span, const char *word) {
    size_t row[SUGGESTION_SIZE_MAXIMUM + 1];
    for (size_t i = 0; i <= span.size; i++) {
        row[i] = i;
    }
    for (size_t j = 0; word[j] != '\0'; j++) {
        size_t diagonal = row[0];
        row[0] = j + 1;
        for (size_t i = 0; i < span.size; i++) {
            const size_t replaced = diagonal + (span.bytes[i] != (uint8_t)word[j]);
            diagonal = row[i + 1];
            row[i + 1] = smaller(replaced, 1 + smaller(row[i], diagonal));
        }
    }
    return row[span.size];
}

/* The nearest of the words when it is near: at most two edits, and fewer than half its bytes. */
static inline const char *suggest(struct span span, const char *const *words, size_t word_count) {
    const char *nearest = NULL;
    size_t nearest_distance = 3;
    for (size_t i = 0; i < word_count && span.size <= SUGGESTION_SIZE_MAXIMUM; i++) {
        const size_t distance = edit_distance(span, words[i]);
        if (distance < nearest_distance && 2 * distance < strlen(words[i])) {
            nearest = words[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

/* Lines and tokens. */

/* A text, read line by line. */
struct reader {
    const uint8_t *unread; /* the lines to come */
    size_t unread_size;    /* bytes */
    struct span line;      /* what is still to be read of the present line */
    size_t line_number;    /* of the present line, from 1 */
    struct text_error *error;
};

static inline bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

/* Makes the next line the present one: without its newline, and without the carriage return before that. */
static inline void take_line(struct reader *reader) {
    size_t size = 0;
    while (size < reader->unread_size && reader->unread[size] != '\n') {
        size++;
    }
    reader->line = (struct span){.bytes = reader->unread, .size = size, .column = 1};
    if (size > 0 && reader->unread[size - 1] == '\r') {
        reader->line.size--;
    }
    const size_t taken = smaller(size + 1, reader->unread_size);
    reader->unread += taken;
    reader->unread_size -= taken;
    reader->line_number++;
}

/* The next token of the present line; an empty one at the line's end when there is none. */
static inline struct span take_token(struct reader *reader) {
    struct span *const line = &reader->line;
    while (line->size > 0 && is_blank(line->bytes[0])) {
        (void)take(line, 1);
    }
    size_t size = 0;
    while (size < line->size && !is_blank(line->bytes[size])) {
        size++;
    }
    return take(line, size);
}

/* Messages. */

/* A span as a message shows it: printable ASCII whatever it holds, and cut when it is long. */
#define QUOTE_SIZE_MAXIMUM ((size_t)21) /* bytes, before the dots that mark a cut */
struct quote {
    char text[QUOTE_SIZE_MAXIMUM + sizeof "..."];
};

static inline struct quote quote(struct span span) {
    struct quote quoted = {""};
    size_t used = 0;
    for (size_t i = 0; i < span.size; i++) {
        const uint8_t byte = span.bytes[i];
        const bool plain = byte >= ' ' && byte <= '~' && byte != '\\';
        const size_t width = plain ? 1 : sizeof "\\x00" - 1;
        if (used + width > QUOTE_SIZE_MAXIMUM) {
            (void)snprintf(quoted.text + used, sizeof "...", "...");
            break;
        }
        (void)snprintf(quoted.text + used, width + 1, plain ? "%c" : "\\x%02x", byte);
        used += width;
    }
    return quoted;
}

/* A list made for a message, such as " a b c". It is cut when it is full. */
struct message_list {
    char text[160];
    size_t used; /* bytes, without the NUL */
};

__attribute__((format(printf, 2, 3))) static inline void append(struct message_list *list, const char *format,
                                                                ...) {
    const size_t room = sizeof list->text - list->used;
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(list->text + list->used, room, format, arguments);
    va_end(arguments);
    list->used += smaller((size_t)size, room - 1);
}

/* Reports an error in the present line. Returns false. */
__attribute__((format(printf, 3, 4))) static inline bool fail(const struct reader *reader, size_t column,
                                                              const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->error->message, sizeof reader->error->message, format, arguments);
    va_end(arguments);
    reader->error->line = reader->line_number;
    reader->error->column = column;
    return false;
}

static inline struct message_list list_words(const char *const *words, size_t word_count) {
    struct message_list list = {.used = 0};
    for (size_t i = 0; i < word_count; i++) {
        append(&list, " %s", words[i]);
    }
    return list;
}

/* Reports a span that should be one of the words; `what` says what for. Returns false. */
static inline bool fail_word(const struct reader *reader, struct span span, const char *what,
                             const char *const *words, size_t word_count) {
    const char *suggestion = suggest(span, words, word_count);
    if (suggestion != NULL) {
        return fail(reader, span.column, "unknown %s '%s'; did you mean '%s'?", what, quote(span).text,
                    suggestion);
    }
    const struct message_list list = list_words(words, word_count);
    return fail(reader, span.column, "unknown %s '%s'; one of:%s", what, quote(span).text, list.text);
}

#endif
