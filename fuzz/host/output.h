/* Files, written whole or not at all.
 *
 * May be here: writing. May not: what is written. */
#ifndef KMEM_OUTPUT_H
#define KMEM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/host/exit_code.h"

/* A file to be written: its path, and what it is to hold. */
struct output {
    const char *path;
    const uint8_t *bytes;
    size_t size;
};

/* Writes files, all of them whole or none at all: first to temporary files beside them, then renamed.
 * A new file has the rights that the umask leaves. Existing files are replaced only when `replace` is true,
 * and what is no file, such as a folder or a device, never. Returns EXIT_SOUND; or prints why not and returns
 * EXIT_USAGE (one exists) or EXIT_ENVIRONMENT, and nothing is left behind. (Should a rename over an existing
 * file be refused although a file could be written beside it, those renamed before it stay.) */
__attribute__((warn_unused_result)) enum exit_code output_write_all(const struct output *outputs,
                                                                    size_t count, bool replace);

/* The same for one file of size bytes. */
__attribute__((warn_unused_result)) enum exit_code output_write(const char *path, const uint8_t *bytes,
                                                                size_t size, bool replace);

#endif
