/* Scanning for the formats. import_format.h is the contract. */
#include "fuzz/import/import_format.h"

#include <stdarg.h>
#include <string.h>

static bool is_blank(char character) {
    return character == ' ' || character == '\t' || character == '\r';
}

struct import_text import_word(struct import_text *text) {
    while (text->size != 0 && is_blank(*text->start)) {
        text->start++;
        text->size--;
    }
    struct import_text word = {.start = text->start, .size = 0};
    while (text->size != 0 && !is_blank(*text->start)) {
        text->start++;
        text->size--;
        word.size++;
    }
    return word;
}

/* The value of a digit; 16 when it is none. */
static unsigned digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return (unsigned)(digit - '0');
    }
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10 : 16;
}

bool import_number(struct import_text word, uint64_t *number) {
    const bool hexadecimal = import_starts_with(word, "0x");
    const unsigned base = hexadecimal ? 16 : 10;
    const size_t first = hexadecimal ? 2 : 0;
    uint64_t value = 0;
    for (size_t i = first; i < word.size; i++) {
        const unsigned digit = digit_value(word.start[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *number = value;
    return word.size > first;
}

bool import_starts_with(struct import_text text, const char *start) {
    const size_t size = strlen(start);
    return text.size >= size && memcmp(text.start, start, size) == 0;
}

bool import_equals(struct import_text text, const char *word) {
    return text.size == strlen(word) && import_starts_with(text, word);
}

bool import_pointer(struct import_text word, struct import_text *id) {
    uint64_t address = 0;
    const bool is_null =
        import_equals(word, "nil") || import_equals(word, "(nil)") || import_equals(word, "NULL");
    if (!is_null && !import_number(word, &address)) {
        return false;
    }
    *id = word;
    id->size = address == 0 ? 0 : word.size;
    return true;
}

const char *import_find(struct import_text text, const char *string) {
    while (text.size != 0 && !import_starts_with(text, string)) {
        text.start++;
        text.size--;
    }
    return text.start;
}

struct import_event import_broken(char message[IMPORT_MESSAGE_SIZE], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, IMPORT_MESSAGE_SIZE, format, arguments);
    va_end(arguments);
    /* A log may hold any bytes; a message is for a terminal. */
    for (char *at = message; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            *at = '?';
        }
    }
    return (struct import_event){.kind = IMPORT_BROKEN};
}
