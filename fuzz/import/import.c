/* Logs to programs: lines, the heap that fits, the text. import.h is the contract. */
#include "fuzz/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/execute/model.h"
#include "fuzz/import/import_build.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

#define HEADER_SIZE       ((size_t)8)    /* bytes */
#define LARGEST_PAGE_SIZE ((size_t)4096) /* bytes */

/* Formats. */

static const struct format {
    const char *name;
    import_parse *parse;
    bool (*is)(struct import_text line);
} formats[IMPORT_FORMAT_COUNT] = {
    [IMPORT_FORMAT_PLAIN] = {"plain", import_parse_plain, import_is_plain},
    [IMPORT_FORMAT_MTRACE] = {"mtrace", import_parse_mtrace, import_is_mtrace},
    [IMPORT_FORMAT_LTRACE] = {"ltrace", import_parse_ltrace, import_is_ltrace},
};

const char *import_format_name(enum import_format format) {
    return format < IMPORT_FORMAT_COUNT ? formats[format].name : "none";
}

enum import_format import_find_format(const char *name) {
    int format = 0;
    while (format < IMPORT_FORMAT_COUNT && strcmp(name, formats[format].name) != 0) {
        format++;
    }
    return (enum import_format)format;
}

/* Takes the next line, without its newline, off the front of a log that is not empty. */
static struct import_text next_line(struct import_text *log) {
    const char *const end = memchr(log->start, '\n', log->size);
    const size_t size = end == NULL ? log->size : (size_t)(end - log->start);
    const size_t taken = end == NULL ? size : size + 1;
    const struct import_text line = {.start = log->start, .size = size};
    log->start += taken;
    log->size -= taken;
    return line;
}

enum import_format import_detect(const char *log, size_t size) {
    struct import_text rest = {.start = log, .size = size};
    while (rest.size != 0) { /* a line less each time */
        struct import_text line = next_line(&rest);
        struct import_text copy = line;
        const struct import_text word = import_word(&copy);
        if (word.size == 0 || *word.start == '#') {
            continue;
        }
        int format = 0;
        while (format < IMPORT_FORMAT_COUNT && !formats[format].is(line)) {
            format++;
        }
        return (enum import_format)format;
    }
    return IMPORT_FORMAT_COUNT;
}

/* Reading. */

/* What a log leaves half said. */
static void close_state(struct import_build *build, const struct import_state *state) {
    if (state->moving.size != 0) {
        import_build_problem(build, "the log ends in the middle of a realloc");
    }
    for (size_t i = 0; i < state->call_count; i++) {
        import_build_problem(build, "the log ends, and '%.*s' is unfinished",
                             IMPORT_SHOWN(state->calls[i].call));
    }
}

bool import_read(const char *log, size_t size, enum import_format format, struct import *import) {
    struct import_text rest = {.start = log, .size = size};
    struct import_state state = {.call_count = 0};
    struct import_build build = {.import = import};
    *import = (struct import){.format = format};
    while (rest.size != 0 && !build.failed) { /* a line less each time */
        char message[IMPORT_MESSAGE_SIZE];
        build.line++;
        const struct import_event event = formats[format].parse(&state, next_line(&rest), message);
        if (event.kind == IMPORT_BROKEN) {
            import_build_problem(&build, "%s", message);
        } else {
            import_build_event(&build, &event);
        }
    }
    close_state(&build, &state);
    import->header.version = 1;
    import->header.slot_count = PROGRAM_SLOT_COUNT_MINIMUM;
    while (import->header.slot_count < build.ids.slot_limit) { /* at most PROGRAM_SLOT_COUNT_MAXIMUM */
        import->header.slot_count *= 2;
    }
    import_ids_close(&build.ids);
    if (build.failed) {
        import_close(import);
    }
    return !build.failed;
}

/* The heap. */

/* Where each slot's payload is in the model. */
struct layout {
    struct model model;
    size_t *offsets; /* by slot */
    size_t end;      /* of the last block there ever was */
};

