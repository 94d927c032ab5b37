/* Finds files to run: those that are named, and the programs in folders. input.h decides what is a program.
 */
#ifndef KMEM_FILE_LIST_H
#define KMEM_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fuzz/host/exit_code.h"

/* A file in a folder that is not a program. */
struct left_out {
    char *path;
    const char *reason; /* such as "a pipe" */
};

struct file_list {
    char **paths; /* in memory of their own, as left_out's */
    size_t count;
    struct left_out *left_out;
    size_t left_out_count;
    bool as_bytes; /* set by the caller: every file is a program in bytes, whatever its name and contents */
};

/* Adds path or, when it is a folder, the programs below it, in the order of their names. Names that begin
 * with a dot are skipped. Links are followed, but not into a folder that contains them. An unreadable file in
 * a folder, and a path that is missing or cannot be read, are added too: opening them reports the error, and
 * the others are still run. Everything else in a folder (files that are not programs, pipes, devices) is left
 * out, and listed. Returns EXIT_SOUND; or prints why not and returns EXIT_USAGE: a folder without a program.
 */
__attribute__((warn_unused_result)) enum exit_code file_list_add(struct file_list *list, const char *path);

/* Prints a line for each file left out, from number `first` on. */
void file_list_print_left_out(const struct file_list *list, size_t first, FILE *stream);

void file_list_close(struct file_list *list);

#endif
