/* The operands of an operation in text. text.h is the contract, docs/programs.md describes the form. */
#include "fuzz/text/text_parser.h"

#include <inttypes.h>

static const char *const size_words[SIZE_BASE_COUNT] = {
#define SIZE_WORD(name, word) word,
    SIZE_BASE_LIST(SIZE_WORD)
#undef SIZE_WORD
};

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

/* Reads the whole span as a number, in hexadecimal when it begins with 0x. */
static bool read_any_number(struct span token, uint64_t *number) {
    const bool hexadecimal = token.size > 2 && token.bytes[0] == '0' && token.bytes[1] == 'x';
    (void)take(&token, hexadecimal ? 2 : 0);
    return read_number(token, hexadecimal ? 16 : 10, UINT64_MAX, number);
}

static bool parse_alignment(const struct parser *parser, struct span token, struct operation *operation) {
    if (read_any_number(token, &operation->alignment) &&
        parser->format->has_alignment(operation->alignment)) {
        return true;
    }
    if (parser->format->version != 1) {
        return fail(&parser->reader, token.column,
                    "'%s' is not an alignment: a number below 8192, or one within 64 of a power of two",
                    quote(token).text);
    }
    struct message_list list = {.used = 0};
    for (size_t i = 0; i < sizeof program_1_alignments / sizeof *program_1_alignments; i++) {
        append(&list, " %" PRIu32, program_1_alignments[i]);
    }
    return fail(&parser->reader, token.column, "'%s' is not an alignment; one of:%s", quote(token).text,
                list.text);
}

static bool parse_count(const struct parser *parser, struct span token, struct operation *operation) {
    struct message_list list = {.used = 0};
    uint64_t count;
    const bool valid = read_any_number(token, &count);
    for (unsigned i = 0; i < PROGRAM_COUNT_COUNT; i++) {
        if (valid && program_counts[i] == count) {
            operation->choice = (uint8_t)i;
            return true;
        }
        const bool literal = program_counts[i] <= PROGRAM_LITERAL_MAXIMUM;
        append(&list, literal ? " %" PRIu64 : " 0x%" PRIx64, program_counts[i]);
    }
    return fail(&parser->reader, token.column, "'%s' is no count; one of:%s", quote(token).text, list.text);
}

/* The +K or -K after a size word; nothing means +0. */
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
        operation->size = (struct size_operand){.base = (enum size_base)base};
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
    const uint32_t maximum = parser->format->step_maximum;
    if (!read_number(token, 10, maximum, &step)) {
        return fail(&parser->reader, token.column,
                    "'%s' is not a step: a step is a decimal number from 0 to %" PRIu32, quote(token).text,
                    maximum);
    }
    operation->step = (uint32_t)step;
    return true;
}

/* The call a misuse goes through, or that a damaged heap gets. One that asks for memory asks for
 * PROGRAM_MISUSED_REQUEST bytes unless a size follows. */
static bool parse_call(const struct parser *parser, struct span token, struct operation *operation) {
    const enum through last = parser->format->version == 1 ? THROUGH_REALLOC : THROUGH_COUNT - 1;
    struct message_list words = {.used = 0};
    for (enum through through = THROUGH_FREE + 1; through <= last; through++) {
        if (!operation_takes_through(operation->kind, through)) {
            continue;
        }
        if (span_equals(token, through_word(through))) {
            operation->through = through;
            operation->size.amount = operation_has_size(operation) ? PROGRAM_MISUSED_REQUEST : 0;
            return true;
        }
        append(&words, " %s", through_word(through));
    }
    return fail(&parser->reader, token.column, "'%s' cannot stand here; what can:%s", quote(token).text,
                words.text);
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
    {OPERAND_THROUGH, "perhaps a call", "[realloc [SIZE] | usable]", parse_call},
    {OPERAND_CALL, "perhaps a call", "[realloc [SIZE] | alloc [SIZE] | coalesce]", parse_call},
};
#define OPERAND_COUNT_TOTAL (sizeof operands / sizeof *operands)

static const char *phrase_of(const struct parser *parser, size_t index) {
    const bool word = operands[index].operand == OPERAND_THROUGH && parser->format->version == 1;
    return word ? "perhaps the word realloc" : operands[index].phrase;
}

static const char *placeholder_of(const struct parser *parser, size_t index) {
    const bool word = operands[index].operand == OPERAND_THROUGH && parser->format->version == 1;
    return word ? "[realloc]" : operands[index].placeholder;
}

/* Does a kind take this operand in the program's version? */
static bool takes(const struct parser *parser, enum operation_kind kind, size_t index) {
    const bool bare = parser->format->version == 1 && kind == OPERATION_NULL_FREE;
    return !bare && operation_takes(kind, operands[index].operand);
}

/* Reports a line with too few or too many operands. Returns false. */
static bool fail_usage(const struct parser *parser, size_t column, enum operation_kind kind) {
    struct message_list phrases = {.used = 0};
    struct message_list placeholders = {.used = 0};
    size_t remaining = 0;
    for (size_t i = 0; i < OPERAND_COUNT_TOTAL; i++) {
        remaining += takes(parser, kind, i);
    }
    for (size_t i = 0; i < OPERAND_COUNT_TOTAL; i++) {
        if (takes(parser, kind, i)) {
            remaining--;
            const char *separator = remaining == 0 ? " and " : ", ";
            append(&phrases, "%s%s", phrases.used == 0 ? "" : separator, phrase_of(parser, i));
            append(&placeholders, " %s", placeholder_of(parser, i));
        }
    }
    if (phrases.used == 0) {
        return fail(&parser->reader, column, "'%s' takes no operands", operation_word(kind));
    }
    return fail(&parser->reader, column, "'%s' takes %s: %s%s", operation_word(kind), phrases.text,
                operation_word(kind), placeholders.text);
}

bool text_parse_operands(struct parser *parser, enum operation_kind kind, struct operation *operation) {
    *operation = (struct operation){.kind = kind};
    struct span token = take_token(&parser->reader);
    for (size_t i = 0; i < OPERAND_COUNT_TOTAL; i++) {
        if (!takes(parser, kind, i)) {
            continue;
        }
        if (token.size == 0 && operands[i].operand >= OPERAND_THROUGH) {
            continue;
        }
        if (token.size == 0) {
            return fail_usage(parser, token.column, kind);
        }
        if (!operands[i].parse(parser, token, operation)) {
            return false;
        }
        token = take_token(&parser->reader);
    }
    if (token.size != 0 && operation->through != THROUGH_FREE && operation_has_size(operation) &&
        parser->format->version != 1) {
        if (!parse_size(parser, token, operation)) {
            return false;
        }
        token = take_token(&parser->reader);
    }
    return token.size == 0 || fail_usage(parser, token.column, kind);
}
