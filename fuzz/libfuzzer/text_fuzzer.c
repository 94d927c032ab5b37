/* Fuzzes the program format: bytes to operations, operations to text, and text to bytes. docs/programs.md
 * describes all three. The input is tried as a binary program, as a text, and as a text after the first line
 * that a text needs. */
#include "fuzz/text/text.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/libfuzzer/rule.h"
#include "fuzz/libfuzzer/steps.h"

/* What must hold. */
#define RULE_LIST(X)                                                                                         \
    X(ENCODING_IS_STABLE, "text-encoding-is-stable",                                                         \
      "Decoding a canonical encoding and encoding it again gives the same bytes.")                           \
    X(ENCODING_IN_PLACE, "text-encoding-in-place",                                                           \
      "Encoding a program over its own bytes gives what encoding it elsewhere gives.")                       \
    X(ENCODED_SIZE, "text-encoded-size",                                                                     \
      "A canonical encoding has as many operations as the program it was made from.")                        \
    X(PRINTED_IS_TEXT, "text-printed-is-text", "A printed program is recognised as text.")                   \
    X(PRINTED_PARSES, "text-printed-parses", "A printed program parses.")                                    \
    X(PRINT_THEN_PARSE, "text-print-then-parse",                                                             \
      "Printing a program and parsing that gives its canonical encoding.")                                   \
    X(PRINT_IS_STABLE, "text-print-is-stable", "A program and its canonical encoding print the same text.")  \
    X(COMMENTS_IGNORED, "text-comments-ignored",                                                             \
      "A printed program with comments and carriage returns parses as without.")                             \
    X(DIGITS_KEPT, "text-digits-kept",                                                                       \
      "A printed program with another digit in an operation does not parse, or prints with that digit.")     \
    X(PARSED_IS_CANONICAL, "text-parsed-is-canonical", "Parsing gives a canonical encoding.")                \
    X(PARSED_IS_TEXT, "text-parsed-is-text", "What parses is recognised as text.")                           \
    X(OPERATION_FITS, "text-operation-fits", "An operation in text fits its buffer.")                        \
    X(ERROR_HAS_LINE, "text-error-has-line", "A parse that fails names a line and a column.")                \
    X(ERROR_HAS_MESSAGE, "text-error-has-message", "A parse that fails has a printable message.")            \
    X(ERROR_HAS_NO_PROGRAM, "text-error-has-no-program", "A parse that fails gives no program.")             \
    X(SUCCESS_HAS_NO_ERROR, "text-success-has-no-error", "A parse that succeeds gives no error.")            \
    X(MEMORY, "text-memory", "There is memory enough to fuzz.")

RULES(RULE_LIST);

struct buffer {
    uint8_t *bytes; /* from malloc */
    size_t size;
};

static bool buffers_equal(struct buffer a, struct buffer b) {
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

static struct buffer encode(const struct program *program) {
    struct buffer encoded = {.size = program_encoded_size(program)};
    encoded.bytes = malloc(encoded.size);
    if (encoded.bytes == NULL) {
        rule_break(&rule_MEMORY);
    }
    program_encode(program, encoded.bytes);
    return encoded;
}

static struct buffer print(const struct program *program) {
    size_t size;
    char *const text = text_make(program, &size);
    if (text == NULL) {
        rule_break(&rule_MEMORY);
    }
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "  prints %zu operation%s as\n", program->operation_count,
                      program->operation_count == 1 ? "" : "s");
        steps_print_text((const uint8_t *)text, size);
    }
    return (struct buffer){.bytes = (uint8_t *)text, .size = size};
}

static void check_operations(const struct program *program) {
    for (size_t i = 0; i < program->operation_count; i++) {
        /* From malloc, so that a sanitizer sees the byte after it. */
        char *const buffer = malloc(TEXT_OPERATION_SIZE);
        if (buffer == NULL) {
            rule_break(&rule_MEMORY);
        }
        const struct operation operation = program_operation(program, i);
        /* A text that just fits may have been cut. */
        if (text_operation(&operation, buffer) != buffer || strlen(buffer) >= TEXT_OPERATION_SIZE - 1) {
            rule_break(&rule_OPERATION_FITS);
        }
        free(buffer);
    }
}

