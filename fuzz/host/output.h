/* Writes files whole or not at all. */
#ifndef KMEM_OUTPUT_H
#define KMEM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/host/exit_code.h"

/* A file to be written: its path and its contents. */
struct output {
    const char *path;
    const uint8_t *bytes;
    size_t size;
};

/* Writes files, either all of them whole or none: first to temporary files next to them, then renamed. A new
 * file has the permissions of the umask. Existing files are replaced only when `replace` is true, and what is
 * not a file, such as a folder or a device, never. Returns EXIT_SOUND; or prints why not and returns
 * EXIT_USAGE (one exists) or EXIT_ENVIRONMENT, and leaves nothing. (If a rename over an existing file is
 * refused although a file could be written next to it, those renamed before it stay.) */
__attribute__((warn_unused_result)) enum exit_code output_write_all(const struct output *outputs,
                                                                    size_t count, bool replace);

/* The same for one file of size bytes. */
__attribute__((warn_unused_result)) enum exit_code output_write(const char *path, const uint8_t *bytes,
                                                                size_t size, bool replace);

#endif
