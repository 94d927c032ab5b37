/* What the tests of files share: a temporary folder for each test, removed with all that is in it, and
 * functions run in a process of their own. */
#ifndef KMEM_FILE_FIXTURE_H
#define KMEM_FILE_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define PATH_SIZE 512 /* bytes */

static char folder[PATH_SIZE];

static inline void make_folder(void) {
    strcpy(folder, "/tmp/kmem-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static inline void remove_folder(void) {
    assert_int_equal(nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#define FOLDER_TEST(name) TEST_WITH(name, make_folder, remove_folder)

/* The path of a name in the folder, in storage that lasts for sixteen calls. */
static inline const char *path_of(const char *name) {
    static char paths[16][PATH_SIZE + 64];
    static size_t next;
    char *const path = paths[next++ % LENGTH(paths)];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void make_file(const char *name, const void *bytes, size_t size) {
    FILE *const file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void assert_file_holds(const char *name, const void *bytes, size_t size) {
    char read[8192];
    FILE *const file = fopen(path_of(name), "rb");
    assert_non_null(file);
    assert_int_equal(fread(read, 1, sizeof read, file), size);
    assert_memory_equal(read, bytes, size);
    fclose(file);
}

/* Entries of the folder, hidden ones too. */
static inline size_t entry_count(void) {
    size_t count = 0;
    DIR *const directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(directory);
    return count;
}

/* Standard error goes to a file for as long as this lasts. */
static int saved_errors = -1;

static inline void catch_errors(void) {
    fflush(stderr);
    saved_errors = dup(STDERR_FILENO);
    const int file = open(path_of(".errors"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
}

/* Ends that. */
static inline void release_errors(void) {
    fflush(stderr);
    dup2(saved_errors, STDERR_FILENO);
    close(saved_errors);
}

/* The same, and requires what was printed to be this. */
static inline void assert_errors(const char *expected) {
    release_errors();
    char text[1024] = "";
    FILE *const file = fopen(path_of(".errors"), "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    unlink(path_of(".errors"));
    assert_string_equal(text, expected);
}

/* Errors of a call on a path, with the path in the place of %s. */
static inline const char *message(const char *format, const char *path) {
    static char line[2 * PATH_SIZE];
    const char *const at = strstr(format, "%s");
    snprintf(line, sizeof line, "%.*s%s%s", (int)(at - format), format, path, at + 2);
    return line;
}

/* Requires the call to end with this code, and to have said this of the path in the place of %s. */
#define ASSERT_SAYS(call, expected_code, format, path)                                                       \
    do {                                                                                                     \
        catch_errors();                                                                                      \
        const enum exit_code ended_with = (call);                                                            \
        assert_errors(message(format, path));                                                                \
        assert_int_equal(ended_with, expected_code);                                                         \
    } while (0)

/* How a child process that calls function(argument) ends; _exit(0) when it returns. */
static inline int status_of(void (*function)(unsigned), unsigned argument) {
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        function(argument);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Requires a process to have ended with this code, or to have been aborted. */
static inline void assert_exited(int status, int code) {
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static inline void assert_aborted(int status) {
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

#endif
