/* What went wrong in a program, in as few operations as possible: the reduced program, how it ends, and the
 * history of its heap; and all of it as files and in words (diagnosis_print.c). */
#ifndef KMEM_DIAGNOSIS_H
#define KMEM_DIAGNOSIS_H

#include <stdio.h>

#include "fuzz/host/input.h"
#include "fuzz/host/outcome.h"
#include "fuzz/host/recording.h"
#include "fuzz/host/reduced.h"

struct diagnosis {
    const char *path;           /* of the given program */
    const struct input *input;  /* the given program */
    struct reduced reduced;     /* it made small; holds no program when it is sound */
    struct recording recording; /* of the reduced program or, when it is sound, of the given one */
};

/* The files a diagnosis is kept in: names from malloc. */
enum diagnosis_file {
    DIAGNOSIS_REDUCED, /* the reduced program, canonical bytes: PREFIX.reduced */
    DIAGNOSIS_TEXT,    /* as text: PREFIX.reduced.ops */
    DIAGNOSIS_C,       /* as a C file that needs no harness: PREFIX.c; only where there can be one */
    DIAGNOSIS_PAGE,    /* its run as a page for a browser: PREFIX.html */
    DIAGNOSIS_FILE_COUNT,
};

struct diagnosis_files {
    char *paths[DIAGNOSIS_FILE_COUNT]; /* NULL: not written */
};

/* Finds out what is wrong with a program, on the host's executor with every oracle on. path names it. The
 * program runs only where it can do no harm. Returns EXIT_VIOLATION (it fails) or EXIT_SOUND, and the caller
 * closes *diagnosis, which uses path and input until then; or prints why it cannot find out, and returns
 * EXIT_ENVIRONMENT, or EXIT_USAGE if the subject starts no heap in the program's region. */
__attribute__((warn_unused_result)) enum exit_code diagnosis_make(const char *path, const struct input *input,
                                                                  struct diagnosis *diagnosis);

void diagnosis_close(struct diagnosis *diagnosis);

/* The names of the files that begin with prefix. */
struct diagnosis_files diagnosis_files_open(const char *prefix);
void diagnosis_files_close(struct diagnosis_files *files);

/* Writes the files of a program that fails, all or none; existing ones that differ are replaced only when
 * `replace` is true. Returns EXIT_SOUND; or prints why not and returns EXIT_USAGE, when one exists and
 * differs, or EXIT_ENVIRONMENT. */
__attribute__((warn_unused_result)) enum exit_code
diagnosis_write(const struct diagnosis *diagnosis, const struct diagnosis_files *files, bool replace);

/* Prints the diagnosis of a program that fails for a person, in lines of about `width` characters and with
 * `colour` in the colours of ANSI terminals, and the names of the files, if any (NULL: none). */
void diagnosis_print(const struct diagnosis *diagnosis, const struct diagnosis_files *files, size_t width,
                     bool colour, FILE *stream);

/* Prints the diagnosis, of a program that fails or is sound, as JSON (docs/crash.md). */
void diagnosis_print_json(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                          FILE *stream);

#endif