static void check_error(const struct text_error *error, const uint8_t *program) {
    if (error->line < 1 || error->column < 1) {
        rule_break(&rule_ERROR_HAS_LINE);
    }
    if (!rule_is_message(error->message, sizeof error->message)) {
        rule_break(&rule_ERROR_HAS_MESSAGE);
    }
    if (program != NULL) {
        rule_break(&rule_ERROR_HAS_NO_PROGRAM);
    }
}

/* Parses a text, whatever it is, into *parsed. Returns whether it parses. */
static bool parse(const uint8_t *text, size_t size, struct buffer *parsed) {
    struct text_error error;
    if (!text_parse(text, size, &parsed->bytes, &parsed->size, &error)) {
        if (steps_are_wanted()) {
            (void)fprintf(stderr, "  does not parse: line %zu, column %zu: %.*s\n", error.line, error.column,
                          (int)sizeof error.message, error.message);
        }
        check_error(&error, parsed->bytes);
        return false;
    }
    if (error.line != 0) {
        rule_break(&rule_SUCCESS_HAS_NO_ERROR);
    }
    if (!text_is_text(text, size)) {
        rule_break(&rule_PARSED_IS_TEXT);
    }
    const struct program program = program_decode(parsed->bytes, parsed->size);
    const struct buffer encoded = encode(&program);
    if (!buffers_equal(*parsed, encoded)) {
        rule_break(&rule_PARSED_IS_CANONICAL);
    }
    free(encoded.bytes);
    return true;
}

/* A number that nearly every change of a text changes. */
static uint32_t hash(struct buffer text) {
    uint32_t value = UINT32_C(2166136261);
    for (size_t i = 0; i < text.size; i++) {
        value = (value ^ text.bytes[i]) * UINT32_C(16777619);
    }
    return value ^ value >> 16;
}

/* Parses the text of a program whose canonical encoding is known, with a carriage return at the end of each
 * line and the same comment after all but the first: any byte but a newline. */
static void check_comments(struct buffer text, struct buffer encoded) {
    const uint8_t comment = (uint8_t)hash(text);
    uint8_t *const bytes = malloc(text.size * 5 + 1); /* at most 4 bytes more for each newline */
    if (bytes == NULL) {
        rule_break(&rule_MEMORY);
    }
    size_t size = 0;
    size_t line_count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] == '\n' && line_count++ > 0) {
            bytes[size++] = ' ';
            bytes[size++] = '#';
            bytes[size++] = comment == '\n' ? '#' : comment;
        }
        if (text.bytes[i] == '\n') {
            bytes[size++] = '\r';
        }
        bytes[size++] = text.bytes[i];
    }
    struct buffer parsed;
    struct text_error error;
    if (!text_is_text(bytes, size)) {
        rule_break(&rule_PARSED_IS_TEXT);
    }
    if (!text_parse(bytes, size, &parsed.bytes, &parsed.size, &error) || !buffers_equal(parsed, encoded)) {
        rule_break(&rule_COMMENTS_IGNORED);
    }
    free(parsed.bytes);
    free(bytes);
}

/* The index of the first digit of an operation, at index or after it; the text's size when there is none.
 * The first two lines are not operations. */
static size_t find_digit(struct buffer text, size_t index) {
    size_t operations = 0;
    for (size_t line = 0; line < 2; operations++) {
        line += text.bytes[operations] == '\n';
    }
    index = index < operations ? operations : index;
    while (index < text.size && (text.bytes[index] < '0' || text.bytes[index] > '9')) {
        index++;
    }
    return index;
}

