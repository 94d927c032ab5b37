/* Programs to text. text.h is the contract, docs/programs.md describes the form. */
#include "fuzz/text/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* One operand in text, with the blank before it; empty when the operation does not take it. */
struct operand_text {
    char text[22];
};

static struct operand_text slot_text(const struct operation *operation) {
    struct operand_text slot = {""};
    if (operation_takes(operation->kind, OPERAND_SLOT)) {
        (void)snprintf(slot.text, sizeof slot.text, " %u", (unsigned)operation->slot);
    }
    return slot;
}

#define DECIMAL_MAXIMUM                                                                                      \
    99999999u /* what is larger is the arithmetic edge, and reads better in hexadecimal                      \
               */

static struct operand_text number_text(uint64_t number) {
    struct operand_text text;
    const bool decimal = number <= DECIMAL_MAXIMUM;
    (void)snprintf(text.text, sizeof text.text, decimal ? " %" PRIu64 : " 0x%" PRIx64, number);
    return text;
}

/* The alignment or the count. */
static struct operand_text choice_text(const struct operation *operation) {
    if (operation_takes(operation->kind, OPERAND_ALIGNMENT)) {
        return number_text(operation->alignment);
    }
    if (operation_takes(operation->kind, OPERAND_COUNT)) {
        return number_text(program_counts[operation->choice]);
    }
    return (struct operand_text){""};
}

static struct operand_text size_text(struct size_operand size) {
    struct operand_text text;
    if (size.base == SIZE_BASE_LITERAL) {
        (void)snprintf(text.text, sizeof text.text, " %" PRId32, size.amount);
    } else if (size.amount == 0) {
        (void)snprintf(text.text, sizeof text.text, " %s", size_base_word(size.base));
    } else {
        (void)snprintf(text.text, sizeof text.text, " %s%+" PRId32, size_base_word(size.base), size.amount);
    }
    return text;
}

static struct operand_text step_text(const struct operation *operation) {
    struct operand_text step = {""};
    if (operation_takes(operation->kind, OPERAND_STEP)) {
        (void)snprintf(step.text, sizeof step.text, " %" PRIu32, operation->step);
    }
    return step;
}

/* The call of a misuse or a damage; nothing when it is free. */
struct through_text {
    char text[sizeof(struct operand_text) + sizeof " realloc"]; /* a size may follow the word */
};

static struct through_text through_text(const struct operation *operation) {
    struct through_text text = {""};
    const struct size_operand size = operation->size;
    if (operation->through != THROUGH_FREE) {
        const bool usual = size.base == SIZE_BASE_LITERAL && size.amount == PROGRAM_MISUSED_REQUEST;
        const bool sized = operation_has_size(operation) && !usual;
        (void)snprintf(text.text, sizeof text.text, " %s%s", through_word(operation->through),
                       sized ? size_text(size).text : "");
    }
    return text;
}

const char *text_operation(const struct operation *operation, char buffer[TEXT_OPERATION_SIZE]) {
    const struct operand_text slot = slot_text(operation);
    const struct operand_text choice = choice_text(operation);
    const struct operand_text size = operation_takes(operation->kind, OPERAND_SIZE)
                                         ? size_text(operation->size)
                                         : (struct operand_text){""};
    const struct operand_text step = step_text(operation);
    (void)snprintf(buffer, TEXT_OPERATION_SIZE, "%s%s%s%s%s%s", operation_word(operation->kind), slot.text,
                   choice.text, size.text, step.text, through_text(operation).text);
    return buffer;
}

static void print_heap(const struct program_header *header, FILE *stream) {
    (void)fprintf(stream, "heap page=%zu pages=%zu growth=%zu slots=%zu", header->page_size,
                  header->page_count, header->growth_limit, header->slot_count);
    const char *separator = " refuse=";
    for (unsigned ask = 0; ask < PROGRAM_REFUSED_ASK_COUNT; ask++) {
        if ((header->refused_asks >> ask & 1) != 0) {
            (void)fprintf(stream, "%s%u", separator, ask);
            separator = ",";
        }
    }
    separator = " disable=";
    for (unsigned kind = 0; kind < OPERATION_KIND_COUNT; kind++) {
        if ((header->disabled_kinds >> kind & 1) != 0) {
            (void)fprintf(stream, "%s%s", separator, operation_word((enum operation_kind)kind));
            separator = ",";
        }
    }
    (void)fputc('\n', stream);
}

int text_print(const struct program *program, FILE *stream) {
    (void)fprintf(stream, TEXT_MAGIC " %u\n", program->header.version);
    print_heap(&program->header, stream);
    for (size_t i = 0; i < program->operation_count; i++) {
        char buffer[TEXT_OPERATION_SIZE];
        const struct operation operation = program_operation(program, i);
        (void)fprintf(stream, "%s\n", text_operation(&operation, buffer));
    }
    return ferror(stream);
}

char *text_make(const struct program *program, size_t *size) {
    char *text = NULL;
    FILE *const stream = open_memstream(&text, size);
    if (stream == NULL) {
        return NULL;
    }
    const bool printed = text_print(program, stream) == 0;
    if (fclose(stream) != 0 || !printed) {
        free(text);
        return NULL;
    }
    return text;
}
