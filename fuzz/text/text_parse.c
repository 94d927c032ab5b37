/* Text to programs. text.h is the contract, docs/programs.md describes the form.
 *
 * The text is read once, from left to right and line by line, and nothing is read past its size bytes. The
 * first error ends the parse. An error names the first byte of what is wrong; when something is missing, the
 * place where it should be. */
#include "fuzz/text/text.h"

#include "fuzz/text/text_parser.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Words. */

/* The words a line can begin with: a kind's word stands at its number, `heap` after them. */
static const char *const line_words[] = {
#define LINE_WORD(name, word, operands) word,
    OPERATION_LIST(LINE_WORD)
#undef LINE_WORD
        "heap",
};
#define LINE_WORD_HEAP  ((size_t)OPERATION_KIND_COUNT)
#define LINE_WORD_COUNT (sizeof line_words / sizeof *line_words)

/* Operations. */

static bool parse_operation(struct parser *parser, size_t column, enum operation_kind kind) {
    struct operation operation;
    if ((parser->header.disabled_kinds >> kind & 1) != 0) {
        return fail(&parser->reader, column, "the heap line disables '%s': take it out of disable= to use it",
                    operation_word(kind));
    }
    if (!text_parse_operands(parser, kind, &operation)) {
        return false;
    }
    program_encode_operation(&parser->header, parser->operation_count, &operation, parser->program);
    parser->operation_count++;
    return true;
}

/* The heap line. */

enum heap_key {
    HEAP_KEY_PAGE,
    HEAP_KEY_PAGES,
    HEAP_KEY_GROWTH,
    HEAP_KEY_SLOTS,
    HEAP_KEY_REFUSE,
    HEAP_KEY_DISABLE,
    HEAP_KEY_COUNT
};

static const char *const heap_words[HEAP_KEY_COUNT] = {
    [HEAP_KEY_PAGE] = "page",   [HEAP_KEY_PAGES] = "pages",   [HEAP_KEY_GROWTH] = "growth",
    [HEAP_KEY_SLOTS] = "slots", [HEAP_KEY_REFUSE] = "refuse", [HEAP_KEY_DISABLE] = "disable",
};

/* A value that is a number from minimum to maximum and, if so asked, a power of two. */
static bool parse_number(const struct parser *parser, enum heap_key key, struct span value, bool power,
                         size_t minimum, size_t maximum, size_t *result) {
    uint64_t number;
    if (!read_number(value, 10, maximum, &number) || number < minimum ||
        (power && (number & (number - 1)) != 0)) {
        return fail(&parser->reader, value.column, "%s must be a %s from %zu to %zu, not '%s'",
                    heap_words[key], power ? "power of two" : "number", minimum, maximum, quote(value).text);
    }
    *result = (size_t)number;
    return true;
}

/* One entry of refuse= or disable=, as a bit number. */
static bool parse_entry(const struct parser *parser, enum heap_key key, struct span entry, uint64_t *bit) {
    if (key == HEAP_KEY_DISABLE) {
        *bit = find_word(entry, line_words, parser->format->kind_count);
        if (*bit == parser->format->kind_count) {
            return fail_word(&parser->reader, entry, "operation", line_words, parser->format->kind_count);
        }
    } else if (!read_number(entry, 10, PROGRAM_REFUSED_ASK_COUNT - 1, bit)) {
        return fail(&parser->reader, entry.column,
                    "refuse takes numbers from 0 to %u, with commas between, not '%s'",
                    PROGRAM_REFUSED_ASK_COUNT - 1, quote(entry).text);
    }
    return true;
}

/* A list with commas between; every entry sets its bit, at most once. */
static bool parse_mask(const struct parser *parser, enum heap_key key, struct span value, uint32_t *mask) {
    const size_t column = value.column;
    bool more = true;
    while (more) {
        uint64_t bit;
        const struct span entry = take_until(&value, ',', ',');
        more = value.size > 0;
        (void)take(&value, more ? 1 : 0);
        if (!parse_entry(parser, key, entry, &bit)) {
            return false;
        }
        if ((*mask >> bit & 1) != 0) {
            return fail(&parser->reader, entry.column, "%s names '%s' twice", heap_words[key],
                        quote(entry).text);
        }
        *mask |= UINT32_C(1) << bit;
    }
    if (key == HEAP_KEY_DISABLE && *mask == (UINT32_C(1) << parser->format->kind_count) - 1) {
        return fail(&parser->reader, column, "not all kinds can be disabled: leave one out of disable=");
    }
    return true;
}