/* Does it say a size that a misuse through realloc asks for anyway, and that is not printed? */
static bool says_usual_size(struct buffer text) {
    static const char usual[] = " realloc 64\n";
    for (size_t i = 0; i + sizeof usual <= text.size + 1; i++) {
        if (memcmp(text.bytes + i, usual, sizeof usual - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Parses the text of a program with another digit, not 0, in one place, and prints what that means. */
static void check_digits(struct buffer text) {
    const uint32_t choice = hash(text);
    const size_t index = text.size == 0 ? 0 : find_digit(text, choice / 9 % text.size);
    if (index == text.size) {
        return;
    }
    const uint8_t digit = text.bytes[index];
    struct buffer parsed;
    text.bytes[index] = (uint8_t)('1' + choice % 9);
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "  with '%c' in place of '%c', the byte %zu of it\n", text.bytes[index], digit,
                      index);
    }
    if (parse(text.bytes, text.size, &parsed)) {
        const struct program program = program_decode(parsed.bytes, parsed.size);
        const struct buffer printed = print(&program);
        if (!buffers_equal(printed, text) && !says_usual_size(text)) {
            rule_break(&rule_DIGITS_KEPT);
        }
        free(printed.bytes);
        free(parsed.bytes);
    }
    text.bytes[index] = digit;
}

/* Prints a program whose canonical encoding is known, and parses that. */
static void check_text_of(const struct program *program, struct buffer encoded) {
    const struct buffer text = print(program);
    struct buffer parsed;
    struct text_error error;
    if (!text_is_text(text.bytes, text.size)) {
        rule_break(&rule_PRINTED_IS_TEXT);
    }
    if (!text_parse(text.bytes, text.size, &parsed.bytes, &parsed.size, &error)) {
        rule_break(&rule_PRINTED_PARSES);
    }
    if (!buffers_equal(parsed, encoded)) {
        rule_break(&rule_PRINT_THEN_PARSE);
    }
    const struct program again = program_decode(parsed.bytes, parsed.size);
    const struct buffer text_again = print(&again);
    if (!buffers_equal(text, text_again)) {
        rule_break(&rule_PRINT_IS_STABLE);
    }
    check_comments(text, encoded);
    check_digits(text);
    free(text_again.bytes);
    free(parsed.bytes);
    free(text.bytes);
}

/* Over its own bytes, in a buffer that is no larger than the encoding. */
static void check_encoding_in_place(const uint8_t *bytes, size_t size, struct buffer encoded) {
    uint8_t *const copy = malloc(encoded.size);
    if (copy == NULL) {
        rule_break(&rule_MEMORY);
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    const struct program program = program_decode(copy, size);
    program_encode(&program, copy);
    if (memcmp(copy, encoded.bytes, encoded.size) != 0) {
        rule_break(&rule_ENCODING_IN_PLACE);
    }
    free(copy);
}

static void check_binary(const uint8_t *bytes, size_t size) {
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "a binary program of %zu byte%s\n", size, size == 1 ? "" : "s");
    }
    const struct program program = program_decode(bytes, size);
    const struct buffer encoded = encode(&program);
    const struct program canonical = program_decode(encoded.bytes, encoded.size);
    if (canonical.operation_count != program.operation_count) {
        rule_break(&rule_ENCODED_SIZE);
    }
    const struct buffer again = encode(&canonical);
    if (!buffers_equal(encoded, again)) {
        rule_break(&rule_ENCODING_IS_STABLE);
    }
    check_encoding_in_place(bytes, size, encoded);
    check_operations(&program);
    check_text_of(&program, encoded);
    free(again.bytes);
    free(encoded.bytes);
}

static void check_text(const uint8_t *text, size_t size) {
    struct buffer parsed;
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "a text of %zu byte%s\n", size, size == 1 ? "" : "s");
        steps_print_text(text, size);
    }
    if (!parse(text, size, &parsed)) {
        return;
    }
    const struct program program = program_decode(parsed.bytes, parsed.size);
    check_operations(&program);
    check_text_of(&program, parsed);
    free(parsed.bytes);
}

/* The input as the lines that follow the first, of a version. */
static void check_text_after_signature(unsigned version, const uint8_t *bytes, size_t size) {
    char signature[sizeof TEXT_SIGNATURE + 8];
    const size_t signature_size = (size_t)snprintf(signature, sizeof signature, TEXT_MAGIC " %u\n", version);
    uint8_t *const text = malloc(signature_size + size);
    if (text == NULL) {
        rule_break(&rule_MEMORY);
    }
    memcpy(text, signature, signature_size);
    if (size > 0) {
        memcpy(text + signature_size, bytes, size);
    }
    check_text(text, signature_size + size);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    check_binary(bytes, size);
    check_text(bytes, size);
    for (unsigned version = 1; version <= PROGRAM_VERSION; version++) {
        check_text_after_signature(version, bytes, size);
    }
    return 0;
}
