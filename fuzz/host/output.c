/* Writing files, whole or not at all. output.h is the contract. */
#define _GNU_SOURCE /* renameat2 */
#include "fuzz/host/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/text/shown.h"

#define TEMPORARY     ".kmemfuzz-%ld-%u" /* process, number: in the folder of the file, where none looks */
#define NUMBER_SIZE   ((size_t)40)       /* bytes: room for both */
#define ATTEMPT_COUNT 1000u              /* names that killed processes may have left */

static enum exit_code fail_write(const char *path, int error) {
    if (error == EEXIST) {
        fprintf(stderr, "kmemfuzz: %s exists; choose another name, or --force to replace it\n", shown(path));
        return EXIT_USAGE;
    }
    fprintf(stderr, "kmemfuzz: cannot write %s: %s\n", shown(path), strerror(error));
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

/* Creates a file next to path under a name of its own, with the permissions of the umask. Returns its
 * descriptor and in *temporary its path, from malloc; or -1, with errno set. */
static int create_beside(const char *path, char **temporary) {
    static unsigned number;
    const char *const slash = strrchr(path, '/');
    const size_t folder_length = slash == NULL ? 0 : (size_t)(slash + 1 - path);
    const size_t size = folder_length + sizeof TEMPORARY + NUMBER_SIZE;
    *temporary = malloc(size);
    if (*temporary == NULL) {
        return -1;
    }
    memcpy(*temporary, path, folder_length);
    int file = -1;
    for (unsigned attempt = 0; file < 0 && attempt < ATTEMPT_COUNT; attempt++) {
        snprintf(*temporary + folder_length, size - folder_length, TEMPORARY, (long)getpid(), number++);
        file = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST) {
            break;
        }
    }
    if (file < 0) {
        free(*temporary);
    }
    return file;
}

/* The finished file under a temporary name next to its own, from malloc; NULL, with errno set, when it cannot
 * be had, and then nothing is left. */
static char *store(const struct output *output) {
    char *temporary;
    const int file = create_beside(output->path, &temporary);
    if (file < 0) {
        return NULL;
    }
    int error = write_all(file, output->bytes, output->size) ? 0 : errno;
    error = close(file) != 0 && error == 0 ? errno : error;
    if (error == 0) {
        return temporary;
    }
    unlink(temporary);
    free(temporary);
    errno = error;
    return NULL;
}

/* Gives a file a name that is not in use, on a filesystem that can neither rename without replacing nor link:
 * takes the name first, by an empty file. */
static bool take_name(const char *temporary, const char *path) {
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 || close(file) != 0) {
        return false;
    }
    if (rename(temporary, path) == 0) {
        return true;
    }
    const int error = errno;
    unlink(path);
    errno = error;
    return false;
}

/* Gives a finished temporary file its name: one in use is refused, or taken over. */
static bool put_in_place(const char *temporary, const char *path, bool replace) {
    if (replace) {
        return rename(temporary, path) == 0;
    }
#ifdef RENAME_NOREPLACE /* not in every C library */
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return true;
    }
    if (errno == EEXIST) {
        return false;
    }
#endif
    return link(temporary, path) == 0 || (errno != EEXIST && take_name(temporary, path));
}

/* Refuses names of what no file is to take over: folders, and devices, which a rename would do away with. */
static enum exit_code check_names(const struct output *outputs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        const char *const path = outputs[i].path;
        if (lstat(path, &status) != 0 || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
            continue;
        }
        if (S_ISDIR(status.st_mode)) {
            return fail_write(path, EISDIR);
        }
        fprintf(stderr, "kmemfuzz: cannot write %s: it is a device or a pipe; choose the name of a file\n",
                shown(path));
        return EXIT_ENVIRONMENT;
    }
    return EXIT_SOUND;
}

/* Returns how many files got their names: all, or those before the first that could not, with errno
 * set. */
static size_t put_all_in_place(const struct output *outputs, char **temporaries, size_t count, bool replace) {
    size_t done = 0;
    while (done < count && put_in_place(temporaries[done], outputs[done].path, replace)) {
        done++;
    }
    return done;
}

/* Takes away what is there under temporary names and, when not all files could be written, what had got its
 * own name, as far as nothing was replaced by it. */
static void clean_up(const struct output *outputs, char **temporaries, size_t stored, size_t placed,
                     size_t count, bool replace) {
    for (size_t i = 0; i < stored; i++) {
        if (!replace || i >= placed) {
            unlink(temporaries[i]);
        }
        if (!replace && i < placed && placed < count) {
            unlink(outputs[i].path);
        }
        free(temporaries[i]);
    }
}

enum exit_code output_write_all(const struct output *outputs, size_t count, bool replace) {
    const enum exit_code names = check_names(outputs, count);
    if (names != EXIT_SOUND) {
        return names;
    }
    char **const temporaries = calloc(count, sizeof *temporaries);
    if (temporaries == NULL) {
        return fail_write(outputs[0].path, ENOMEM);
    }
    size_t stored = 0;
    size_t placed = 0;
    int error = 0;
    while (stored < count && (temporaries[stored] = store(&outputs[stored])) != NULL) {
        stored++;
    }
    const char *failed = stored < count ? outputs[stored].path : NULL;
    error = errno;
    if (stored == count) {
        placed = put_all_in_place(outputs, temporaries, count, replace);
        error = errno;
        failed = placed < count ? outputs[placed].path : NULL;
    }
    clean_up(outputs, temporaries, stored, placed, count, replace);
    free(temporaries);
    return failed == NULL ? EXIT_SOUND : fail_write(failed, error);
}

enum exit_code output_write(const char *path, const uint8_t *bytes, size_t size, bool replace) {
    const struct output output = {.path = path, .bytes = bytes, .size = size};
    return output_write_all(&output, 1, replace);
}