static struct prediction predict(struct layout *layout, const struct operation *operation) {
    struct model *const model = &layout->model;
    const uint64_t size = (uint64_t)operation->size.amount;
    switch (operation->kind) {
    case OPERATION_ALLOC:
    case OPERATION_ZALLOC:
        return model_alloc(model, HEADER_SIZE, size);
    case OPERATION_REALLOC:
        return model_realloc(model, layout->offsets[operation->slot], size);
    case OPERATION_FREE:
        return model_free(model, layout->offsets[operation->slot]);
    default:
        return model_nothing();
    }
}

/* The operations on the largest heap. First fit serves from the lowest address on, so a smaller heap gives
 * the same addresses as long as it holds them all. Returns the number of operations that went well. */
static size_t lay_out(const struct import *import, struct layout *layout) {
    for (size_t i = 0; i < import->operation_count; i++) {
        const struct operation *const operation = &import->operations[i].operation;
        const struct prediction predicted = predict(layout, operation);
        if (predicted.refusal != REFUSAL_NONE) {
            return i;
        }
        if (predicted.offset != MODEL_NOTHING) {
            const size_t end = predicted.offset + predicted.usable_size;
            layout->offsets[operation->slot] = predicted.offset;
            layout->end = end > layout->end ? end : layout->end;
        }
    }
    return import->operation_count;
}

/* The smallest heap of at least `size` bytes, in the smallest pages that are enough. */
static void choose_pages(struct program_header *header, size_t size) {
    header->page_size = program_format(header->version)->page_size_minimum;
    while (header->page_size * PROGRAM_PAGE_COUNT_MAXIMUM < size) { /* ends: size fits the largest */
        header->page_size *= 2;
    }
    header->page_count = (size + header->page_size - 1) / header->page_size;
    header->page_count += header->page_count == 0;
}

static void note_no_room(struct import *import, size_t operation) {
    struct import_build build = {.import = import, .line = import->operations[operation].line};
    build.problem_capacity = import->problem_count; /* grows by itself: what is there may be full */
    import_build_problem(&build,
                         "the largest heap, %zu bytes, is full here; cut the log off before this line",
                         PROGRAM_REGION_SIZE_MAXIMUM);
}

bool import_fit(struct import *import) {
    const size_t slot_count = import->header.slot_count;
    const size_t live_capacity = slot_count + 1; /* a payload that moves is live twice for a moment */
    struct live_block *const live = malloc(live_capacity * sizeof *live);
    struct layout layout = {.offsets = calloc(slot_count, sizeof *layout.offsets)};
    bool fits = false;
    if (live != NULL && layout.offsets != NULL) {
        model_start(&layout.model, &model_policy_undeclared, live, live_capacity, LARGEST_PAGE_SIZE,
                    PROGRAM_PAGE_COUNT_MAXIMUM, PROGRAM_PAGE_COUNT_MAXIMUM, 0);
        const size_t done = lay_out(import, &layout);
        fits = done == import->operation_count;
        if (fits) {
            choose_pages(&import->header, layout.end);
        } else {
            note_no_room(import, done);
        }
    }
    free(live);
    free(layout.offsets);
    return fits;
}

/* The text. */

void import_print(const struct import *import, const char *name, FILE *stream) {
    const struct program_header *const header = &import->header;
    fprintf(stream,
            TEXT_MAGIC " 1\n# Imported from %s, a log of format %s.\nheap page=%zu pages=%zu slots=%zu\n",
            shown(name), import_format_name(import->format), header->page_size, header->page_count,
            header->slot_count);
    for (size_t i = 0; i < import->operation_count; i++) {
        char text[TEXT_OPERATION_SIZE];
        fprintf(stream, "%-24s # line %zu\n", text_operation(&import->operations[i].operation, text),
                import->operations[i].line);
    }
}

void import_close(struct import *import) {
    free(import->operations);
    free(import->problems);
    *import = (struct import){.format = IMPORT_FORMAT_COUNT};
}
