/* Text that can be printed. shown.h is the contract. */
#include "fuzz/text/shown.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE_SIZE (sizeof "\\U00000000" - 1) /* bytes: the most that one character becomes */

size_t utf8_size(const void *text, size_t size) {
    const unsigned char *const bytes = text;
    const unsigned first = size == 0 ? UINT8_MAX : bytes[0];
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0x80 ? 2 : 1;
    unsigned low = 0x80; /* what the second byte may be */
    unsigned high = 0xbf;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4) {
        return 0;
    }
    if (first == 0xe0 || first == 0xf0) {
        low = first == 0xe0 ? 0xa0 : 0x90;
    } else if (first == 0xed || first == 0xf4) {
        high = first == 0xed ? 0x9f : 0x8f;
    }
    for (size_t i = 1; i < length; i++) {
        if (i >= size || bytes[i] < low || bytes[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

/* The character that a sequence of so many bytes is. */
static uint32_t utf8_value(const char *text, size_t size) {
    const unsigned char *const bytes = (const unsigned char *)text;
    uint32_t value = size == 1 ? bytes[0] : bytes[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        value = value << 6 | (bytes[i] & 0x3fu);
    }
    return value;
}

/* Characters that control a terminal, have no width, end lines or turn them around. */
static bool is_hidden(uint32_t character) {
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0xa0},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
                  {0x2028, 0x202f}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Bytes of the character at text when it can be shown as it is, else 0. */
static size_t plain_size(const char *text) {
    const size_t size = utf8_size(text, UTF8_SIZE_MAXIMUM);
    return size == 0 || is_hidden(utf8_value(text, size)) ? 0 : size;
}

static bool is_plain(const char *text) {
    while (plain_size(text) != 0) { /* a character less each time; the NUL is none */
        text += plain_size(text);
    }
    return *text == '\0';
}

/* Writes the first character at text as it is shown to out, with a NUL after it. Returns the bytes of text
 * it takes. */
static size_t escape(const char *text, char out[ESCAPE_SIZE + 1]) {
    static const char named[] = "\n\r\t";
    static const char names[] = "nrt";
    const size_t plain = plain_size(text);
    const size_t size = utf8_size(text, UTF8_SIZE_MAXIMUM);
    const char *const name = strchr(named, *text);
    if (plain != 0) {
        memcpy(out, text, plain);
        out[plain] = '\0';
    } else if (name != NULL) {
        (void)snprintf(out, ESCAPE_SIZE + 1, "\\%c", names[name - named]);
    } else if (size > 1) {
        const uint32_t value = utf8_value(text, size);
        (void)snprintf(out, ESCAPE_SIZE + 1, value > 0xffff ? "\\U%08" PRIx32 : "\\u%04" PRIx32, value);
    } else {
        (void)snprintf(out, ESCAPE_SIZE + 1, "\\x%02x", (unsigned)(unsigned char)*text);
    }
    return size == 0 ? 1 : size;
}

static char *make_copy(const char *text) {
    char *const copy = malloc(strlen(text) * ESCAPE_SIZE + 1);
    if (copy == NULL) {
        abort(); /* a name */
    }
    char *end = copy;
    *end = '\0';
    while (*text != '\0') { /* a byte less each time, at least */
        text += escape(text, end);
        end += strlen(end);
    }
    return copy;
}

/* Keeps memory from malloc for as long as a message may need it. */
static const char *keep(char *copy) {
    static char *copies[SHOWN_COUNT];
    static size_t next;
    char **const place = &copies[next++ % SHOWN_COUNT];
    free(*place);
    *place = copy;
    return copy;
}

const char *shown(const char *text) {
    return is_plain(text) ? text : keep(make_copy(text));
}

const char *shown_part(const char *text, size_t size) {
    char *const part = strndup(text, size);
    if (part == NULL) {
        abort(); /* a part of a name */
    }
    char *const copy = make_copy(part);
    free(part);
    return keep(copy);
}

void shown_print_word(const char *text, FILE *stream) {
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./,:@%";
    if (*text != '\0' && strspn(text, safe) == strlen(text)) {
        fputs(text, stream);
        return;
    }
    const bool plain = is_plain(text); /* it can stand in '...', where a backslash is a backslash */
    char out[ESCAPE_SIZE + 1];
    fputs(plain ? "'" : "$'", stream);
    while (*text != '\0') { /* a byte less each time, at least */
        if (*text == '\'') {
            fputs(plain ? "'\\''" : "\\'", stream);
            text++;
        } else if (*text == '\\') {
            fputs(plain ? "\\" : "\\\\", stream);
            text++;
        } else if (plain_size(text) == 0 && (unsigned char)*text >= 0x80) {
            fprintf(stream, "\\x%02x", (unsigned)(unsigned char)*text++); /* in whatever locale it is read */
        } else {
            text += escape(text, out);
            fputs(out, stream);
        }
    }
    fputc('\'', stream);
}