static bool parse_value(struct parser *parser, enum heap_key key, struct span value) {
    struct program_header *const header = &parser->header;
    switch (key) {
    case HEAP_KEY_PAGE:
        return parse_number(parser, key, value, true, parser->format->page_size_minimum,
                            PROGRAM_PAGE_SIZE_MAXIMUM, &header->page_size);
    case HEAP_KEY_PAGES:
        return parse_number(parser, key, value, false, 1, PROGRAM_PAGE_COUNT_MAXIMUM, &header->page_count);
    case HEAP_KEY_GROWTH:
        return parse_number(parser, key, value, false, 0, PROGRAM_GROWTH_LIMIT_MAXIMUM,
                            &header->growth_limit);
    case HEAP_KEY_SLOTS:
        return parse_number(parser, key, value, true, PROGRAM_SLOT_COUNT_MINIMUM, PROGRAM_SLOT_COUNT_MAXIMUM,
                            &header->slot_count);
    case HEAP_KEY_REFUSE: {
        uint32_t refused_asks = 0;
        const bool valid = parse_mask(parser, key, value, &refused_asks);
        header->refused_asks = (uint16_t)refused_asks;
        return valid;
    }
    default:
        return parse_mask(parser, key, value, &header->disabled_kinds);
    }
}

/* One key=value; columns[key] receives where the value starts, and is 0 before. */
static bool parse_pair(struct parser *parser, struct span token, size_t columns[HEAP_KEY_COUNT]) {
    struct span value = token;
    const struct span word = take_until(&value, '=', '=');
    const size_t key = find_word(word, heap_words, HEAP_KEY_COUNT);
    if (key == HEAP_KEY_COUNT) {
        return fail_word(&parser->reader, word, "heap setting", heap_words, HEAP_KEY_COUNT);
    }
    if (value.size == 0) {
        return fail(&parser->reader, value.column, "'%s' needs a value: %s=...", heap_words[key],
                    heap_words[key]);
    }
    if (columns[key] != 0) {
        return fail(&parser->reader, token.column, "the heap line gives '%s' twice", heap_words[key]);
    }
    (void)take(&value, 1);
    columns[key] = value.column;
    return parse_value(parser, (enum heap_key)key, value);
}

static bool parse_heap(struct parser *parser, size_t column) {
    if (parser->heap_seen || parser->operation_count > 0) {
        return fail(&parser->reader, column,
                    parser->heap_seen ? "a program has only one heap line"
                                      : "the heap line must come before the first operation");
    }
    parser->heap_seen = true;
    size_t columns[HEAP_KEY_COUNT] = {0};
    for (struct span token = take_token(&parser->reader); token.size != 0;
         token = take_token(&parser->reader)) {
        if (!parse_pair(parser, token, columns)) {
            return false;
        }
    }
    const struct program_header *const header = &parser->header;
    if (header->growth_limit > PROGRAM_PAGE_COUNT_MAXIMUM - header->page_count) {
        return fail(&parser->reader, columns[HEAP_KEY_GROWTH],
                    "pages + growth may not exceed %zu, but are %zu + %zu", PROGRAM_PAGE_COUNT_MAXIMUM,
                    header->page_count, header->growth_limit);
    }
    return true;
}

/* The whole text. */

#define MAGIC_SIZE (sizeof TEXT_MAGIC - 1)

/* Makes the first line that is neither blank nor a comment the present one; the last one when there is none.
 */
static void take_first_line(struct reader *reader) {
    struct span line;
    do { /* a line less each time */
        take_line(reader);
        line = reader->line;
        while (line.size > 0 && is_blank(line.bytes[0])) {
            (void)take(&line, 1);
        }
    } while (reader->unread_size > 0 && (line.size == 0 || line.bytes[0] == '#'));
}

static bool begins_with_magic(struct span line) {
    return line.size >= MAGIC_SIZE && memcmp(line.bytes, TEXT_MAGIC, MAGIC_SIZE) == 0;
}

bool text_is_text(const uint8_t *bytes, size_t size) {
    struct reader reader = {.unread = bytes, .unread_size = size};
    if (size == 0) {
        return false;
    }
    take_first_line(&reader);
    return begins_with_magic(reader.line);
}

/* The first line says the version, which says how the rest is read. */
static bool parse_signature(struct parser *parser) {
    struct span line = parser->reader.line;
    while (line.size > 0 && is_blank(line.bytes[line.size - 1])) {
        line.size--;
    }
    if (line.size <= MAGIC_SIZE || !begins_with_magic(line) || line.bytes[MAGIC_SIZE] != ' ') {
        return fail(&parser->reader, 1, "the first line must be '%s', not '%s'", TEXT_SIGNATURE,
                    quote(line).text);
    }
    (void)take(&line, MAGIC_SIZE + 1);
    struct span rest = line;
    const struct span number = take_until(&rest, ' ', '\t');
    uint64_t version;
    if (!read_number(number, 10, UINT32_MAX, &version) || version == 0 || version > PROGRAM_VERSION ||
        number.size != 1) {
        return fail(&parser->reader, line.column,
                    "version '%s' is not known; the first line must be '%s', or end with an older version",
                    quote(line).text, TEXT_SIGNATURE);
    }
    parser->format = program_format((unsigned)version);
    return rest.size == 0 ||
           fail(&parser->reader, rest.column, "nothing may follow '%s %u' in the first line", TEXT_MAGIC,
                parser->format->version);
}

