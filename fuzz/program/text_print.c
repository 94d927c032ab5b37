/* Programs to text. text.h is the contract, docs/programs.md describes the form. */
#include "fuzz/program/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* One operand in text, with the blank in front of it; empty when the operation does not take it. */
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

/* Counts that no literal reaches are the arithmetic edge, which reads better in hexadecimal. */
static struct operand_text choice_text(const struct operation *operation) {
    struct operand_text choice = {""};
    if (operation_takes(operation->kind, OPERAND_ALIGNMENT)) {
        const uint32_t alignment = program_alignments[operation->choice];
        (void)snprintf(choice.text, sizeof choice.text, " %" PRIu32, alignment);
    }
    if (operation_takes(operation->kind, OPERAND_COUNT)) {
        const uint64_t count = program_counts[operation->choice];
        const bool literal = count <= PROGRAM_LITERAL_MAXIMUM;
        (void)snprintf(choice.text, sizeof choice.text, literal ? " %" PRIu64 : " 0x%" PRIx64, count);
    }
    return choice;
}

static struct operand_text size_text(const struct operation *operation) {
    struct operand_text text = {""};
    const struct size_operand size = operation->size;
    if (!operation_takes(operation->kind, OPERAND_SIZE)) {
        return text;
    }
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

const char *text_operation(const struct operation *operation, char buffer[TEXT_OPERATION_SIZE]) {
    const struct operand_text slot = slot_text(operation);
    const struct operand_text choice = choice_text(operation);
    const struct operand_text size = size_text(operation);
    const struct operand_text step = step_text(operation);
    (void)snprintf(buffer, TEXT_OPERATION_SIZE, "%s%s%s%s%s%s", operation_word(operation->kind), slot.text,
                   choice.text, size.text, step.text, operation->through_realloc ? " realloc" : "");
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
    (void)fputs(TEXT_SIGNATURE "\n", stream);
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
