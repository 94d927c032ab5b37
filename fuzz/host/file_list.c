/* Files and folders. file_list.h is the contract. */
#include "fuzz/host/file_list.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/host/input.h"
#include "fuzz/text/shown.h"

__attribute__((noreturn)) static void fail_memory(void) {
    fprintf(stderr, "kmemfuzz: no memory for the list of files\n");
    exit(EXIT_ENVIRONMENT);
}

/* An array from malloc with room for one element of `size` bytes more. */
static void *make_room(void *array, size_t count, size_t size) {
    void *const larger = realloc(array, (count + 1) * size);
    if (larger == NULL) {
        fail_memory();
    }
    return larger;
}

static char *copy_path(const char *path) {
    char *const copy = strdup(path);
    if (copy == NULL) {
        fail_memory();
    }
    return copy;
}

static void add_path(struct file_list *list, const char *path) {
    list->paths = make_room(list->paths, list->count, sizeof *list->paths);
    list->paths[list->count++] = copy_path(path);
}

static void leave_out(struct file_list *list, const char *path, const char *reason) {
    list->left_out = make_room(list->left_out, list->left_out_count, sizeof *list->left_out);
    list->left_out[list->left_out_count++] = (struct left_out){.path = copy_path(path), .reason = reason};
}

/* A folder that is being listed, and the one that contains it. */
struct folder {
    const struct folder *parent; /* NULL: it was named */
    dev_t device;
    ino_t number;
};

static bool is_within(const struct folder *folder, const struct stat *status) {
    for (; folder != NULL; folder = folder->parent) {
        if (folder->device == status->st_dev && folder->number == status->st_ino) {
            return true;
        }
    }
    return false;
}

static const char *name_kind(mode_t mode) {
    return S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

static bool add_folder(struct file_list *list, const char *path, const struct folder *parent,
                       const struct stat *status);

static void add_entry(struct file_list *list, const char *path, const struct folder *folder) {
    struct stat status;
    const bool is_there = stat(path, &status) == 0;
    if (!is_there || S_ISREG(status.st_mode)) {
        if (is_there && !list->as_bytes && input_is_something_else(path)) {
            leave_out(list, path, "no program");
            return;
        }
        add_path(list, path);
        return;
    }
    if (!S_ISDIR(status.st_mode)) {
        leave_out(list, path, name_kind(status.st_mode));
    } else if (is_within(folder, &status)) {
        leave_out(list, path, "a link to a folder that contains it");
    } else if (!add_folder(list, path, folder, &status)) {
        add_path(list, path);
    }
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* By bytes, not by the user's locale, so that every machine lists in one order. */
static int compare_names(const struct dirent **left, const struct dirent **right) {
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* Returns false iff the folder cannot be read. The way down ends: a path has PATH_MAX bytes
 * at most. */
static bool add_folder(struct file_list *list, const char *path, const struct folder *parent,
                       const struct stat *status) {
    const struct folder folder = {.parent = parent, .device = status->st_dev, .number = status->st_ino};
    struct dirent **entries;
    const int count = scandir(path, &entries, is_visible, compare_names);
    for (int i = 0; i < count; i++) {
        const size_t size = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *const entry = malloc(size);
        if (entry == NULL) {
            fail_memory();
        }
        snprintf(entry, size, "%s/%s", path, entries[i]->d_name);
        add_entry(list, entry, &folder);
        free(entry);
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return count >= 0;
}

enum exit_code file_list_add(struct file_list *list, const char *path) {
    struct stat status;
    const size_t count = list->count;
    const size_t left_out_count = list->left_out_count;
    if (strcmp(path, "-") == 0 || stat(path, &status) != 0 || !S_ISDIR(status.st_mode) ||
        !add_folder(list, path, NULL, &status)) {
        add_path(list, path);
        return EXIT_SOUND;
    }
    if (list->count == count) {
        file_list_print_left_out(list, left_out_count, stderr);
        fprintf(stderr,
                "kmemfuzz: there is no program in %s; name a folder that holds some, such as corpus/seeds\n",
                shown(path));
        return EXIT_USAGE;
    }
    return EXIT_SOUND;
}

void file_list_print_left_out(const struct file_list *list, size_t first, FILE *stream) {
    for (size_t i = first; i < list->left_out_count; i++) {
        fprintf(stream, "left out  %s: %s\n", shown(list->left_out[i].path), list->left_out[i].reason);
    }
}

void file_list_close(struct file_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->paths[i]);
    }
    for (size_t i = 0; i < list->left_out_count; i++) {
        free(list->left_out[i].path);
    }
    free(list->paths);
    free(list->left_out);
    *list = (struct file_list){.paths = NULL, .count = 0};
}
