/* Programs from files and folders.
 *
 * May be here: finding and reading files. May not: running what is in them, writing (output.h). */
#ifndef KMEM_INPUT_H
#define KMEM_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/program/program.h"
#include "fuzz/tool/exit_code.h"

/* A program as a file holds it, text or binary. */
struct input {
    uint8_t *bytes; /* the program's, canonical when the file was text; from malloc */
    size_t size;
    bool was_text;
    struct program program; /* over bytes */
};

#define INPUT_SIZE_MAXIMUM ((size_t)256 << 20) /* bytes; more than any program or log that makes sense */

/* Reads the program in the file at path; "-" is standard input. Returns EXIT_SOUND, and the caller closes
 * *input; or prints what is wrong, where, and the mend to standard error and returns EXIT_ENVIRONMENT (the
 * file cannot be read, or there is no memory for it) or EXIT_USAGE (it is a text with an error). */
__attribute__((warn_unused_result)) enum exit_code input_open(const char *path, struct input *input);

void input_close(struct input *input);

/* The bytes of the file at path, whatever they are, in memory from malloc which the caller frees; "-" is
 * standard input. Returns EXIT_SOUND; or prints why not and returns EXIT_ENVIRONMENT: it cannot be read, has
 * more than INPUT_SIZE_MAXIMUM bytes, as a device without an end has, or there is no memory for it. */
__attribute__((warn_unused_result)) enum exit_code input_read(const char *path, uint8_t **bytes,
                                                              size_t *size);

/* Paths of files, in memory of their own. */
struct file_list {
    char **paths;
    size_t count;
};

/* Adds path, or, when it is a folder, every file below it, in the order of their names; those whose names
 * begin with a dot or end in .md are passed over. Returns EXIT_SOUND; or prints why not and returns
 * EXIT_ENVIRONMENT. */
__attribute__((warn_unused_result)) enum exit_code file_list_add(struct file_list *list, const char *path);

void file_list_close(struct file_list *list);

#endif
