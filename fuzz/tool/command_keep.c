/* kmemfuzz keep: a program that failed, kept so that it never fails again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/host/host.h"
#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/host/own_heap.h"
#include "fuzz/host/reduced.h"
#include "fuzz/host/tree.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"
#include "fuzz/tool/command.h"

#define FOLDER            "corpus/regressions"
#define OWN_FOLDER        "/regressions" /* in that of a heap of the user's */
#define SUFFIX            ".ops"
#define NAME_SIZE_MAXIMUM ((size_t)100) /* bytes, without the NUL */
#define NAME_CHARACTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

struct options {
    const char *source;
    const char *name;
    bool as_bytes;
};

/* The file. */

/* The folder of the regressions of a heap of the user's, which is made if need be: from malloc; NULL, and why
 * has been said. */
static char *make_own_folder(const char *place) {
    const size_t size = strlen(place) + sizeof OWN_FOLDER;
    char *const folder = malloc(size);
    if (folder == NULL) {
        abort(); /* a path */
    }
    snprintf(folder, size, "%s" OWN_FOLDER, place);
    if ((mkdir(place, 0777) != 0 && errno != EEXIST) || (mkdir(folder, 0777) != 0 && errno != EEXIST)) {
        fprintf(stderr, "kmemfuzz: cannot make the folder %s: %s\n", shown(folder), strerror(errno));
        free(folder);
        return NULL;
    }
    return folder;
}

/* The path of the regression, from malloc; NULL, and why has been said. */
static char *choose_path(const char *name) {
    const char *const own = getenv(OWN_HEAP_FOLDER);
    char *const folder = own == NULL ? tree_find(FOLDER) : make_own_folder(own);
    if (folder == NULL) {
        return NULL;
    }
    const size_t size = strlen(folder) + strlen(name) + sizeof "/" SUFFIX;
    char *const path = malloc(size);
    if (path == NULL) {
        abort(); /* a path */
    }
    snprintf(path, size, "%s/%s%s", folder, name, SUFFIX);
    free(folder);
    return path;
}

/* The program as text with its comment below the first line, where comments may be; from malloc. */
static char *make_text(const struct program *program, const struct failure *failure, size_t *size) {
    char *text = NULL;
    char what[FAILURE_TEXT_SIZE];
    size_t plain_size;
    char *const plain = text_make(program, &plain_size);
    FILE *const stream = open_memstream(&text, size);
    if (stream == NULL || plain == NULL) {
        abort(); /* a few times the size of a file that was just read */
    }
    const size_t first = strcspn(plain, "\n") + 1;
    fwrite(plain, 1, first, stream);
    if (failure->kind == FAILURE_NONE) {
        fputs("# Kept when it was sound already, as it was: what it showed before is not known.\n", stream);
    } else {
        fprintf(stream, "# Failed by %s. Reduced: no operation can be left out.\n",
                failure_text(failure, what));
    }
    fwrite(plain + first, 1, plain_size - first, stream);
    if (fclose(stream) != 0) {
        abort();
    }
    free(plain);
    return text;
}

static void print_kept(const struct input *input, const struct reduced *reduced, const char *path) {
    char what[FAILURE_TEXT_SIZE];
    const size_t before = input->program.operation_count;
    if (reduced->failure.kind == FAILURE_NONE) {
        printf("%s: sound in this build, so kept as it is, with %zu operation%s\n", shown(path), before,
               before == 1 ? "" : "s");
    } else {
        printf("%s: fails by %s, %zu operation%s reduced to %zu\n", shown(path),
               failure_text(&reduced->failure, what), before, before == 1 ? "" : "s",
               reduced->program.operation_count);
    }
    if (getenv(OWN_HEAP_FOLDER) == NULL) {
        printf("\nFrom now on ./ci/replay requires it to be sound in three builds, kmemfuzz board on the "
               "boards, "
               "and\n./ci/fuzz starts from it.");
    } else {
        printf("\nFrom now on ");
        command_print_word("kmemfuzz", "run", stdout);
        printf(" requires it to be sound,\n");
        command_print_word("kmemfuzz", "board", stdout);
        printf(" on the boards, and ");
        command_print_word("kmemfuzz", "fuzz", stdout);
        printf("\nstarts from it.");
    }
    printf(" Next:\n"
           "  1. Fix the bug, until ");
    command_print_word("kmemfuzz", "run", stdout);
    putchar(' ');
    shown_print_word(path, stdout);
    printf(" says it is sound.\n"
           "  2. In the comment below its first line, say what was wrong.\n"
           "  3. git add ");
    shown_print_word(path, stdout);
    printf(", and commit it with the change that fixes the bug.\n");
}

