/* Text to programs. text.h is the contract, docs/programs.md describes the form.
 *
 * The text is read once, from left to right and line by line, and nothing is read past its size bytes. The
 * first error ends the parse. An error names the first byte of what is wrong; when something is missing, the
 * place where it should be. */
#include "fuzz/program/text.h"

#include "fuzz/program/text_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct reader reader;
    bool heap_seen;
    struct program_header header;
    uint8_t *program; /* the encoding so far: room for all operations the text can hold */
    size_t operation_count;
};

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

static const char *const size_words[SIZE_BASE_COUNT] = {
#define SIZE_WORD(name, word) word,
    SIZE_BASE_LIST(SIZE_WORD)
#undef SIZE_WORD
};

/* Operands. */

static bool parse_slot(const struct parser *parser, struct span token, struct operation *operation) {
    const size_t last = parser->header.slot_count - 1;
    uint64_t slot;
    if (read_number(token, 10, last, &slot)) {
        operation->slot = (uint16_t)slot;
        return true;
    }
    if (!is_decimal(token)) {
        return fail(&parser->reader, token.column,
                    "'%s' is not a slot: a slot is a decimal number from 0 to %zu", quote(token).text, last);
    }
    return fail(&parser->reader, token.column, "slot %s is out of range: %s 0 to %zu", quote(token).text,
                parser->heap_seen ? "the heap line allows" : "without a heap line, slots are", last);
}

static bool parse_alignment(const struct parser *parser, struct span token, struct operation *operation) {
    struct message_list list = {.used = 0};
    uint64_t alignment;
    const bool valid = read_number(token, 10, UINT32_MAX, &alignment);
    for (unsigned i = 0; i < PROGRAM_CHOICE_COUNT; i++) {
        if (valid && program_alignments[i] == alignment) {
            operation->choice = (uint8_t)i;
            return true;
        }
        append(&list, " %" PRIu32, program_alignments[i]);
    }
    return fail(&parser->reader, token.column, "'%s' is not an alignment; one of:%s", quote(token).text,
                list.text);
}

static bool parse_count(const struct parser *parser, struct span token, struct operation *operation) {
    struct message_list list = {.used = 0};
    struct span digits = token;
    const bool hexadecimal = token.size > 2 && token.bytes[0] == '0' && token.bytes[1] == 'x';
    (void)take(&digits, hexadecimal ? 2 : 0);
    uint64_t count;
    const bool valid = read_number(digits, hexadecimal ? 16 : 10, UINT64_MAX, &count);
    for (unsigned i = 0; i < PROGRAM_CHOICE_COUNT; i++) {
        if (valid && program_counts[i] == count) {
            operation->choice = (uint8_t)i;
            return true;
        }
        const bool literal = program_counts[i] <= PROGRAM_LITERAL_MAXIMUM;
        append(&list, literal ? " %" PRIu64 : " 0x%" PRIx64, program_counts[i]);
    }
    return fail(&parser->reader, token.column, "'%s' is no count; one of:%s", quote(token).text, list.text);
}

/* The +K or -K behind a size word; nothing means +0. */
static bool parse_amount(const struct parser *parser, struct span token, struct size_operand *size) {
    const int32_t maximum = size->base == SIZE_BASE_MAXIMUM ? 0 : INT8_MAX;
    if (token.size == 0) {
        return true;
    }
    struct span digits = token;
    const bool negative = take(&digits, 1).bytes[0] == '-';
    uint64_t magnitude;
    const bool valid = read_number(digits, 10, -INT8_MIN, &magnitude);
    size->amount = negative ? -(int32_t)magnitude : (int32_t)magnitude;
    if (!valid || size->amount > maximum) {
        return fail(&parser->reader, token.column, "'%s' may not follow '%s': only -128 to %+d may",
                    quote(token).text, size_base_word(size->base), (int)maximum);
    }
    return true;
}

/* Reports a token that is neither a number nor begins with a size's word. Returns false. */
static bool fail_size(const struct parser *parser, struct span token, struct span word) {
    /* The first word is the literal's, which is empty. */
    const char *const *words = size_words + 1;
    const size_t word_count = SIZE_BASE_COUNT - 1;
    const char *suggestion = suggest(word, words, word_count);
    if (suggestion != NULL) {
        return fail(&parser->reader, token.column, "unknown size '%s'; did you mean '%s'?", quote(word).text,
                    suggestion);
    }
    const struct message_list list = list_words(words, word_count);
    return fail(&parser->reader, token.column,
                "'%s' is not a size: a number to %" PRIu32 ", or, with +K or -K, one of:%s",
                quote(token).text, PROGRAM_LITERAL_MAXIMUM, list.text);
}

