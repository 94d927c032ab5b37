/* Diagnoses and their files. diagnosis.h is the contract. */
#include "fuzz/tool/diagnosis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/host/host.h"
#include "fuzz/host/output.h"
#include "fuzz/report/html.h"
#include "fuzz/report/reproducer.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

/* Finding out. */

enum exit_code diagnosis_make(const char *path, const struct input *input, struct diagnosis *diagnosis) {
    *diagnosis = (struct diagnosis){.path = path, .input = input};
    const enum exit_code code =
        reduced_make(path, host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), &input->program, &diagnosis->reduced);
    if (code == EXIT_SOUND || code == EXIT_VIOLATION) {
        diagnosis->recording =
            recording_make(code == EXIT_SOUND ? &input->program : &diagnosis->reduced.program);
    }
    return code;
}

void diagnosis_close(struct diagnosis *diagnosis) {
    recording_close(&diagnosis->recording);
    reduced_close(&diagnosis->reduced);
}

/* Files. */

static const char *const endings[DIAGNOSIS_FILE_COUNT] = {[DIAGNOSIS_REDUCED] = ".reduced",
                                                          [DIAGNOSIS_TEXT] = ".reduced.ops",
                                                          [DIAGNOSIS_C] = ".c",
                                                          [DIAGNOSIS_PAGE] = ".html"};

struct diagnosis_files diagnosis_files_open(const char *prefix) {
    struct diagnosis_files files;
    for (size_t i = 0; i < DIAGNOSIS_FILE_COUNT; i++) {
        files.paths[i] = NULL;
        if (i == DIAGNOSIS_C && !reproducer_is_possible()) {
            continue;
        }
        const size_t size = strlen(prefix) + strlen(endings[i]) + 1;
        files.paths[i] = malloc(size);
        if (files.paths[i] == NULL) {
            abort(); /* a path */
        }
        snprintf(files.paths[i], size, "%s%s", prefix, endings[i]);
    }
    return files;
}

void diagnosis_files_close(struct diagnosis_files *files) {
    for (size_t i = 0; i < DIAGNOSIS_FILE_COUNT; i++) {
        free(files->paths[i]);
        files->paths[i] = NULL;
    }
}

/* Writes one of the files to a stream; false: there is no memory for it. */
static bool print_file(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                       enum diagnosis_file file, FILE *stream) {
    const struct reduced *const reduced = &diagnosis->reduced;
    const char *const name = files->paths[DIAGNOSIS_REDUCED];
    switch (file) {
    case DIAGNOSIS_REDUCED:
        (void)fwrite(reduced->bytes, 1, reduced->size, stream);
        break;
    case DIAGNOSIS_TEXT:
        (void)text_print(&reduced->program, stream);
        break;
    case DIAGNOSIS_C:
        if (!reproducer_write(&reduced->program, &diagnosis->recording, name, stream)) {
            return false;
        }
        break;
    default:
        html_write(&diagnosis->recording, name, stream);
        break;
    }
    return ferror(stream) == 0;
}

/* One of the files in memory from malloc; false, with errno set, when there is none for it. */
static bool make_file(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                      enum diagnosis_file file, struct output *output) {
    char *bytes = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&bytes, &size);
    const bool printed = stream != NULL && print_file(diagnosis, files, file, stream);
    const bool whole = stream != NULL && fclose(stream) == 0 && printed;
    *output = (struct output){.path = files->paths[file], .bytes = (const uint8_t *)bytes, .size = size};
    return whole;
}

static enum exit_code fail(const char *path, const char *what) {
    fprintf(stderr, "kmemfuzz: %s cannot be explained: %s: %s\n", input_name(path), what, strerror(errno));
    return EXIT_ENVIRONMENT;
}

/* Whether the file is there, as it would be written. */
static bool is_there(const struct output *output) {
    FILE *const stream = fopen(output->path, "rb");
    if (stream == NULL) {
        return false;
    }
    size_t same = 0;
    while (same < output->size && getc(stream) == output->bytes[same]) {
        same++;
    }
    const bool whole = same == output->size && getc(stream) == EOF;
    (void)fclose(stream);
    return whole;
}

/* Moves the files that have yet to be written to the front. Returns how many those are; or prints which of
 * them is another's and returns SIZE_MAX. */
static size_t choose_missing(struct output *outputs, size_t count) {
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        if (is_there(&outputs[i])) {
            continue;
        }
        if (lstat(outputs[i].path, &status) == 0) {
            fprintf(
                stderr,
                "kmemfuzz: %s exists and differs, so nothing is written; choose another place with -o, or "
                "--force to replace it\n",
                shown(outputs[i].path));
            return SIZE_MAX;
        }
        const struct output output = outputs[i];
        outputs[i] = outputs[missing];
        outputs[missing++] = output;
    }
    return missing;
}

enum exit_code diagnosis_write(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                               bool replace) {
    struct output outputs[DIAGNOSIS_FILE_COUNT] = {{.path = NULL}};
    size_t count = 0;
    bool whole = true;
    for (size_t i = 0; i < DIAGNOSIS_FILE_COUNT && whole; i++) {
        if (files->paths[i] != NULL) {
            whole = make_file(diagnosis, files, (enum diagnosis_file)i, &outputs[count++]);
        }
    }
    const size_t missing = whole && !replace ? choose_missing(outputs, count) : count;
    enum exit_code code = EXIT_SOUND;
    if (!whole) {
        code = fail(diagnosis->path, "no memory for its files");
    } else if (missing == SIZE_MAX) {
        code = EXIT_USAGE;
    } else if (missing != 0) {
        code = output_write_all(outputs, missing, replace);
    }
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)outputs[i].bytes);
    }
    return code;
}
