/* Fuzzes the import of logs. The input is read as a log of each format; and, since random bytes seldom make a
 * line, as a list of fragments of lines, a byte each, which make a log. What comes of a log must be a program
 * that says the same as its text, on a heap in which nothing is refused, or problems with lines that are
 * there. */
#include "fuzz/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/program/text.h"

/* What must hold: a name, which is also the failure function's, and a sentence. */
#define PROPERTY_LIST(X)                                                                                     \
    X(problem_has_line, "a problem names a line of the log")                                                 \
    X(problem_has_message, "a problem has a printable message")                                              \
    X(problems_in_order, "problems come in the order of their lines")                                        \
    X(lines_in_order, "operations come in the order of their lines")                                         \
    X(every_call_counts, "a line gives an operation at most, and a problem only in its place")               \
    X(size_fits, "a size fits the largest heap")                                                             \
    X(slot_fits, "a slot is one of the heap's")                                                              \
    X(refused_says_why, "a heap that cannot be had is a problem more")                                       \
    X(printed_parses, "a printed program parses")                                                            \
    X(printed_is_whole, "a printed program has the operations that were imported")                           \
    X(format_is_known, "a format that is detected is one there is, or none")                                 \
    X(memory, "there is memory enough to fuzz")

#define DEFINE_FAILURE(name, sentence)                                                                       \
    __attribute__((noinline, noreturn)) static void fail_##name(void) {                                      \
        (void)fprintf(stderr, "import_fuzzer: %s: it does not hold that %s\n", #name, sentence);             \
        abort();                                                                                             \
    }
PROPERTY_LIST(DEFINE_FAILURE)

static size_t count_lines(const char *log, size_t size) {
    size_t count = size != 0 && log[size - 1] != '\n' ? 1 : 0;
    for (size_t i = 0; i < size; i++) {
        count += log[i] == '\n';
    }
    return count;
}

static void check_problems(const struct import *import, size_t line_count) {
    size_t line = 0;
    for (size_t i = 0; i < import->problem_count; i++) {
        const struct import_problem *const problem = &import->problems[i];
        if (problem->line > line_count || problem->line == 0) {
            fail_problem_has_line();
        }
        if (problem->line < line) {
            fail_problems_in_order();
        }
        line = problem->line;
        if (problem->message[0] == '\0' || strlen(problem->message) >= sizeof problem->message) {
            fail_problem_has_message();
        }
        for (const char *at = problem->message; *at != '\0'; at++) {
            if (*at < ' ' || *at > '~') {
                fail_problem_has_message();
            }
        }
    }
}

static void check_operations(const struct import *import, size_t line_count) {
    size_t line = 0;
    for (size_t i = 0; i < import->operation_count; i++) {
        const struct import_operation *const imported = &import->operations[i];
        if (imported->line <= line || imported->line > line_count) {
            fail_lines_in_order();
        }
        line = imported->line;
        if ((size_t)imported->operation.size.amount > PROGRAM_REGION_SIZE_MAXIMUM) {
            fail_size_fits();
        }
        if (imported->operation.slot >= import->header.slot_count) {
            fail_slot_fits();
        }
    }
}

/* No line has both an operation and a problem, but for what the log leaves unfinished at its end. */
static void check_lines(const struct import *import, size_t line_count) {
    size_t next = 0;
    for (size_t i = 0; i < import->problem_count; i++) {
        const size_t line = import->problems[i].line;
        while (next < import->operation_count && import->operations[next].line < line) {
            next++;
        }
        if (next < import->operation_count && import->operations[next].line == line && line != line_count) {
            fail_every_call_counts();
        }
    }
}

static void check_text(const struct import *import) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (stream == NULL) {
        fail_memory();
    }
    import_print(import, "a\nlog", stream);
    if (fclose(stream) != 0) {
        fail_memory();
    }
    uint8_t *bytes;
    size_t byte_count;
    struct text_error error;
    if (!text_parse((const uint8_t *)text, size, &bytes, &byte_count, &error)) {
        fail_printed_parses();
    }
    const struct program program = program_decode(bytes, byte_count);
    if (program.operation_count != import->operation_count) {
        fail_printed_is_whole();
    }
    for (size_t i = 0; i < program.operation_count; i++) {
        const struct operation operation = program_operation(&program, i);
        const struct operation *const imported = &import->operations[i].operation;
        if (operation.kind != imported->kind || operation.slot != imported->slot ||
            operation.size.base != imported->size.base || operation.size.amount != imported->size.amount) {
            fail_printed_is_whole();
        }
    }
    free(bytes);
    free(text);
}

static void import_as(const char *log, size_t size, enum import_format format) {
    const size_t line_count = count_lines(log, size);
    struct import import;
    if (!import_read(log, size, format, &import)) {
        fail_memory();
    }
    check_problems(&import, line_count);
    check_operations(&import, line_count);
    check_lines(&import, line_count);
    const size_t problem_count = import.problem_count;
    if (import_fit(&import)) {
        check_text(&import);
    } else if (import.problem_count != problem_count + 1) {
        fail_refused_says_why();
    }
    import_close(&import);
}

static void import_all(const char *log, size_t size) {
    for (int format = 0; format < IMPORT_FORMAT_COUNT; format++) {
        import_as(log, size, (enum import_format)format);
    }
    if (import_detect(log, size) > IMPORT_FORMAT_COUNT) {
        fail_format_is_known();
    }
}

/* What lines are made of: every word of each format, and a few ids and sizes. */
static const char *const fragments[] = {
    "\n",
    " ",
    "a ",
    "z ",
    "r ",
    "f ",
    "1 ",
    "2 ",
    "0",
    "24",
    "100",
    "65536",
    "2097144",
    "2097145",
    "0x18",
    "0x40 ",
    "0x50 ",
    "(nil)",
    "# ",
    "= Start\n",
    "= End\n",
    "@ a:[0x1] ",
    "+ ",
    "- ",
    "< ",
    "> ",
    "! ",
    "malloc(",
    "calloc(",
    "realloc(",
    "free(",
    ", ",
    ") = ",
    "a->",
    "[pid 17] ",
    "18 ",
    "<unfinished ...>\n",
    "<... malloc resumed> ",
    "<... realloc resumed> ",
    "+++ exited (status 0) +++\n",
    "--- SIGCHLD ---\n",
    "<void>\n",
    "0xffffffffffffffff",
    "@ b:(f+1)[0x2] + 0x40 0x18\n",
    "a->malloc(24) = 0x40\n",
    "a->free(0x40) = <void>\n",
    "a 1 24\n",
    "f 1\n",
};

#define FRAGMENT_COUNT (sizeof fragments / sizeof fragments[0])
#define LOG_SIZE       ((size_t)16384) /* bytes */

static void import_fragments(const uint8_t *data, size_t size) {
    char log[LOG_SIZE];
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        const char *const fragment = fragments[data[i] % FRAGMENT_COUNT];
        const size_t fragment_size = strlen(fragment);
        if (fragment_size > LOG_SIZE - length) {
            break;
        }
        memcpy(log + length, fragment, fragment_size);
        length += fragment_size;
    }
    import_all(log, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    import_all((const char *)data, size);
    import_fragments(data, size);
    return 0;
}