static bool parse_size(const struct parser *parser, struct span token, struct operation *operation) {
    struct span amount = token;
    const struct span word = take_until(&amount, '+', '-');
    const size_t base = find_word(word, size_words, SIZE_BASE_COUNT);
    if (base < SIZE_BASE_COUNT && base != SIZE_BASE_LITERAL) {
        operation->size.base = (enum size_base)base;
        return parse_amount(parser, amount, &operation->size);
    }
    if (!is_decimal(word)) {
        return fail_size(parser, token, word);
    }
    if (amount.size != 0) {
        return fail(&parser->reader, amount.column,
                    "'%s' cannot follow a number: only a word such as 'largest' takes it",
                    quote(amount).text);
    }
    uint64_t literal;
    if (!read_number(word, 10, PROGRAM_LITERAL_MAXIMUM, &literal)) {
        return fail(&parser->reader, token.column,
                    "size %s is too large: at most %" PRIu32 ", or 2^32, 2^63, max", quote(token).text,
                    PROGRAM_LITERAL_MAXIMUM);
    }
    operation->size.amount = (int32_t)literal;
    return true;
}

static bool parse_step(const struct parser *parser, struct span token, struct operation *operation) {
    uint64_t step;
    if (!read_number(token, 10, PROGRAM_LITERAL_MAXIMUM, &step)) {
        return fail(&parser->reader, token.column,
                    "'%s' is not a step: a step is a decimal number from 0 to %" PRIu32, quote(token).text,
                    PROGRAM_LITERAL_MAXIMUM);
    }
    operation->step = (uint32_t)step;
    return true;
}

static bool parse_through(const struct parser *parser, struct span token, struct operation *operation) {
    operation->through_realloc = true;
    if (!span_equals(token, operation_word(OPERATION_REALLOC))) {
        return fail(&parser->reader, token.column, "'%s' is not 'realloc', the only word that may stand here",
                    quote(token).text);
    }
    return true;
}

/* Operations. */

/* The operands in the order a line gives them. Only the last is optional. */
static const struct {
    enum operand operand;
    const char *phrase;
    const char *placeholder;
    bool (*parse)(const struct parser *parser, struct span token, struct operation *operation);
} operands[] = {
    {OPERAND_SLOT, "a slot", "SLOT", parse_slot},
    {OPERAND_ALIGNMENT, "an alignment", "ALIGNMENT", parse_alignment},
    {OPERAND_COUNT, "a count", "COUNT", parse_count},
    {OPERAND_SIZE, "a size", "SIZE", parse_size},
    {OPERAND_STEP, "a step", "STEP", parse_step},
    {OPERAND_THROUGH, "perhaps the word realloc", "[realloc]", parse_through},
};
#define OPERAND_COUNT_TOTAL (sizeof operands / sizeof *operands)

/* Reports a line with too few or too many operands. Returns false. */
static bool fail_usage(const struct parser *parser, size_t column, enum operation_kind kind) {
    struct message_list phrases = {.used = 0};
    struct message_list placeholders = {.used = 0};
    size_t remaining = 0;
    for (size_t i = 0; i < OPERAND_COUNT_TOTAL; i++) {
        remaining += operation_takes(kind, operands[i].operand);
    }
    for (size_t i = 0; i < OPERAND_COUNT_TOTAL; i++) {
        if (operation_takes(kind, operands[i].operand)) {
            remaining--;
            const char *separator = remaining == 0 ? " and " : ", ";
            append(&phrases, "%s%s", phrases.used == 0 ? "" : separator, operands[i].phrase);
            append(&placeholders, " %s", operands[i].placeholder);
        }
    }
    if (phrases.used == 0) {
        return fail(&parser->reader, column, "'%s' takes no operands", operation_word(kind));
    }
    return fail(&parser->reader, column, "'%s' takes %s: %s%s", operation_word(kind), phrases.text,
                operation_word(kind), placeholders.text);
}

static bool parse_operation(struct parser *parser, size_t column, enum operation_kind kind) {
    if ((parser->header.disabled_kinds >> kind & 1) != 0) {
        return fail(&parser->reader, column, "the heap line disables '%s': take it out of disable= to use it",
                    operation_word(kind));
    }
    struct operation operation = {.kind = kind};
    struct span token = take_token(&parser->reader);
    for (size_t i = 0; i < OPERAND_COUNT_TOTAL; i++) {
        if (!operation_takes(kind, operands[i].operand)) {
            continue;
        }
        if (token.size == 0 && operands[i].operand == OPERAND_THROUGH) {
            continue;
        }
        if (token.size == 0) {
            return fail_usage(parser, token.column, kind);
        }
        if (!operands[i].parse(parser, token, &operation)) {
            return false;
        }
        token = take_token(&parser->reader);
    }
    if (token.size != 0) {
        return fail_usage(parser, token.column, kind);
    }
    program_encode_operation(&operation, parser->program + PROGRAM_HEADER_SIZE +
                                             parser->operation_count * PROGRAM_OPERATION_SIZE);
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
        *bit = find_word(entry, line_words, OPERATION_KIND_COUNT);
        if (*bit == OPERATION_KIND_COUNT) {
            return fail_word(&parser->reader, entry, "operation", line_words, OPERATION_KIND_COUNT);
        }
    } else if (!read_number(entry, 10, PROGRAM_REFUSED_ASK_COUNT - 1, bit)) {
        return fail(&parser->reader, entry.column,
                    "refuse takes numbers from 0 to %u, with commas between, not '%s'",
                    PROGRAM_REFUSED_ASK_COUNT - 1, quote(entry).text);
    }
    return true;
}

