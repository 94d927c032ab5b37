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

static enum exit_code fail_write(const char *path) {
    fprintf(stderr, "kmemfuzz: cannot write %s: %s\n", path, strerror(errno));
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

enum exit_code output_write(const char *path, const uint8_t *bytes, size_t size, bool replace) {
    const size_t length = strlen(path);
    char *const temporary = malloc(length + sizeof SUFFIX);
    if (temporary == NULL) {
        return fail_write(path);
    }
    memcpy(temporary, path, length);
    memcpy(temporary + length, SUFFIX, sizeof SUFFIX);
    const int file = mkstemp(temporary);
    if (file < 0) {
        free(temporary);
        return fail_write(path);
    }
    enum exit_code code = EXIT_SOUND;
    const bool written = write_all(file, bytes, size) && fchmod(file, 0644) == 0;
    if (close(file) != 0 || !written || !put_in_place(temporary, path, replace)) {
        if (errno == EEXIST) {
            fprintf(stderr, "kmemfuzz: %s exists; choose another name, or --force to replace it\n", path);
            code = EXIT_USAGE;
        } else {
            code = fail_write(path);
        }
        unlink(temporary);
    }
    free(temporary);
    return code;
}
