/* Passes that make operands simpler: kinds, choices, steps, ways, and above all sizes, alone and together. */
#include <stdlib.h>

#include "fuzz/search/reducer.h"

#define PAIRED_COUNT ((size_t)32) /* with more operations, pairs of sizes are too many to be tried */
#define WORD         8            /* bytes by which two sizes are lowered together */

/* Kinds. */

/* Another kind, with the operands it has in common with the one before. */
static struct operation of_kind(struct operation operation, enum operation_kind kind) {
    operation.kind = kind;
    operation.slot = operation_takes(kind, OPERAND_SLOT) ? operation.slot : 0;
    operation.choice = operation_takes(kind, OPERAND_COUNT) ? operation.choice : 0;
    operation.alignment = operation_takes(kind, OPERAND_ALIGNMENT) ? operation.alignment : 0;
    operation.step = operation_takes(kind, OPERAND_STEP) ? operation.step : 0;
    operation.through = operation_takes(kind, OPERAND_THROUGH) ? operation.through : THROUGH_FREE;
    if (!operation_has_size(&operation)) {
        operation.size = (struct size_operand){.amount = 0};
    }
    return operation;
}

/* The size of count times size bytes as a literal. Returns false when there is none. */
static bool multiply(const struct operation *operation, struct size_operand *product) {
    const uint64_t count = program_counts[operation->choice];
    const struct size_operand size = operation->size;
    if (size.base != SIZE_BASE_LITERAL ||
        (size.amount != 0 && count > PROGRAM_LITERAL_MAXIMUM / (uint32_t)size.amount)) {
        return false;
    }
    *product = (struct size_operand){.amount = (int32_t)(count * (uint32_t)size.amount)};
    return true;
}

static bool try_kind(struct reducer *reducer, size_t index, enum operation_kind kind) {
    const struct operation operation = reducer->best.operations[index];
    reducer_draft(reducer)->operations[index] = of_kind(operation, kind);
    if (reducer_try(reducer)) {
        return true;
    }
    struct operation whole = of_kind(operation, kind);
    if (operation.kind != OPERATION_CALLOC || !multiply(&operation, &whole.size)) {
        return false;
    }
    reducer_draft(reducer)->operations[index] = whole;
    return reducer_try(reducer);
}

static void simplify_kind(struct reducer *reducer, size_t index) {
    for (unsigned kind = 0; kind < reducer->best.operations[index].kind; kind++) {
        if (try_kind(reducer, index, (enum operation_kind)kind)) {
            return;
        }
    }
}

/* Sizes. */

struct place {
    struct reducer *reducer;
    size_t index;
    int32_t amount; /* of the sizes meant, for shrinking all that are equal */
};

static bool try_literal(void *context, uint32_t value) {
    const struct place *const place = context;
    struct operation *const operation = &reducer_draft(place->reducer)->operations[place->index];
    operation->size = (struct size_operand){.base = SIZE_BASE_LITERAL, .amount = (int32_t)value};
    return reducer_try(place->reducer);
}

/* The nearest above `value` at which allocators err: whole words and one byte more, close together while they
 * are few, then powers of two with and without a header. */
static uint32_t next_meaningful(uint32_t value) {
    static const uint32_t word = WORD;
    if (value < EXHAUSTED_VALUES) {
        return value % word == 0 ? value + 1 : value + word - 1;
    }
    uint32_t power = EXHAUSTED_VALUES;
    while (power * 2 <= value + word) {
        power *= 2;
    }
    const uint32_t around[] = {power - word, power, power + 1, power * 2 - word};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        if (around[i] > value) {
            return around[i];
        }
    }
    return power * 2;
}

/* A size that follows the heap: a literal in its place if one will do, else a simpler base, else less of it.
 */
static void shrink_relative(struct reducer *reducer, size_t index) {
    struct place place = {.reducer = reducer, .index = index};
    const size_t region_size = reducer->best.header.page_size * reducer->best.header.page_count;
    for (uint32_t value = 0; value <= region_size; value = next_meaningful(value)) {
        if (try_literal(&place, value)) {
            return;
        }
    }
    const struct size_operand size = reducer->best.operations[index].size;
    for (unsigned base = SIZE_BASE_LITERAL + 1; base <= size.base; base++) {
        for (int32_t amount = 0; amount <= abs(size.amount); amount++) { /* 128 at most */
            for (int sign = 1; sign >= -1; sign -= 2) {
                reducer_draft(reducer)->operations[index].size =
                    (struct size_operand){.base = (enum size_base)base, .amount = sign * amount};
                if (reducer_try(reducer)) {
                    return;
                }
            }
        }
    }
}

