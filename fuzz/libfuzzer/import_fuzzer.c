/* Fuzzes the import of logs. The input is read as a log of each format; and, since random bytes seldom make a
 * line, as a list of fragments of lines, a byte each, which make a log. What comes of a log must be a program
 * that says the same as its text, on a heap in which nothing is refused, or problems with lines that are
 * there. */
#include "fuzz/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/libfuzzer/rule.h"
#include "fuzz/libfuzzer/steps.h"
#include "fuzz/text/text.h"

/* What must hold. */
#define RULE_LIST(X)                                                                                         \
    X(PROBLEM_HAS_LINE, "import-problem-has-line", "A problem names a line of the log.")                     \
    X(PROBLEM_HAS_MESSAGE, "import-problem-has-message", "A problem has a printable message.")               \
    X(PROBLEMS_IN_ORDER, "import-problems-in-order", "Problems come in the order of their lines.")           \
    X(LINES_IN_ORDER, "import-lines-in-order", "Operations come in the order of their lines.")               \
    X(EVERY_CALL_COUNTS, "import-every-call-counts",                                                         \
      "A line gives an operation at most, and a problem only in its place.")                                 \
    X(SIZE_FITS, "import-size-fits", "A size fits the largest heap.")                                        \
    X(SLOT_FITS, "import-slot-fits", "A slot is one of the heap's.")                                         \
    X(REFUSED_SAYS_WHY, "import-refused-says-why", "A heap that cannot be had is a problem more.")           \
    X(PRINTED_PARSES, "import-printed-parses", "A printed program parses.")                                  \
    X(PRINTED_IS_WHOLE, "import-printed-is-whole",                                                           \
      "A printed program has the operations that were imported.")                                            \
    X(FORMAT_IS_KNOWN, "import-format-is-known", "A format that is detected is one there is, or none.")      \
    X(MEMORY, "import-memory", "There is memory enough to fuzz.")

RULES(RULE_LIST);

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
            rule_break(&rule_PROBLEM_HAS_LINE);
        }
        if (problem->line < line) {
            rule_break(&rule_PROBLEMS_IN_ORDER);
        }
        line = problem->line;
        if (!rule_is_message(problem->message, sizeof problem->message)) {
            rule_break(&rule_PROBLEM_HAS_MESSAGE);
        }
    }
}

static void check_operations(const struct import *import, size_t line_count) {
    size_t line = 0;
    for (size_t i = 0; i < import->operation_count; i++) {
        const struct import_operation *const imported = &import->operations[i];
        if (imported->line <= line || imported->line > line_count) {
            rule_break(&rule_LINES_IN_ORDER);
        }
        line = imported->line;
        if ((size_t)imported->operation.size.amount > PROGRAM_REGION_SIZE_MAXIMUM) {
            rule_break(&rule_SIZE_FITS);
        }
        if (imported->operation.slot >= import->header.slot_count) {
            rule_break(&rule_SLOT_FITS);
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
            rule_break(&rule_EVERY_CALL_COUNTS);
        }
    }
}

static void check_text(const struct import *import) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (stream == NULL) {
        rule_break(&rule_MEMORY);
    }
    import_print(import, "a\nlog", stream);
    if (fclose(stream) != 0) {
        rule_break(&rule_MEMORY);
    }
    uint8_t *bytes;
    size_t byte_count;
    struct text_error error;
    if (!text_parse((const uint8_t *)text, size, &bytes, &byte_count, &error)) {
        rule_break(&rule_PRINTED_PARSES);
    }
    const struct program program = program_decode(bytes, byte_count);
    if (program.operation_count != import->operation_count) {
        rule_break(&rule_PRINTED_IS_WHOLE);
    }
    for (size_t i = 0; i < program.operation_count; i++) {
        const struct operation operation = program_operation(&program, i);
        const struct operation *const imported = &import->operations[i].operation;
        if (operation.kind != imported->kind || operation.slot != imported->slot ||
            operation.size.base != imported->size.base || operation.size.amount != imported->size.amount) {
            rule_break(&rule_PRINTED_IS_WHOLE);
        }
    }
    free(bytes);
    free(text);
}

static void print_import(const struct import *import) {
    (void)fprintf(stderr, "  gives %zu operations and %zu problems\n", import->operation_count,
                  import->problem_count);
    for (size_t i = 0; i < import->operation_count; i++) {
        char text[TEXT_OPERATION_SIZE];
        const struct import_operation *const imported = &import->operations[i];
        (void)fprintf(stderr, "    line %zu: %s\n", imported->line,
                      text_operation(&imported->operation, text));
    }
    for (size_t i = 0; i < import->problem_count; i++) {
        const struct import_problem *const problem = &import->problems[i];
        (void)fprintf(stderr, "    line %zu: problem: %.*s\n", problem->line, (int)sizeof problem->message,
                      problem->message);
    }
}

static void import_as(const char *log, size_t size, enum import_format format) {
    const size_t line_count = count_lines(log, size);
    struct import import;
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "  read as %s\n", import_format_name(format));
    }
    if (!import_read(log, size, format, &import)) {
        rule_break(&rule_MEMORY);
    }
    if (steps_are_wanted()) {
        print_import(&import);
    }
    check_problems(&import, line_count);
    check_operations(&import, line_count);
    check_lines(&import, line_count);
    const size_t problem_count = import.problem_count;
    if (import_fit(&import)) {
        check_text(&import);
    } else if (import.problem_count != problem_count + 1) {
        rule_break(&rule_REFUSED_SAYS_WHY);
    }
    import_close(&import);
}

static void import_all(const char *log, size_t size) {
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "a log of %zu bytes\n", size);
        steps_print_text((const uint8_t *)log, size);
    }
    for (int format = 0; format < IMPORT_FORMAT_COUNT; format++) {
        import_as(log, size, (enum import_format)format);
    }
    if (import_detect(log, size) > IMPORT_FORMAT_COUNT) {
        rule_break(&rule_FORMAT_IS_KNOWN);
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
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a log has a length and no end of its own */
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
