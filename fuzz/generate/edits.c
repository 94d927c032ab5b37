/* The edits that programs are made of. making.h is the contract. */
#include "fuzz/generate/making.h"

/* A few mostly, sometimes as many as there are slots. */
static size_t run_length(struct making *making) {
    struct random *const random = &making->random;
    return 1 + random_below(random, random_once_in(random, 3) ? (uint32_t)making->slots : 8);
}

/* One kind over the slots from one on, at a stride; no more frees than are live. */
static void add_strided(struct making *making, enum operation_kind kind, size_t slot, size_t count,
                        size_t stride) {
    const bool is_same = random_once_in(&making->random, 2); /* also the size, the alignment, ... */
    struct operation operation = making_operation(making, kind, slot);
    if (kind == OPERATION_FREE && count > making->live) {
        count = making->live;
    }
    for (; count > 0; count--) {
        making_append(making, &operation);
        slot += stride;
        if (is_same) {
            operation.slot =
                operation_takes(kind, OPERAND_SLOT) ? (uint16_t)(slot & (making->header.slot_count - 1)) : 0;
        } else {
            operation = making_operation(making, kind, slot);
        }
    }
}

static void add_run(struct making *making) {
    const enum operation_kind kind = making_any_kind(making);
    const size_t stride = 1 + random_below(&making->random, 4);
    const size_t slot = making_any_slot(making);
    add_strided(making, kind, slot, run_length(making), stride);
}

/* Small blocks of four sizes, side by side. */
static void add_small(struct making *making, size_t slot, size_t count) {
    const uint32_t least = 1 + random_below(&making->random, 5); /* words */
    for (const size_t end = slot + count; slot != end; slot++) {
        const struct operation operation = {
            .kind = OPERATION_ALLOC,
            .slot = (uint16_t)(slot & (making->header.slot_count - 1)),
            .size = {.base = SIZE_BASE_LITERAL,
                     .amount = 8 * (int32_t)(least + random_below(&making->random, 4))},
        };
        making_append(making, &operation);
    }
}

/* Passes over holes, uses some, widens them, or has them merged. */
static void use_holes(struct making *making, size_t slot, size_t stride) {
    struct random *const random = &making->random;
    struct operation operation = {.kind = OPERATION_ALLOC,
                                  .slot = (uint16_t)(slot & (making->header.slot_count - 1))};
    switch (random_below(random, 4)) {
    case 0:
        operation.size.base = random_once_in(random, 2) ? SIZE_BASE_LARGEST : SIZE_BASE_TAIL;
        operation.size.amount = -8 * (int32_t)random_below(random, 3);
        making_append(making, &operation);
        if (random_once_in(random, 2)) {
            operation.size = making_more(random);
            making_append(making, &operation);
        }
        break;
    case 1: {
        const enum operation_kind kind = making_any_kind(making);
        add_strided(making, kind, slot, 1 + random_below(random, 4), stride);
        break;
    }
    case 2:
        if (!making_disables(making, OPERATION_COALESCE)) {
            operation = (struct operation){.kind = OPERATION_COALESCE};
            making_append(making, &operation);
        }
        break;
    default:
        break;
    }
}

/*  slots   |a|a|a|a|a|a|a|a|    filled
 *          | |a| |a| |a| |a|    combed, at a stride of 2
 *          | | | |a| | | |a|    combed again: holes are joined on both sides
 */
void making_add_comb(struct making *making) {
    struct random *const random = &making->random;
    const size_t slot = making_any_slot(making);
    const size_t count =
        2 + random_below(random, random_once_in(random, 2) ? (uint32_t)making->header.slot_count : 8);
    if (random_once_in(random, 3)) {
        add_strided(making, OPERATION_ALLOC, slot, count, 1);
    } else {
        add_small(making, slot, count);
    }
    size_t stride = 2 + random_below(random, 2);
    size_t start = slot + random_below(random, (uint32_t)stride);
    for (size_t left = 1 + random_below(random, 4); left > 0; left--) {
        add_strided(making, OPERATION_FREE, start, 1 + (count - 1) / stride, stride);
        use_holes(making, start, stride);
        start++;
        stride = random_once_in(random, 3) ? 1 + random_below(random, 4) : 2 * stride;
    }
}

static void add_random(struct making *making) {
    for (size_t left = 1 + random_below(&making->random, 8); left > 0; left--) {
        const enum operation_kind kind =
            making_any_kind(making); /* before the slot is drawn, with every compiler */
        const struct operation operation = making_operation(making, kind, making_any_slot(making));
        making_append(making, &operation);
    }
}

static void add_again(struct making *making) {
    if (making->count == 0) {
        return;
    }
    struct random *const random = &making->random;
    const size_t start = random_below(random, (uint32_t)making->count);
    const size_t rest = making->count - start;
    const size_t length = 1 + random_below(random, (uint32_t)(rest < 16 ? rest : 16));
    const size_t moved = random_below(random, 5);
    const struct program program = program_decode(making->bytes, making_size(making));
    for (size_t i = start; i < start + length; i++) {
        struct operation operation = program_operation(&program, i);
        if (operation_takes(operation.kind, OPERAND_SLOT)) {
            operation.slot = (uint16_t)((operation.slot + moved) & (making->header.slot_count - 1));
        }
        making_append(making, &operation);
    }
}

static void add_slot(struct making *making) {
    const size_t slot = making_any_slot(making);
    for (size_t left = 2 + random_below(&making->random, 6); left > 0; left--) {
        const struct operation operation = making_operation(making, making_any_kind(making), slot);
        making_append(making, &operation);
    }
}

static void add_live(struct making *making) {
    const bool frees = making_disables(making, OPERATION_REALLOC) || random_below(&making->random, 3) != 0;
    const size_t slot = making_any_slot(making);
    const struct operation first = making_operation(making, OPERATION_ALLOC, slot);
    const struct operation second =
        making_operation(making, frees ? OPERATION_FREE : OPERATION_REALLOC, slot);
    if (random_once_in(&making->random, 2)) {
        making_append(making, &first);
    }
    making_append(making, &second);
}

void making_add_edit(struct making *making) {
    static void (*const edits[])(struct making *) = {add_run,  add_random, add_again,
                                                     add_slot, add_live,   making_add_comb};
    edits[making_any_edit(&making->random)](making);
}
