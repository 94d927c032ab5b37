/* Fuzzes the program format: bytes to operations, operations to text, and text to bytes. docs/programs.md
 * describes all three. The input is tried as a binary program, as a text, and as a text behind the first line
 * that a text needs. */
#include "fuzz/program/text.h"

#include <stdlib.h>
#include <string.h>

/* What must hold: a name, which is also the failure function's, and a sentence. */
#define PROPERTY_LIST(X)                                                                                     \
    X(encoding_is_stable, "decoding a canonical encoding and encoding it again gives the same bytes")        \
    X(encoding_in_place, "encoding a program over its own bytes gives what encoding it elsewhere gives")     \
    X(encoded_size, "a canonical encoding has as many operations as the program it was made from")           \
    X(printed_is_text, "a printed program is told to be text")                                               \
    X(printed_parses, "a printed program parses")                                                            \
    X(print_then_parse, "printing a program and parsing that gives its canonical encoding")                  \
    X(print_is_stable, "a program and its canonical encoding print the same text")                           \
    X(parsed_is_canonical, "parsing gives a canonical encoding")                                             \
    X(parsed_is_text, "what parses is told to be text")                                                      \
    X(operation_fits, "an operation in text fits its buffer")                                                \
    X(error_has_line, "a parse that fails names a line and a column")                                        \
    X(error_has_message, "a parse that fails has a printable message")                                       \
    X(error_has_no_program, "a parse that fails gives no program")                                           \
    X(success_has_no_error, "a parse that succeeds gives no error")                                          \
    X(memory, "there is memory enough to fuzz")

#define DEFINE_FAILURE(name, sentence)                                                                       \
    __attribute__((noinline, noreturn)) static void fail_##name(void) {                                      \
        (void)fprintf(stderr, "text_fuzzer: %s: it does not hold that %s\n", #name, sentence);               \
        abort();                                                                                             \
    }
PROPERTY_LIST(DEFINE_FAILURE)

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
        fail_memory();
    }
    program_encode(program, encoded.bytes);
    return encoded;
}

static struct buffer print(const struct program *program) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (stream == NULL || text_print(program, stream) != 0 || fclose(stream) != 0) {
        fail_memory();
    }
    return (struct buffer){.bytes = (uint8_t *)text, .size = size};
}

static void check_operations(const struct program *program) {
    for (size_t i = 0; i < program->operation_count; i++) {
        /* From malloc, so that a sanitizer sees the byte after it. */
        char *const buffer = malloc(TEXT_OPERATION_SIZE);
        if (buffer == NULL) {
            fail_memory();
        }
        const struct operation operation = program_operation(program, i);
        /* A text that just fits may have been cut. */
        if (text_operation(&operation, buffer) != buffer || strlen(buffer) >= TEXT_OPERATION_SIZE - 1) {
            fail_operation_fits();
        }
        free(buffer);
    }
}

/* Prints a program whose canonical encoding is known, and parses that. */
static void check_text_of(const struct program *program, struct buffer encoded) {
    const struct buffer text = print(program);
    struct buffer parsed;
    struct text_error error;
    if (!text_is_text(text.bytes, text.size)) {
        fail_printed_is_text();
    }
    if (!text_parse(text.bytes, text.size, &parsed.bytes, &parsed.size, &error)) {
        fail_printed_parses();
    }
    if (!buffers_equal(parsed, encoded)) {
        fail_print_then_parse();
    }
    const struct program again = program_decode(parsed.bytes, parsed.size);
    const struct buffer text_again = print(&again);
    if (!buffers_equal(text, text_again)) {
        fail_print_is_stable();
    }
    free(text_again.bytes);
    free(parsed.bytes);
    free(text.bytes);
}

/* Over its own bytes, in a buffer that is no larger than the encoding. */
static void check_encoding_in_place(const uint8_t *bytes, size_t size, struct buffer encoded) {
    uint8_t *const copy = malloc(encoded.size);
    if (copy == NULL) {
        fail_memory();
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    const struct program program = program_decode(copy, size);
    program_encode(&program, copy);
    if (memcmp(copy, encoded.bytes, encoded.size) != 0) {
        fail_encoding_in_place();
    }
    free(copy);
}

static void check_binary(const uint8_t *bytes, size_t size) {
    const struct program program = program_decode(bytes, size);
    const struct buffer encoded = encode(&program);
    const struct program canonical = program_decode(encoded.bytes, encoded.size);
    if (canonical.operation_count != program.operation_count) {
        fail_encoded_size();
    }
    const struct buffer again = encode(&canonical);
    if (!buffers_equal(encoded, again)) {
        fail_encoding_is_stable();
    }
    check_encoding_in_place(bytes, size, encoded);
    check_operations(&program);
    check_text_of(&program, encoded);
    free(again.bytes);
    free(encoded.bytes);
}

static void check_error(const struct text_error *error, const uint8_t *program) {
    const char *const end = memchr(error->message, '\0', sizeof error->message);
    if (error->line < 1 || error->column < 1) {
        fail_error_has_line();
    }
    if (end == NULL || end == error->message) {
        fail_error_has_message();
    }
    for (const char *c = error->message; c < end; c++) {
        if (*c < ' ' || *c > '~') {
            fail_error_has_message();
        }
    }
    if (program != NULL) {
        fail_error_has_no_program();
    }
}

static void check_text(const uint8_t *text, size_t size) {
    struct buffer parsed;
    struct text_error error;
    if (!text_parse(text, size, &parsed.bytes, &parsed.size, &error)) {
        check_error(&error, parsed.bytes);
        return;
    }
    if (error.line != 0) {
        fail_success_has_no_error();
    }
    if (!text_is_text(text, size)) {
        fail_parsed_is_text();
    }
    const struct program program = program_decode(parsed.bytes, parsed.size);
    const struct buffer encoded = encode(&program);
    if (!buffers_equal(parsed, encoded)) {
        fail_parsed_is_canonical();
    }
    check_operations(&program);
    check_text_of(&program, encoded);
    free(encoded.bytes);
    free(parsed.bytes);
}

/* The input as the lines that follow the first. */
static void check_text_behind_signature(const uint8_t *bytes, size_t size) {
    static const char signature[] = TEXT_SIGNATURE "\n";
    const size_t signature_size = sizeof signature - 1;
    uint8_t *const text = malloc(signature_size + size);
    if (text == NULL) {
        fail_memory();
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
    check_text_behind_signature(bytes, size);
    return 0;
}
