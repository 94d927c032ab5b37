/* The page of a run. html.h is the contract.
 *
 * The run is a JSON object in a script element that is not run. What its members are:
 *
 *     file, title, sentence, facts [[name, value]], said      the report, in words
 *     heap {pageSize, pageCount, pageLimit, headerSize}       bytes, pages at first, pages at most, bytes
 *          shown                                              false: free is what no payload takes
 *          anywhere                                           true: gaps have no size
 *          shownEnd                                           where the part that is shown first ends
 *     words [word]                                            the legend's, by enum picture_part, or ""
 *     program [line]                                          the lines of its text before the operations
 *     end "sound", "violation" or "died"; failed              the index of the operation that failed, or null
 *     extents [{offset, size, what}]                          the bytes that the failure is about
 *     first [block]                                           the heap before the first operation
 *     steps [[text, outcome, 1 in the recovery, pages, changes]]
 *
 * A block is its size when it is free, or [size, slot or -1, bytes asked for, operation that made it]; a
 * change is [index, blocks taken out, block put in...]. Offsets follow from the sizes. */
#include "fuzz/report/html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/host/extent.h"
#include "fuzz/host/picture.h"
#include "fuzz/report/explain.h"
#include "fuzz/report/page.h"
#include "fuzz/report/summary.h"
#include "fuzz/text/text.h"

#define EXACT_MAXIMUM (UINT64_C(1) << 53) /* larger whole numbers are not exact in a script */

/* A JSON string. Nothing in it can end a script element or be read as markup. */
static void write_string(const char *text, FILE *stream) {
    fputc('"', stream);
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f || strchr("\"\\<>&'", byte) != NULL) {
            fprintf(stream, "\\u%04x", byte);
        } else {
            fputc(byte, stream);
        }
    }
    fputc('"', stream);
}

static void write_run_member(const char *name, const char *value, FILE *stream) {
    fprintf(stream, "\"%s\":", name);
    write_string(value, stream);
    fputs(",\n", stream);
}

static void write_summary(const struct recording *recording, FILE *stream) {
    struct summary summary;
    summary_make(recording, &summary);
    write_run_member("title", summary.title, stream);
    write_run_member("sentence", summary.sentence, stream);
    fputs("\"facts\":[", stream);
    for (size_t i = 0; i < summary.fact_count; i++) {
        fputs(i == 0 ? "[" : ",[", stream);
        write_string(summary.facts[i].name, stream);
        fputc(',', stream);
        write_string(summary.facts[i].value, stream);
        fputc(']', stream);
    }
    fputs("],\n", stream);
    write_run_member("said", recording_died(recording) ? recording->outcome.report : "", stream);
}

/* The lines of the program's text before its operations. */
static void write_program_head(const struct program_header *header, FILE *stream) {
    const struct program head = {.header = *header};
    size_t size;
    char *const text = text_make(&head, &size);
    if (text == NULL) {
        abort(); /* a few hundred bytes */
    }
    fputs("\"program\":[", stream);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        fputs(line == text ? "" : ",", stream);
        write_string(line, stream);
    }
    fputs("],\n", stream);
    free(text);
}

static void write_size(uint64_t size, FILE *stream) {
    fprintf(stream, size <= EXACT_MAXIMUM ? "%" PRIu64 : "\"%" PRIu64 "\"", size);
}

static void write_run_block(const struct history_block *block, FILE *stream) {
    if (block->slot == HISTORY_FREE) {
        write_size(block->size, stream);
        return;
    }
    fputc('[', stream);
    write_size(block->size, stream);
    if (block->slot == HISTORY_NOBODY) {
        fputs(",-1,0,0]", stream);
    } else {
        fprintf(stream, ",%" PRIu32 ",%" PRIu64 ",%" PRIu32 "]", block->slot, block->request, block->made_by);
    }
}

/* Writes the step at *change and *block of the history's, and moves both past it. */
static void write_run_step(const struct history *history, const struct history_step *step, size_t *change,
                           size_t *block, FILE *stream) {
    char operation[TEXT_OPERATION_SIZE];
    char outcome[EXPLAIN_OUTCOME_SIZE];
    const bool died = history->under_way && step == &history->steps[history->step_count - 1];
    fputc('[', stream);
    write_string(text_operation(&step->step.operation, operation), stream);
    fputc(',', stream);
    write_string(died ? "-> died" : explain_outcome(&step->step, outcome), stream);
    fprintf(stream, ",%d,%" PRIu32 ",[", step->step.recovery, step->page_count);
    for (uint32_t i = 0; i < step->change_count; i++, (*change)++) {
        const struct history_change *const made = &history->changes[*change];
        fprintf(stream, "%s[%" PRIu32 ",%" PRIu32, i == 0 ? "" : ",", made->first, made->removed_count);
        for (uint32_t k = 0; k < made->inserted_count; k++, (*block)++) {
            fputc(',', stream);
            write_run_block(&history->blocks[*block], stream);
        }
        fputc(']', stream);
    }
    fputs("]]", stream);
}

