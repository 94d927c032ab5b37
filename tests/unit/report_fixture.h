/* What the tests of reports share: faults, and text caught in memory. */
#ifndef KMEM_REPORT_FIXTURE_H
#define KMEM_REPORT_FIXTURE_H

#include "fuzz/host/picture.h"
#include "fuzz/report/report.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

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

static inline void catch_end(struct caught *caught) {
    fclose(caught->stream);
    free(caught->text);
}

/* Ends the catch, and requires the text to be this one. */
static inline void assert_caught_text(struct caught *caught, const char *expected) {
    fflush(caught->stream);
    assert_string_equal(caught->text, expected);
    catch_end(caught);
}

static inline void use_fault(const char *fault) {
    make_executor(&subject_faulty, first_arena, ORACLE_ALL);
    faulty_subject_fault = fault_of(fault);
}

#endif
