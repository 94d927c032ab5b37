/* Files to be run: those that are named, and the programs in folders.
 *
 * May be here: finding files. May not: what is a program (input.h decides). */
#ifndef KMEM_FILE_LIST_H
#define KMEM_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fuzz/host/exit_code.h"

/* What lies in a folder and is no program. */
struct left_out {
    char *path;
    const char *reason; /* such as "a pipe" */
};

struct file_list {
    char **paths; /* in memory of their own, as left_out's */
    size_t count;
    struct left_out *left_out;
    size_t left_out_count;
    bool as_bytes; /* set by the caller: every file is a program in bytes, whatever it is called and holds */
};

/* Adds path, or, when it is a folder, the programs below it, in the order of their names. Names that begin
 * with a dot are passed over. Links are followed, but not into a folder they lie in. A file in a folder that
 * cannot be read is added too: it may be a program, and opening it says what is wrong. Everything else there
 * (files that are no program, pipes, devices) is left out, and listed as such. Returns EXIT_SOUND; or prints
 * why not and returns EXIT_ENVIRONMENT (path is not there or cannot be read) or EXIT_USAGE (a folder without
 * a program). */
__attribute__((warn_unused_result)) enum exit_code file_list_add(struct file_list *list, const char *path);

/* Prints a line for each file from number `first` on that was left out. */
void file_list_print_left_out(const struct file_list *list, size_t first, FILE *stream);

void file_list_close(struct file_list *list);

#endif