static void write_steps(const struct history *history, FILE *stream) {
    size_t change = 0;
    size_t block = history->first_block_count;
    fputs("\"first\":[", stream);
    for (size_t i = 0; i < history->first_block_count; i++) {
        fputs(i == 0 ? "" : ",", stream);
        write_run_block(&history->blocks[i], stream);
    }
    fputs("],\n\"steps\":[", stream);
    for (size_t i = 0; i < history->step_count; i++) {
        fputs(i == 0 ? "\n" : ",\n", stream);
        write_run_step(history, &history->steps[i], &change, &block, stream);
    }
    fputs("]", stream);
}

static void write_failure(const struct history *history, FILE *stream) {
    static const char *const ends[] = {
        [HISTORY_CUT_OFF] = "died", [HISTORY_SOUND] = "sound", [HISTORY_VIOLATION] = "violation"};
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    const size_t count = extent_find_last(history, extents);
    const size_t failed = history_failed_step(history);
    write_run_member("end", ends[history->end], stream);
    fputs("\"failed\":", stream);
    fprintf(stream, failed < history->step_count ? "%zu" : "null", failed);
    fputs(",\n\"extents\":[", stream);
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "%s{\"offset\":%" PRId64 ",\"size\":%" PRIu64 ",\"what\":", i == 0 ? "" : ",",
                extents[i].offset, extents[i].size);
        write_string(extents[i].what, stream);
        fputc('}', stream);
    }
    fputs("],\n", stream);
}

/* What the legend calls the parts of a heap. */
static void write_words(const struct history *history, FILE *stream) {
    fputs("\"words\":[", stream);
    for (size_t i = 0; i < PICTURE_PART_COUNT; i++) {
        const char *const word = picture_word(history, (enum picture_part)i);
        fputs(i == 0 ? "" : ",", stream);
        write_string(word == NULL ? "" : word, stream);
    }
    fputs("],\n", stream);
}

static void write_run(const struct recording *recording, const char *name, FILE *stream) {
    const struct history *const history = recording->history;
    fputs("{\n", stream);
    write_run_member("file", name, stream);
    write_summary(recording, stream);
    fprintf(stream,
            "\"heap\":{\"pageSize\":%zu,\"pageCount\":%zu,\"pageLimit\":%zu,\"headerSize\":%zu,\"shown\":%s,"
            "\"anywhere\":%s,\"shownEnd\":%" PRIu64 "},\n",
            history->geometry.page_size, history->geometry.page_count, history->page_limit,
            history->header_size, history->shown ? "true" : "false", history->anywhere ? "true" : "false",
            picture_end(history));
    write_words(history, stream);
    write_program_head(&history->header, stream);
    write_failure(history, stream);
    write_steps(history, stream);
    fputs("\n}\n", stream);
}

static bool is_mark(const char *line, size_t length, const char *mark) {
    return length == strlen(mark) && memcmp(line, mark, length) == 0;
}

/* One line of the page's frame, or what replaces it. */
static void write_line(const char *line, size_t length, const struct recording *recording, const char *name,
                       FILE *stream) {
    if (is_mark(line, length, "@style")) {
        fputs(page_colours, stream);
        fputs(page_css, stream);
    } else if (is_mark(line, length, "@run")) {
        write_run(recording, name, stream);
    } else if (is_mark(line, length, "@scripts")) {
        fputs(page_run_js, stream);
        fputs(page_draw_js, stream);
        fputs(page_page_js, stream);
    } else {
        fprintf(stream, "%.*s\n", (int)length, line);
    }
}

void html_write(const struct recording *recording, const char *name, FILE *stream) {
    for (const char *line = page_html; *line != '\0';) { /* to the end of a constant */
        const size_t length = strcspn(line, "\n");
        write_line(line, length, recording, name, stream);
        line += length + (line[length] == '\n');
    }
}
