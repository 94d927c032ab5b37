/* Diagnoses in words. diagnosis.h is the contract. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/host/picture.h"
#include "fuzz/host/terminal.h"
#include "fuzz/report/explain.h"
#include "fuzz/report/json.h"
#include "fuzz/report/map.h"
#include "fuzz/report/results.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"
#include "fuzz/tool/diagnosis.h"

#define JSON_FORMAT 1u /* of this document */

/* For a person. */

static void print_program_line(const char *line, size_t length, FILE *stream) {
    fprintf(stream, "           %.*s\n", (int)length, line);
}

/* The lines of the text before its first operation. */
static void print_program_head(const struct program *program, FILE *stream) {
    struct program head = *program;
    size_t size;
    head.operation_count = 0;
    char *const text = text_make(&head, &size);
    if (text == NULL) {
        abort(); /* a few hundred bytes */
    }
    for (const char *line = text; *line != '\0';) { /* on by a line each time */
        const char *end = line;
        while (*end != '\n' && *end != '\0') {
            end++;
        }
        print_program_line(line, (size_t)(end - line), stream);
        line = *end == '\0' ? end : end + 1;
    }
    free(text);
}

/* Every operation of the run, recovery included, with what it did; the one that failed is marked. */
static void print_program(const struct diagnosis *diagnosis, FILE *stream) {
    const struct history *const history = diagnosis->recording.history;
    const size_t failed = history_failed_step(history);
    fprintf(stream, "\n  program (number, operation, what it did)\n");
    print_program_head(&diagnosis->reduced.program, stream);
    for (size_t i = 0; i < history->step_count; i++) {
        const struct step *const step = &history->steps[i].step;
        const bool under_way = history->under_way && i + 1 == history->step_count;
        char line[EXPLAIN_STEP_SIZE];
        fprintf(stream, "  %c %s\n", i == failed ? '>' : ' ',
                explain_step(step, under_way ? "-> did not return" : NULL, line));
    }
}

/* The heap before the operation that failed, and after it. */
static void print_heaps(const struct diagnosis *diagnosis, FILE *stream) {
    const struct history *const history = diagnosis->recording.history;
    const size_t failed = history_failed_step(history);
    struct history_cursor cursor = history_cursor_open(history);
    struct picture picture;
    while (cursor.step < failed && history_cursor_advance(&cursor)) {
    }
    fprintf(stream, "\n  heap (%s)\n", picture_legend(history->shown));
    picture_draw_recorded(&picture, &cursor);
    fprintf(stream, "    before  %s\n", picture.text);
    if (history_cursor_advance(&cursor)) {
        picture_draw_recorded(&picture, &cursor);
        fprintf(stream, "    after   %s%s\n", picture.text,
                history->under_way ? "  (in the middle of the operation)" : "");
    }
    history_cursor_close(&cursor);
}

static void print_files(const struct diagnosis_files *files, FILE *stream) {
    static const char *const words[DIAGNOSIS_FILE_COUNT] = {
        [DIAGNOSIS_REDUCED] = "the reduced program, as a fuzzer takes it",
        [DIAGNOSIS_TEXT] = "the same as text, to read, edit and run",
        [DIAGNOSIS_C] = "the same in C, without the harness, to paste into a test",
        [DIAGNOSIS_PAGE] = "its run as a page for a browser, to step through"};
    bool is_first = true;
    for (size_t i = 0; i < DIAGNOSIS_FILE_COUNT; i++) {
        if (files->paths[i] != NULL) {
            const char *const path = shown(files->paths[i]);
            const char *const slash = strrchr(path, '/');
            const char *const name = slash == NULL ? path : slash + 1;
            if (is_first) { /* all are in one folder */
                fprintf(stream, "\n  written%s%.*s\n", slash == NULL ? "" : " in ", (int)(name - path), path);
            }
            is_first = false;
            fprintf(stream, "    %s: %s\n", name, words[i]);
        }
    }
}

void diagnosis_print(const struct diagnosis *diagnosis, const struct diagnosis_files *files, size_t width,
                     bool colour, FILE *stream) {
    const size_t before = diagnosis->input->program.operation_count;
    const size_t after = diagnosis->reduced.program.operation_count;
    fprintf(stream, "%s: %zu operation%s, ", input_name(diagnosis->path), before, before == 1 ? "" : "s");
    if (after < before) {
        fprintf(stream, "reduced to %zu\n\n", after);
    } else {
        fprintf(stream, "which cannot be made fewer\n\n");
    }
    map_print(&diagnosis->recording, width, colour, stream);
    print_program(diagnosis, stream);
    print_heaps(diagnosis, stream);
    if (files != NULL) {
        print_files(files, stream);
    }
}

/* For machines. */

/* What a person is shown, as one string. */
static void write_text(struct json *json, const struct diagnosis *diagnosis,
                       const struct diagnosis_files *files) {
    char *text = NULL;
    size_t size = 0;
    FILE *const memory = open_memstream(&text, &size);
    if (memory == NULL) {
        abort(); /* as below */
    }
    diagnosis_print(diagnosis, files, TERMINAL_PIPE_WIDTH, false, memory);
    if (fclose(memory) != 0) {
        abort();
    }
    json_string(json, "text", text);
    free(text);
}

static void write_program(struct json *json, const struct program *program) {
    size_t size;
    char *const text = text_make(program, &size);
    if (text == NULL) {
        abort(); /* a few times the size of the program */
    }
    json_string(json, "program", text);
    free(text);
}

static void write_files(struct json *json, const struct diagnosis_files *files) {
    static const char *const keys[DIAGNOSIS_FILE_COUNT] = {[DIAGNOSIS_REDUCED] = "reduced",
                                                           [DIAGNOSIS_TEXT] = "text",
                                                           [DIAGNOSIS_C] = "c",
                                                           [DIAGNOSIS_PAGE] = "html"};
    json_open_object(json, "files");
    for (size_t i = 0; i < DIAGNOSIS_FILE_COUNT && files != NULL; i++) {
        if (files->paths[i] != NULL) {
            json_string(json, keys[i], files->paths[i]);
        }
    }
    json_close_object(json);
}

static void write_reduced(struct json *json, const struct diagnosis *diagnosis) {
    char failure[FAILURE_TEXT_SIZE];
    const struct reduced *const reduced = &diagnosis->reduced;
    json_string(json, "id", failure_text(&reduced->failure, failure));
    write_program(json, &reduced->program);
    json_number(json, "operations_before", diagnosis->input->program.operation_count);
    json_number(json, "operations_after", reduced->program.operation_count);
    json_number(json, "size_before", diagnosis->input->size);
    json_number(json, "size_after", reduced->size);
    json_number(json, "replays", reduced->replay_count);
}

void diagnosis_print_json(const struct diagnosis *diagnosis, const struct diagnosis_files *files,
                          FILE *stream) {
    const struct result result = {.path = diagnosis->path, .outcome = &diagnosis->recording.outcome};
    struct json json = json_start_document(stream, JSON_FORMAT);
    results_write_members(&json, &result);
    if (diagnosis->reduced.bytes != NULL) {
        write_reduced(&json, diagnosis);
        write_files(&json, files);
        write_text(&json, diagnosis, files);
    }
    json_close_object(&json);
    json_end(&json);
}
