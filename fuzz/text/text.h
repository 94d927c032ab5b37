/* The text form of a program: what reports print, what people write, and what the tool parses.
 *
 *     kmem-program 2
 *     # first fit must reuse the hole before slot 1
 *     heap page=64 pages=2 growth=1 slots=16 refuse=0,3 disable=foreign,null
 *     alloc 0 24
 *     aligned 1 64 largest-8
 *     calloc 2 3 16
 *     free 0
 *     double 0 realloc 0
 *     interior 1 5
 *
 * docs/programs.md describes it in full. Printing a program and parsing the text gives the program's
 * canonical encoding; parsing a text and printing it gives the same operations again. */
#ifndef KMEM_TEXT_H
#define KMEM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fuzz/program/program.h"

/* The first line of every program in text, without its newline. Only blank lines and comments may precede
 * it. */
#define TEXT_MAGIC     "kmem-program"
#define TEXT_SIGNATURE "kmem-program 2" /* of the latest version; others have another number */

#define TEXT_OPERATION_SIZE 128 /* bytes: room for any operation in text, with its NUL */

/* Are these bytes a program in text? They are iff their first line that is neither blank nor a comment begins
 * with "kmem-program", which no fuzzer writes by chance: a text of another version, or with a broken first
 * line, is a text with an error, not a binary. */
bool text_is_text(const uint8_t *bytes, size_t size);

/* What was wrong with a text. */
struct text_error {
    size_t line;       /* from 1; 0 when there was no error */
    size_t column;     /* from 1, in bytes */
    char message[160]; /* what is wrong and what would be right, without a final newline */
};

/* Parses size bytes of text into the canonical encoding: *program receives a buffer from malloc, which the
 * caller frees, and *size_of_program its size in bytes. Returns true; or false, with *error set and *program
 * NULL, iff some line is not valid in the text's version, or memory ran out (line 0 and a message then). */
__attribute__((warn_unused_result)) bool text_parse(const uint8_t *text, size_t size, uint8_t **program,
                                                    size_t *size_of_program, struct text_error *error);

/* Writes one operation as text, such as "alloc 3 largest-8", without a newline. Returns buffer. */
const char *text_operation(const struct operation *operation, char buffer[TEXT_OPERATION_SIZE]);

/* Writes a whole program as text, signature first. Returns what ferror then says of the stream: 0 when all
 * was written. */
int text_print(const struct program *program, FILE *stream);

/* The same text in memory from malloc, ended by a NUL, which the caller frees; *size is its size in bytes
 * without that. Returns NULL iff memory ran out. */
__attribute__((warn_unused_result)) char *text_make(const struct program *program, size_t *size);

#endif
