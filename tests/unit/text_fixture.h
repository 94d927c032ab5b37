/* Operations written as a program's text has them (docs/programs.md), with "; " between them. */
#ifndef KMEM_TEXT_FIXTURE_H
#define KMEM_TEXT_FIXTURE_H

#include "fuzz/text/text.h"
#include "tests/unit/test.h"

#define TEXT_CAPACITY ((size_t)2048) /* bytes of a test's text */

struct operations {
    struct operation list[80];
    size_t count;
};

/* As printf, into storage that lasts until the next call. */
__attribute__((format(printf, 1, 2))) static inline const char *words(const char *format, ...) {
    static char buffer[TEXT_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    assert_in_range(vsnprintf(buffer, sizeof buffer, format, arguments), 0, sizeof buffer - 1);
    va_end(arguments);
    return buffer;
}

static inline struct operations operations_of(const char *text) {
    static const char front[] = "kmem-program 2\nheap slots=4096\n";
    char lines[sizeof front + TEXT_CAPACITY];
    struct operations operations;
    uint8_t *bytes;
    size_t size;
    struct text_error error;
    const int length = snprintf(lines, sizeof lines, "%s%s", front, text);
    assert_in_range(length, 0, sizeof lines - 1);
    for (char *at = strchr(lines, ';'); at != NULL; at = strchr(at, ';')) {
        *at = '\n';
    }
    if (!text_parse((const uint8_t *)lines, (size_t)length, &bytes, &size, &error)) {
        fail_msg("operation %zu of '%s': %s", error.line - 2, text, error.message);
    }
    const struct program program = program_decode(bytes, size);
    operations.count = program.operation_count;
    assert_in_range(operations.count, 0, LENGTH(operations.list));
    for (size_t i = 0; i < operations.count; i++) {
        operations.list[i] = program_operation(&program, i);
    }
    free(bytes);
    return operations;
}

static inline struct operation operation_of(const char *text) {
    const struct operations operations = operations_of(text);
    assert_int_equal(operations.count, 1);
    return operations.list[0];
}

/* The encoding of operations, in storage that lasts until the next call. */
static inline struct program program_of(const struct program_header *header, const char *text) {
    static uint8_t bytes[PROGRAM_HEADER_SIZE_MAXIMUM +
                         LENGTH(((struct operations *)0)->list) * PROGRAM_OPERATION_SIZE_MAXIMUM];
    const struct operations operations = operations_of(text);
    program_encode_header(header, bytes);
    for (size_t i = 0; i < operations.count; i++) {
        program_encode_operation(header, i, &operations.list[i], bytes);
    }
    return program_decode(bytes, program_size(header->version, operations.count));
}

#endif
