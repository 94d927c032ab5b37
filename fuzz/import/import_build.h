/* For fuzz/import/ alone. From events to operations: what of a log makes sense, and in which slot. */
#ifndef KMEM_IMPORT_BUILD_H
#define KMEM_IMPORT_BUILD_H

#include "fuzz/import/import_ids.h"

struct import_build {
    struct import *import;
    struct import_ids ids;
    size_t operation_capacity;
    size_t problem_capacity;
    size_t line; /* the current one, from 1 */
    bool failed; /* memory ran out */
};

/* Adds what an event means: an operation, or a problem with build->line. */
void import_build_event(struct import_build *build, const struct import_event *event);

/* Adds a problem with build->line. */
__attribute__((format(printf, 2, 3))) void import_build_problem(struct import_build *build,
                                                                const char *format, ...);

#endif
