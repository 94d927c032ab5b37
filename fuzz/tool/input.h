/* Programs from files and folders.
 *
 * May be here: finding, reading and writing files. May not: running what is in them. */
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

/* Reads the program in the file at path; "-" is standard input. Returns EXIT_SOUND, and the caller closes
 * *input; or prints what is wrong, where, and the mend to standard error and returns EXIT_ENVIRONMENT (the
 * file cannot be read) or EXIT_USAGE (it is a text with an error). */
__attribute__((warn_unused_result)) enum exit_code input_open(const char *path, struct input *input);

void input_close(struct input *input);

/* The bytes of the file at path, whatever they are, in memory from malloc which the caller frees; "-" is
 * standard input. Returns EXIT_SOUND; or prints why not and returns EXIT_ENVIRONMENT. */
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

/* A file to be written: its path, and what it is to hold. */
struct output {
    const char *path;
    const uint8_t *bytes;
    size_t size;
};

/* Writes files, all of them whole or none at all: first to temporary files beside them, then renamed.
 * Existing files are replaced only when `replace` is true. Returns EXIT_SOUND; or prints why not and returns
 * EXIT_USAGE (one exists) or EXIT_ENVIRONMENT, and nothing is left behind. (Should a rename over an existing
 * file be refused although a file could be written beside it, those renamed before it stay.) */
__attribute__((warn_unused_result)) enum exit_code output_write_all(const struct output *outputs,
                                                                    size_t count, bool replace);

/* The same for one file of size bytes. */
__attribute__((warn_unused_result)) enum exit_code output_write(const char *path, const uint8_t *bytes,
                                                                size_t size, bool replace);

#endif