/* Ends the present line at its comment. Fails iff a byte before that is neither printable nor blank. */
static bool cut_comment(struct parser *parser) {
    struct span rest = parser->reader.line;
    const struct span code = take_until(&rest, '#', '#');
    parser->reader.line.size = code.size;
    for (size_t i = 0; i < code.size; i++) {
        struct span byte = {.bytes = code.bytes + i, .size = 1, .column = code.column + i};
        if ((*byte.bytes < ' ' || *byte.bytes > '~') && !is_blank(*byte.bytes)) {
            return fail(&parser->reader, byte.column, "byte %s may stand in comments only", quote(byte).text);
        }
    }
    return true;
}

/* Reports a line that begins with no word there is in this version. Returns false. */
static bool fail_unknown(const struct parser *parser, struct span word) {
    const size_t kind_count = parser->format->kind_count;
    const char *words[LINE_WORD_COUNT];
    for (size_t i = 0; i < kind_count; i++) {
        words[i] = line_words[i];
    }
    words[kind_count] = line_words[LINE_WORD_HEAP];
    return fail_word(&parser->reader, word, "operation", words, kind_count + 1);
}

static bool parse_line(struct parser *parser) {
    if (!cut_comment(parser)) {
        return false;
    }
    const struct span word = take_token(&parser->reader);
    if (word.size == 0) {
        return true;
    }
    const size_t index = find_word(word, line_words, LINE_WORD_COUNT);
    if (index == LINE_WORD_COUNT) {
        return fail_unknown(parser, word);
    }
    if (index == LINE_WORD_HEAP) {
        return parse_heap(parser, word.column);
    }
    if (index >= parser->format->kind_count) {
        return fail(&parser->reader, word.column, "'%s' needs '%s' in the first line", line_words[index],
                    TEXT_SIGNATURE);
    }
    return parse_operation(parser, word.column, (enum operation_kind)index);
}

/* The lines still unread that may be operations: neither blank nor only a comment. */
static size_t count_lines_in_use(const struct parser *parser) {
    size_t count = 0;
    bool at_start = true;
    for (size_t i = 0; i < parser->reader.unread_size; i++) {
        const uint8_t byte = parser->reader.unread[i];
        if (byte == '\n') {
            at_start = true;
        } else if (at_start && !is_blank(byte) && byte != '\r') {
            at_start = false;
            count += byte != '#';
        }
    }
    return count;
}

/* Room for the encoding of all that is unread; NULL when there is none. */
static uint8_t *allocate_program(const struct parser *parser) {
    /* A used line has at least two bytes, its newline included: below this, nothing wraps. */
    if (parser->reader.unread_size > SIZE_MAX / PROGRAM_OPERATION_SIZE_MAXIMUM) {
        return NULL;
    }
    return malloc(program_size(parser->format->version, count_lines_in_use(parser)));
}

static bool parse_lines(struct parser *parser) {
    while (parser->reader.unread_size > 0) {
        take_line(&parser->reader);
        if (!parse_line(parser)) {
            return false;
        }
    }
    program_encode_header(&parser->header, parser->program);
    return true;
}

bool text_parse(const uint8_t *text, size_t size, uint8_t **program, size_t *size_of_program,
                struct text_error *error) {
    struct parser parser = {.reader = {.unread = text, .unread_size = size, .error = error},
                            .format = program_format(PROGRAM_VERSION)};
    if (size == 0) {
        parser.reader.unread = (const uint8_t *)"";
    }
    *program = NULL;
    *size_of_program = 0;
    *error = (struct text_error){.line = 0};
    take_first_line(&parser.reader);
    if (!parse_signature(&parser)) {
        return false;
    }
    /* The defaults are what bytes that are all 0 but for the version mean. */
    const uint8_t version = (uint8_t)parser.format->version;
    parser.header = program_decode(&version, 1).header;
    parser.program = allocate_program(&parser);
    if (parser.program == NULL) {
        parser.reader.line_number = 0;
        return fail(&parser.reader, 0, "out of memory");
    }
    if (!parse_lines(&parser)) {
        free(parser.program);
        return false;
    }
    *program = parser.program;
    *size_of_program = program_size(parser.format->version, parser.operation_count);
    return true;
}
