/* From a log of calls to a program: what another program asked of its allocator, asked of this heap.
 *
 *     log -> format: a line to an event -> ids: which slot -> operations -> the smallest heap that holds them
 *
 * A log is text in one of the formats below; docs/import.md describes each. Every line that cannot be used is
 * reported by its number; none is dropped silently.
 *
 * import_plain.c, import_mtrace.c and import_ltrace.c know one format each, import_ids.c which slot an id
 * has. */
#ifndef KMEM_IMPORT_H
#define KMEM_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fuzz/program/program.h"

#define IMPORT_MESSAGE_SIZE 200 /* bytes, with the NUL */

/* The formats: name in C, name on the command line. */
#define IMPORT_FORMAT_LIST(X)                                                                                \
    X(PLAIN, "plain")                                                                                        \
    X(MTRACE, "mtrace")                                                                                      \
    X(LTRACE, "ltrace")

enum import_format {
#define IMPORT_FORMAT_ENUMERATOR(name, word) IMPORT_FORMAT_##name,
    IMPORT_FORMAT_LIST(IMPORT_FORMAT_ENUMERATOR)
#undef IMPORT_FORMAT_ENUMERATOR
    IMPORT_FORMAT_COUNT /* also: none */
};

/* A line that cannot be used, and why. */
struct import_problem {
    size_t line; /* from 1; 0: the whole log */
    char message[IMPORT_MESSAGE_SIZE];
};

/* An operation, and the line it comes from. */
struct import_operation {
    struct operation operation;
    size_t line; /* from 1 */
};

/* The result of reading a log. */
struct import {
    enum import_format format;
    struct import_operation *operations; /* from malloc */
    size_t operation_count;
    struct import_problem *problems; /* in the order of their lines; from malloc */
    size_t problem_count;
    struct program_header header; /* once import_fit has succeeded */
};

/* The format with this name; IMPORT_FORMAT_COUNT when there is none. */
enum import_format import_find_format(const char *name);
const char *import_format_name(enum import_format format);

/* The format of a log, by its first line that is neither blank nor a comment; IMPORT_FORMAT_COUNT when that
 * line has none of them. */
enum import_format import_detect(const char *log, size_t size);

/* Reads a log of size bytes. Fills *import, which the caller closes: an operation for each line that can be
 * used, a problem for each that cannot. The log is not needed afterwards. Returns false iff memory ran out.
 * Cost: linear in the log. */
__attribute__((warn_unused_result)) bool import_read(const char *log, size_t size, enum import_format format,
                                                     struct import *import);

/* Chooses the smallest heap, in pages as small as possible, in which no operation is refused. Returns false,
 * with one more problem, when even the largest cannot hold them all; or iff memory ran out, with none. */
__attribute__((warn_unused_result)) bool import_fit(struct import *import);

/* Writes the program as text, each operation with its line of the log in a comment. name is the log's name
 * there. */
void import_print(const struct import *import, const char *name, FILE *stream);

void import_close(struct import *import);

#endif
