/* What the tests of reports share: programs over bytes of their own, and text caught in memory. */
#ifndef KMEM_REPORT_FIXTURE_H
#define KMEM_REPORT_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/draw/picture.h"
#include "fuzz/report/explain.h"
#include "fuzz/report/report.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

#define PROGRAM_CAPACITY (PROGRAM_HEADER_SIZE_MAXIMUM + 300 * PROGRAM_OPERATION_SIZE_MAXIMUM)

/* The encoding of these operations, in storage that lasts until the next call. */
static inline struct program program_of(const struct program_header *header,
                                        const struct operation *operations, size_t count) {
    static uint8_t bytes[PROGRAM_CAPACITY];
    program_encode_header(header, bytes);
    for (size_t i = 0; i < count; i++) {
        program_encode_operation(header, i, &operations[i], bytes);
    }
    return program_decode(bytes, program_size(header->version, count));
}

/* A stream into memory. */
struct caught {
    FILE *stream;
    char *text;
    size_t size;
};

static inline void catch_begin(struct caught *caught) {
    caught->stream = open_memstream(&caught->text, &caught->size);
    assert_non_null(caught->stream);
}

/* Ends the catch, and requires the text to be this one. */
static inline void assert_caught_text(struct caught *caught, const char *expected) {
    fclose(caught->stream);
    assert_string_equal(caught->text, expected);
    free(caught->text);
}

static inline void use_fault(struct fault fault) {
    make_executor(&subject_faulty, first_arena, ORACLE_ALL);
    faulty_subject_fault = fault;
}

#endif
