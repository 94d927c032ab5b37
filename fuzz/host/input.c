/* Reading programs. input.h is the contract. */
#include "fuzz/host/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

#define FIRST_CAPACITY ((size_t)4096) /* bytes */

/* Reading. */

static bool is_standard_input(const char *path) {
    return strcmp(path, "-") == 0;
}

const char *input_name(const char *path) {
    return is_standard_input(path) ? "standard input" : shown(path);
}

static enum exit_code fail_read(const char *path) {
    fprintf(stderr, "kmemfuzz: cannot read %s: %s\n", input_name(path), strerror(errno));
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

/* All of a file, in memory from malloc. NULL, with errno set, when that fails. */
static uint8_t *read_file(const char *path, size_t *size) {
    if (is_standard_input(path)) {
        return read_all(stdin, size);
    }
    FILE *const stream = fopen(path, "rb");
    if (stream == NULL) {
        return NULL;
    }
    uint8_t *const bytes = read_all(stream, size);
    const int read_error = errno;
    fclose(stream);
    errno = read_error;
    return bytes;
}

enum exit_code input_read(const char *path, uint8_t **bytes, size_t *size) {
    *bytes = read_file(path, size);
    return *bytes == NULL ? fail_read(path) : EXIT_SOUND;
}

/* What a file holds. */

enum form {
    FORM_BYTES,
    FORM_TEXT,
    FORM_NEITHER,
};

/* Is this the name of a file that a fuzzer saved? One with an ending was written next to it by us. */
static bool is_saved_name(const char *path) {
    static const char *const prefixes[] = {"crash-", "timeout-",   "oom-",
                                           "leak-",  "slow-unit-", "minimized-from-"};
    static const char *const afl_prefixes[] = {"id:", "id_"}; /* the second where a name can have no colon */
    const char *const slash = strrchr(path, '/');
    const char *const name = slash == NULL ? path : slash + 1;
    const size_t length = strlen(name);
    if (length == 40 && strspn(name, "0123456789abcdef") == length) {
        return true;
    }
    for (size_t i = 0; i < sizeof afl_prefixes / sizeof *afl_prefixes; i++) {
        const size_t size = strlen(afl_prefixes[i]);
        if (strncmp(name, afl_prefixes[i], size) == 0 && strspn(name + size, "0123456789") >= 6) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return strchr(name, '.') == NULL;
        }
    }
    return false;
}

/* Is it UTF-8 without the controls that no text has? Those that it may have are file(1)'s: from BEL to CR
 * without VT, and ESC. */
static bool is_printable(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i += utf8_size(bytes + i, size - i)) {
        const uint8_t byte = bytes[i];
        const bool is_control = byte < ' ' || byte == 0x7f;
        if ((is_control && (byte < '\a' || byte > '\r' || byte == '\v') && byte != 0x1b) ||
            utf8_size(bytes + i, size - i) == 0) {
            return false;
        }
    }
    return true;
}

static enum form form_of(const char *path, const uint8_t *bytes, size_t size) {
    if (text_is_text(bytes, size)) {
        return FORM_TEXT;
    }
    return size == 0 || is_saved_name(path) || !is_printable(bytes, size) ? FORM_BYTES : FORM_NEITHER;
}

static bool is_named_program(const char *path) {
    static const char ending[] = ".ops";
    const size_t length = strlen(path);
    return length >= sizeof ending - 1 && strcmp(path + length - (sizeof ending - 1), ending) == 0;
}

bool input_is_something_else(const char *path) {
    size_t size;
    uint8_t *const bytes = read_file(path, &size);
    const bool is_readable = bytes != NULL;
    const bool is_neither = is_readable && form_of(path, bytes, size) == FORM_NEITHER;
    free(bytes);
    return is_neither && !is_named_program(path);
}

/* Programs. */

/* Replaces the text, or what should be one, by the bytes it means. */
static enum exit_code parse_text(const char *path, struct input *input) {
    uint8_t *bytes;
    size_t size;
    struct text_error error;
    const bool parsed = text_parse(input->bytes, input->size, &bytes, &size, &error);
    free(input->bytes);
    input->bytes = NULL;
    if (!parsed && error.line == 0) { /* nothing is wrong with the text */
        errno = ENOMEM;
        return fail_read(path);
    }
    if (!parsed) {
        fprintf(stderr, "%s:%zu:%zu: error: %s%s\n", input_name(path), error.line, error.column,
                error.message, input->was_text ? "" : "; --bytes takes any file as bytes");
        return EXIT_USAGE;
    }
    input->bytes = bytes;
    input->size = size;
    return EXIT_SOUND;
}

enum exit_code input_open(const char *path, bool as_bytes, struct input *input) {
    *input = (struct input){.bytes = NULL};
    enum exit_code code = input_read(path, &input->bytes, &input->size);
    if (code != EXIT_SOUND) {
        return code;
    }
    if (input->size == 0) {
        fprintf(stderr, "kmemfuzz: %s is empty: a program with no operation\n", input_name(path));
    }
    const enum form form = as_bytes ? FORM_BYTES : form_of(path, input->bytes, input->size);
    input->was_text = form == FORM_TEXT;
    if (form != FORM_BYTES) {
        code = parse_text(path, input);
    }
    if (code == EXIT_SOUND) {
        input->program = program_decode(input->bytes, input->size);
    }
    return code;
}

void input_close(struct input *input) {
    free(input->bytes);
    input->bytes = NULL;
}
