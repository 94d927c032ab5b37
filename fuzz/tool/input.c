/* Reading programs and lists of files. input.h is the contract. */
#include "fuzz/tool/input.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/program/text.h"

#define FIRST_CAPACITY ((size_t)4096) /* bytes */

/* Reading. */

static enum exit_code fail_read(const char *path) {
    fprintf(stderr, "kmemfuzz: cannot read %s: %s\n", path, strerror(errno));
    return EXIT_ENVIRONMENT;
}

/* The rest of a stream, in memory from malloc. NULL, with errno set, when that fails. Every turn but the last
 * doubles the capacity, up to a byte more than there may be. */
static uint8_t *read_all(FILE *stream, size_t *size) {
    size_t capacity = FIRST_CAPACITY;
    uint8_t *bytes = malloc(capacity);
    *size = 0;
    while (bytes != NULL) {
        *size += fread(bytes + *size, 1, capacity - *size, stream);
        if (*size < capacity || *size > INPUT_SIZE_MAXIMUM) {
            break;
        }
        capacity = capacity < INPUT_SIZE_MAXIMUM ? capacity * 2 : INPUT_SIZE_MAXIMUM + 1;
        uint8_t *const larger = realloc(bytes, capacity);
        if (larger == NULL) {
            free(bytes);
        }
        bytes = larger;
    }
    if (bytes != NULL && (ferror(stream) || *size > INPUT_SIZE_MAXIMUM)) {
        errno = ferror(stream) ? errno : EFBIG;
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

static enum exit_code parse_text(const char *path, struct input *input) {
    uint8_t *bytes;
    size_t size;
    struct text_error error;
    const bool parsed = text_parse(input->bytes, input->size, &bytes, &size, &error);
    free(input->bytes);
    input->bytes = NULL;
    if (!parsed) {
        if (error.line == 0) { /* nothing is wrong with the text */
            errno = ENOMEM;
            return fail_read(path);
        }
        fprintf(stderr, "%s:%zu:%zu: error: %s\n", path, error.line, error.column, error.message);
        return EXIT_USAGE;
    }
    input->bytes = bytes;
    input->size = size;
    return EXIT_SOUND;
}

enum exit_code input_read(const char *path, uint8_t **bytes, size_t *size) {
    const bool is_standard_input = strcmp(path, "-") == 0;
    FILE *const stream = is_standard_input ? stdin : fopen(path, "rb");
    *bytes = NULL;
    if (stream == NULL) {
        return fail_read(path);
    }
    *bytes = read_all(stream, size);
    const int read_error = errno;
    if (!is_standard_input) {
        fclose(stream);
    }
    if (*bytes == NULL) {
        errno = read_error;
        return fail_read(path);
    }
    return EXIT_SOUND;
}

enum exit_code input_open(const char *path, struct input *input) {
    *input = (struct input){.bytes = NULL};
    const enum exit_code read = input_read(path, &input->bytes, &input->size);
    if (read != EXIT_SOUND) {
        return read;
    }
    input->was_text = text_is_text(input->bytes, input->size);
    if (input->was_text) {
        const enum exit_code code = parse_text(path, input);
        if (code != EXIT_SOUND) {
            return code;
        }
    }
    input->program = program_decode(input->bytes, input->size);
    return EXIT_SOUND;
}

void input_close(struct input *input) {
    free(input->bytes);
    input->bytes = NULL;
}

/* Lists. */

static enum exit_code append(struct file_list *list, const char *path) {
    char **const paths = realloc(list->paths, (list->count + 1) * sizeof *paths);
    if (paths == NULL) {
        return fail_read(path);
    }
    list->paths = paths;
    paths[list->count] = strdup(path);
    if (paths[list->count] == NULL) {
        return fail_read(path);
    }
    list->count++;
    return EXIT_SOUND;
}

/* Not a hidden file, and not a text about the programs beside it. */
static int is_wanted(const struct dirent *entry) {
    const char *const ending = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && (ending == NULL || strcmp(ending, ".md") != 0);
}

/* By bytes, not by the user's locale, so that every machine lists in one order. */
static int compare_names(const struct dirent **left, const struct dirent **right) {
    return strcmp((*left)->d_name, (*right)->d_name);
}

static enum exit_code append_folder(struct file_list *list, const char *folder) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_wanted, compare_names);
    if (count < 0) {
        return fail_read(folder);
    }
    enum exit_code code = EXIT_SOUND;
    for (int i = 0; i < count; i++) {
        const size_t size = strlen(folder) + strlen(entries[i]->d_name) + 2;
        char *const path = malloc(size);
        if (path == NULL) {
            code = fail_read(folder);
        }
        if (code == EXIT_SOUND) {
            snprintf(path, size, "%s/%s", folder, entries[i]->d_name);
            code = file_list_add(list, path);
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return code;
}

enum exit_code file_list_add(struct file_list *list, const char *path) {
    struct stat status;
    if (strcmp(path, "-") == 0) {
        return append(list, path);
    }
    if (stat(path, &status) != 0) {
        return fail_read(path);
    }
    return S_ISDIR(status.st_mode) ? append_folder(list, path) : append(list, path);
}

void file_list_close(struct file_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->paths[i]);
    }
    free(list->paths);
    *list = (struct file_list){.paths = NULL, .count = 0};
}