/* A list with commas between; every entry sets its bit, at most once. */
static bool parse_mask(const struct parser *parser, enum heap_key key, struct span value, uint16_t *mask) {
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
        *mask = (uint16_t)(*mask | 1u << bit);
    }
    if (key == HEAP_KEY_DISABLE && *mask == (1u << OPERATION_KIND_COUNT) - 1) {
        return fail(&parser->reader, column, "not all kinds can be disabled: leave one out of disable=");
    }
    return true;
}

static bool parse_value(struct parser *parser, enum heap_key key, struct span value) {
    struct program_header *const header = &parser->header;
    switch (key) {
    case HEAP_KEY_PAGE:
        return parse_number(parser, key, value, true, PROGRAM_PAGE_SIZE_MINIMUM,
                            PROGRAM_PAGE_SIZE_MINIMUM << (PROGRAM_PAGE_SIZE_COUNT - 1), &header->page_size);
    case HEAP_KEY_PAGES:
        return parse_number(parser, key, value, false, 1, PROGRAM_PAGE_COUNT_MAXIMUM, &header->page_count);
    case HEAP_KEY_GROWTH:
        return parse_number(parser, key, value, false, 0, PROGRAM_GROWTH_LIMIT_MAXIMUM,
                            &header->growth_limit);
    case HEAP_KEY_SLOTS:
        return parse_number(parser, key, value, true, PROGRAM_SLOT_COUNT_MINIMUM, PROGRAM_SLOT_COUNT_MAXIMUM,
                            &header->slot_count);
    case HEAP_KEY_REFUSE:
        return parse_mask(parser, key, value, &header->refused_asks);
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

#define SIGNATURE_SIZE (sizeof TEXT_SIGNATURE - 1)
#define MAGIC_SIZE     (sizeof "kmem-program" - 1) /* the signature without its version */

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
    return line.size >= MAGIC_SIZE && memcmp(line.bytes, TEXT_SIGNATURE, MAGIC_SIZE) == 0;
}

bool text_is_text(const uint8_t *bytes, size_t size) {
    struct reader reader = {.unread = bytes, .unread_size = size};
    if (size == 0) {
        return false;
    }
    take_first_line(&reader);
    return begins_with_magic(reader.line);
}

static bool parse_signature(const struct parser *parser) {
    struct span line = parser->reader.line;
    while (line.size > 0 && is_blank(line.bytes[line.size - 1])) {
        line.size--;
    }
    if (span_equals(line, TEXT_SIGNATURE)) {
        return true;
    }
    if (line.size > SIGNATURE_SIZE && memcmp(line.bytes, TEXT_SIGNATURE, SIGNATURE_SIZE) == 0 &&
        is_blank(line.bytes[SIGNATURE_SIZE])) {
        return fail(&parser->reader, SIGNATURE_SIZE + 1, "nothing may follow '%s' in the first line",
                    TEXT_SIGNATURE);
    }
    if (line.size > MAGIC_SIZE && begins_with_magic(line) && line.bytes[MAGIC_SIZE] == ' ') {
        (void)take(&line, MAGIC_SIZE + 1);
        return fail(&parser->reader, line.column, "version '%s' is not known; the first line must be '%s'",
                    quote(line).text, TEXT_SIGNATURE);
    }
    return fail(&parser->reader, 1, "the first line must be '%s', not '%s'", TEXT_SIGNATURE,
                quote(line).text);
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
        return fail_word(&parser->reader, word, "operation", line_words, LINE_WORD_COUNT);
    }
    return index == LINE_WORD_HEAP ? parse_heap(parser, word.column)
                                   : parse_operation(parser, word.column, (enum operation_kind)index);
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
    if (parser->reader.unread_size > SIZE_MAX / PROGRAM_OPERATION_SIZE) {
        return NULL;
    }
    return malloc(PROGRAM_HEADER_SIZE + count_lines_in_use(parser) * PROGRAM_OPERATION_SIZE);
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

bool text_parse(const uint8_t *text, size_t size, uint8_t **program, size_t *program_size,
                struct text_error *error) {
    struct parser parser = {.reader = {.unread = text, .unread_size = size, .error = error}};
    if (size == 0) {
        parser.reader.unread = (const uint8_t *)"";
    }
    /* The defaults are what no bytes mean. */
    parser.header = program_decode(NULL, 0).header;
    *program = NULL;
    *program_size = 0;
    *error = (struct text_error){.line = 0};
    take_first_line(&parser.reader);
    if (!parse_signature(&parser)) {
        return false;
    }
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
    *program_size = PROGRAM_HEADER_SIZE + parser.operation_count * PROGRAM_OPERATION_SIZE;
    return true;
}