static enum exit_code keep_program(const struct input *input, const struct options *options,
                                   const char *path) {
    struct reduced reduced;
    enum exit_code code =
        reduced_make(options->source, host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), &input->program, &reduced);
    if (code == EXIT_SOUND || code == EXIT_VIOLATION) {
        size_t size;
        char *const text =
            make_text(code == EXIT_SOUND ? &input->program : &reduced.program, &reduced.failure, &size);
        code = output_write(path, (const uint8_t *)text, size, false);
        free(text);
        if (code == EXIT_SOUND) {
            print_kept(input, &reduced, path);
        }
        reduced_close(&reduced);
    }
    return code;
}

/* Says at once, before any work, that a name is in use. */
static enum exit_code refuse_existing(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) {
        return EXIT_SOUND;
    }
    fprintf(stderr, "kmemfuzz: %s exists; choose another name, as a kept program is never replaced\n",
            shown(path));
    return EXIT_USAGE;
}

static enum exit_code keep_file(const struct options *options) {
    struct input input;
    enum exit_code code = input_open(options->source, options->as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    char *const path = choose_path(options->name);
    code = path == NULL ? EXIT_ENVIRONMENT : refuse_existing(path);
    if (code == EXIT_SOUND) {
        code = keep_program(&input, options, path);
    }
    free(path);
    input_close(&input);
    return code;
}

/* Arguments. */

static bool is_name(const char *name) {
    const size_t length = strlen(name);
    return length != 0 && length <= NAME_SIZE_MAXIMUM && strspn(name, NAME_CHARACTERS) == length &&
           *name != '-';
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    if (options->name == NULL) {
        return command_misuse(&command_keep, "it takes a program and the name to keep it by");
    }
    if (!is_name(options->name)) {
        return command_misuse(
            &command_keep,
            "'%s' is not a valid name: it may have letters, digits, - and _, at most %zu, and begins "
            "with no -; such as merge-left-forgotten",
            shown(options->name), NAME_SIZE_MAXIMUM);
    }
    return keep_file(options);
}

static const struct command_option table[] = {
    OPERAND(source),
    OPERAND(name),
    FLAG("--bytes", as_bytes, COMMAND_HELP_BYTES),
};

const struct command command_keep = {
    .name = "keep",
    .synopsis = "FILE NAME [OPTION...]",
    .summary = "reduce a failing program and keep it as a test",
    .help =
        "FILE is a failing program, text or binary; - is standard input. It is reduced and written\n"
        "as text to corpus/regressions/NAME.ops in the tree that this tool was built from, with a\n"
        "comment that says what it broke; from then on ./ci/replay, kmemfuzz board and kmemfuzz fuzz\n"
        "run it. Of a heap of your own it goes to HEAP.fuzz/regressions. Let NAME say what was wrong, in\n"
        "letters, digits, - and _; a name in use is refused.\n"
        "Use the build that still has the bug: a program that is sound cannot be reduced and is kept\n"
        "as it is.\n",
    .end = "Exit codes: 0 kept, 2 a wrong argument, an error in a text, or a name in use, 3 a file that\n"
           "cannot be read or written, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz keep crash-1a2b merge-left-forgotten\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .run = run,
};
