/* Text that is printed to a stream, caught in memory. */
#ifndef KMEM_CAUGHT_H
#define KMEM_CAUGHT_H

#include "tests/unit/test.h"

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

#endif
