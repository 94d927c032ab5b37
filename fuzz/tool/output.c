/* Writing files, whole or not at all. input.h is the contract. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/tool/input.h"

#define SUFFIX ".XXXXXX"

static enum exit_code fail_write(const char *path, int error) {
    if (error == EEXIST) {
        fprintf(stderr, "kmemfuzz: %s exists; choose another name, or --force to replace it\n", path);
        return EXIT_USAGE;
    }
    fprintf(stderr, "kmemfuzz: cannot write %s: %s\n", path, strerror(error));
    return EXIT_ENVIRONMENT;
}

static bool write_all(int file, const uint8_t *bytes, size_t size) {
    size_t done = 0;
    while (done < size) { /* each write but a failed one takes at least a byte */
        const ssize_t written = write(file, bytes + done, size - done);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        done += written < 0 ? 0 : (size_t)written;
    }
    return fsync(file) == 0;
}

/* Gives the finished temporary file its name. link refuses a name in use, rename takes it over. */
static bool put_in_place(const char *temporary, const char *path, bool replace) {
    return replace ? rename(temporary, path) == 0 : link(temporary, path) == 0 && unlink(temporary) == 0;
}

/* Writes the temporary file and gives it its name. Returns 0, or the errno of what failed. */
static int store(int file, const char *temporary, const char *path, const uint8_t *bytes, size_t size,
                 bool replace) {
    int error = 0;
    if (!write_all(file, bytes, size) || fchmod(file, 0644) != 0) {
        error = errno;
    }
    if (close(file) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && !put_in_place(temporary, path, replace)) {
        error = errno;
    }
    return error;
}

enum exit_code output_write(const char *path, const uint8_t *bytes, size_t size, bool replace) {
    const size_t temporary_size = strlen(path) + sizeof SUFFIX;
    char *const temporary = malloc(temporary_size);
    if (temporary == NULL) {
        return fail_write(path, ENOMEM);
    }
    snprintf(temporary, temporary_size, "%s%s", path, SUFFIX);
    const int file = mkstemp(temporary);
    const int error = file < 0 ? errno : store(file, temporary, path, bytes, size, replace);
    if (error != 0 && file >= 0) {
        unlink(temporary);
    }
    free(temporary);
    return error == 0 ? EXIT_SOUND : fail_write(path, error);
}