static void shrink_size(struct reducer *reducer, size_t index) {
    const struct operation *const operation = &reducer->best.operations[index];
    if (!operation_has_size(operation)) {
        return;
    }
    if (operation->size.base != SIZE_BASE_LITERAL) {
        shrink_relative(reducer, index);
    }
    if (operation->size.base == SIZE_BASE_LITERAL) { /* the best may be another by now */
        struct place place = {.reducer = reducer, .index = index};
        (void)shrink_number((uint32_t)operation->size.amount, try_literal, &place);
        for (uint32_t value = EXHAUSTED_VALUES; value < (uint32_t)operation->size.amount;
             value = next_meaningful(value)) {
            (void)try_literal(&place, value);
        }
    }
}

/* Sizes together. */

static bool try_equals(void *context, uint32_t value) {
    struct place *const place = context;
    struct draft *const draft = reducer_draft(place->reducer);
    for (size_t i = 0; i < draft->count; i++) {
        if (operation_is_literal(&draft->operations[i]) &&
            draft->operations[i].size.amount == place->amount) {
            draft->operations[i].size.amount = (int32_t)value;
        }
    }
    if (!reducer_try(place->reducer)) {
        return false;
    }
    place->amount = (int32_t)value;
    return true;
}

/* Every size that occurs, wherever it does. */
static void shrink_equals(struct reducer *reducer) {
    for (size_t i = 0; i < reducer->best.count; i++) {
        const struct operation *const operation = &reducer->best.operations[i];
        if (operation_is_literal(operation)) {
            struct place place = {.reducer = reducer, .amount = operation->size.amount};
            (void)shrink_number((uint32_t)place.amount, try_equals, &place);
        }
    }
}

static bool try_lower_pair(struct reducer *reducer, size_t one, size_t other) {
    struct operation *const operations = reducer_draft(reducer)->operations;
    if (!operation_is_literal(&operations[one]) || !operation_is_literal(&operations[other]) ||
        operations[one].size.amount < WORD || operations[other].size.amount < WORD) {
        return false;
    }
    operations[one].size.amount -= WORD;
    operations[other].size.amount -= WORD;
    return reducer_try(reducer);
}

/* Two sizes that belong together, such as a hole's and that of what is to fill it, a word at a time. */
static void shrink_pairs(struct reducer *reducer) {
    if (reducer->best.count > PAIRED_COUNT) {
        return;
    }
    for (size_t one = 0; one < reducer->best.count; one++) {
        for (size_t other = one + 1; other < reducer->best.count; other++) {
            while (try_lower_pair(reducer, one, other)) { /* the sizes end */
            }
        }
    }
}

/* The rest. */

static void shrink_choice(struct reducer *reducer, size_t index) {
    for (uint8_t choice = 0; choice < reducer->best.operations[index].choice; choice++) {
        reducer_draft(reducer)->operations[index].choice = choice;
        if (reducer_try(reducer)) {
            return;
        }
    }
}

static bool try_alignment(struct reducer *reducer, size_t index, uint64_t alignment) {
    if (alignment >= reducer->best.operations[index].alignment ||
        !program_format(reducer->best.header.version)->has_alignment(alignment)) {
        return false;
    }
    reducer_draft(reducer)->operations[index].alignment = alignment;
    return reducer_try(reducer);
}

/* The least alignments, from 0 on; then powers of two, exactly and one off. */
static void shrink_alignment(struct reducer *reducer, size_t index) {
    for (uint64_t alignment = 0; alignment < EXHAUSTED_VALUES; alignment++) {
        if (try_alignment(reducer, index, alignment)) {
            return;
        }
    }
    for (uint64_t power = EXHAUSTED_VALUES; power != 0; power *= 2) { /* ends when it wraps to 0 */
        for (uint64_t alignment = power - 1; alignment <= power + 1; alignment++) {
            if (try_alignment(reducer, index, alignment)) {
                return;
            }
        }
    }
}

static bool try_step(void *context, uint32_t value) {
    const struct place *const place = context;
    reducer_draft(place->reducer)->operations[place->index].step = value;
    return reducer_try(place->reducer);
}

static void shrink_step(struct reducer *reducer, size_t index) {
    struct place place = {.reducer = reducer, .index = index};
    (void)shrink_number(reducer->best.operations[index].step, try_step, &place);
}

/* A misuse through a simpler call. */
static void simplify_way(struct reducer *reducer, size_t index) {
    for (unsigned through = 0; through < reducer->best.operations[index].through; through++) {
        struct operation *const operation = &reducer_draft(reducer)->operations[index];
        operation->through = (enum through)through;
        *operation = of_kind(*operation, operation->kind);
        if (reducer_try(reducer)) {
            return;
        }
    }
}

void reduce_operands(struct reducer *reducer) {
    shrink_equals(reducer);
    for (size_t i = 0; i < reducer->best.count; i++) {
        simplify_kind(reducer, i);
        shrink_choice(reducer, i);
        shrink_alignment(reducer, i);
        shrink_size(reducer, i);
        shrink_step(reducer, i);
        simplify_way(reducer, i);
    }
    shrink_pairs(reducer);
}
