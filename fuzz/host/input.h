/* Reads programs from files, and decides, for all of the tool, what is a program. */
#ifndef KMEM_INPUT_H
#define KMEM_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/host/exit_code.h"
#include "fuzz/program/program.h"

/* What a file holds.
 * - Text: its first line that is neither blank nor a comment begins with "kmem-program".
 * - Else bytes, when it is named as fuzzers name what they save (crash-*, timeout-*, oom-*, leak-*,
 * slow-unit-* and minimized-from-* without an ending, 40 hexadecimal digits, id:NUMBER* of AFL++), when it is
 * not printable UTF-8, as no canonical program is, or when it is empty.
 * - Otherwise it is not a program, but some other text. */
struct input {
    uint8_t *bytes; /* the program's, canonical when the file was text; from malloc */
    size_t size;
    bool was_text;
    struct program program; /* over bytes */
};

#define INPUT_SIZE_MAXIMUM ((size_t)256 << 20) /* bytes; more than any program or log that makes sense */

/* Reads the program in the file at path; "-" is standard input. as_bytes: it is bytes, whatever it holds.
 * Reports an empty one. Returns EXIT_SOUND, and the caller closes *input; or prints what is wrong, where, and
 * how to fix it to standard error and returns EXIT_ENVIRONMENT (the file cannot be read, or there is no
 * memory for it) or EXIT_USAGE (it is a text with an error, or not a program). */
__attribute__((warn_unused_result)) enum exit_code input_open(const char *path, bool as_bytes,
                                                              struct input *input);

void input_close(struct input *input);

/* The bytes of the file at path, whatever they are, in memory from malloc which the caller frees; "-" is
 * standard input. Returns EXIT_SOUND; or prints why not and returns EXIT_ENVIRONMENT: it cannot be read, has
 * more than INPUT_SIZE_MAXIMUM bytes, as an endless device has, or there is no memory for it. */
__attribute__((warn_unused_result)) enum exit_code input_read(const char *path, uint8_t **bytes,
                                                              size_t *size);

/* The name of path in a message: shown(path), or "standard input". */
const char *input_name(const char *path);

/* Can the file at path be read, and is it neither a program nor named as one (.ops)? */
bool input_is_something_else(const char *path);

#endif
