/* Passes that take operations away: what comes after the failure, blocks, groups that belong together, one by
 * one, in pairs; and allocations that only take up room, whose room another can take. */
#include "fuzz/search/reducer.h"

#define PAIRED_FREES ((size_t)64) /* with more operations, pairs are too many to be tried */
#define TRADED_COUNT ((size_t)32) /* nor, with more than so many, an operation for a size */
#define HEADER_SIZE  ((size_t)8)  /* bytes a block has besides its payload, in the layout fold keeps */
#define BLOCK_SIZE   ((size_t)16) /* bytes of the smallest block */

/* Cuts after the failing operation: the shortest beginning that fails, if every longer one does too. */
static void cut(struct reducer *reducer) {
    size_t low = 0;
    size_t high = reducer->best.count;
    while (low < high) { /* every turn halves the distance between the two */
        const size_t middle = low + (high - low) / 2;
        reducer_draft(reducer)->count = middle;
        if (reducer_try(reducer)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
}

static bool try_without_run(struct reducer *reducer, size_t start, size_t end) {
    reducer_spare_all(reducer);
    for (size_t i = start; i < end; i++) {
        reducer->doomed[i] = true;
    }
    return reducer_try_without_doomed(reducer);
}

/* One sweep from the back, in blocks that double when they can go and halve when they cannot. Each operation
 * goes or has been tried alone. */
static void delete_blocks(struct reducer *reducer) {
    size_t end = reducer->best.count;
    size_t size = end / 2;
    while (end != 0) { /* every turn lessens end or, at most 64 times between two of those, size */
        size = size == 0 ? 1 : size;
        size = size < end ? size : end;
        if (try_without_run(reducer, end - size, end)) {
            end -= size;
            size *= 2;
        } else if (size > 1) {
            size /= 2;
        } else {
            end--;
        }
    }
}

/* Groups. */

static bool uses_slot(const struct operation *operation, uint16_t slot) {
    return operation_takes(operation->kind, OPERAND_SLOT) && operation->slot == slot;
}

/* Everything that names the slot of an operation. */
static void delete_slots(struct reducer *reducer) {
    for (size_t i = 0; i < reducer->best.count; i++) {
        const struct operation first = reducer->best.operations[i];
        reducer_spare_all(reducer);
        for (size_t j = i; j < reducer->best.count; j++) {
            reducer->doomed[j] = uses_slot(&reducer->best.operations[j], first.slot) &&
                                 operation_takes(first.kind, OPERAND_SLOT);
        }
        (void)reducer_try_without_doomed(reducer);
    }
}

static void delete_kinds(struct reducer *reducer) {
    for (unsigned kind = 0; kind < OPERATION_KIND_COUNT; kind++) {
        reducer_spare_all(reducer);
        for (size_t i = 0; i < reducer->best.count; i++) {
            reducer->doomed[i] = reducer->best.operations[i].kind == kind;
        }
        (void)reducer_try_without_doomed(reducer);
    }
}

/* One allocation with all that is done to it: what names its slot, up to the next allocation into that. */
static void delete_lives(struct reducer *reducer) {
    for (size_t i = reducer->best.count; i-- > 0;) {
        if (i >= reducer->best.count || !operation_allocates(reducer->best.operations[i].kind)) {
            continue;
        }
        const uint16_t slot = reducer->best.operations[i].slot;
        reducer_spare_all(reducer);
        reducer->doomed[i] = true;
        for (size_t j = i + 1; j < reducer->best.count; j++) {
            const struct operation *const operation = &reducer->best.operations[j];
            if (uses_slot(operation, slot) && operation_allocates(operation->kind)) {
                break;
            }
            reducer->doomed[j] = uses_slot(operation, slot);
        }
        (void)reducer_try_without_doomed(reducer);
    }
}

static void delete_pairs(struct reducer *reducer) {
    if (reducer->best.count > PAIRED_FREES) {
        return;
    }
    for (size_t i = reducer->best.count; i-- > 1;) {
        for (size_t j = i; j-- > 0;) {
            if (i >= reducer->best.count) {
                break; /* a later pair is gone */
            }
            reducer_spare_all(reducer);
            reducer->doomed[i] = true;
            reducer->doomed[j] = true;
            (void)reducer_try_without_doomed(reducer);
        }
    }
}

/* Folding. */

static size_t block_size(int32_t request) {
    const size_t size = ((size_t)request + HEADER_SIZE - 1) / HEADER_SIZE * HEADER_SIZE + HEADER_SIZE;
    return size < BLOCK_SIZE ? BLOCK_SIZE : size;
}

static void remove_operation(struct draft *draft, size_t gone) {
    draft->count--;
    for (size_t i = gone; i < draft->count; i++) {
        draft->operations[i] = draft->operations[i + 1];
    }
}

/* Takes operation `gone` away and adds its block's bytes to the payload of `heir`, so that what comes after
 * them stays where it was:
 *
 *     |h gone |h heir |   ->   |h heir          |
 */
static bool try_fold(struct reducer *reducer, size_t gone, size_t heir) {
    const struct operation *const operations = reducer->best.operations;
    if (!operation_is_literal(&operations[gone]) || !operation_is_literal(&operations[heir])) {
        return false;
    }
    const size_t sum = (size_t)operations[heir].size.amount + block_size(operations[gone].size.amount);
    if (sum > PROGRAM_LITERAL_MAXIMUM) {
        return false;
    }
    struct draft *const draft = reducer_draft(reducer);
    draft->operations[heir].size.amount = (int32_t)sum;
    remove_operation(draft, gone);
    return reducer_try(reducer);
}

/* Two allocations next to each other become one. */
static void fold_allocations(struct reducer *reducer) {
    for (size_t i = reducer->best.count; i-- > 1;) {
        if (i < reducer->best.count && !try_fold(reducer, i - 1, i)) {
            (void)try_fold(reducer, i, i - 1);
        }
    }
}

/* Takes operation `gone` away and makes the size of `other` that of the region; grants: in a heap that may
 * grow by a page at least, and is refused none. */
static void try_trade(struct reducer *reducer, size_t gone, size_t other, bool grants) {
    struct draft *const draft = reducer_draft(reducer);
    struct program_header *const header = &draft->header;
    const size_t region_size = header->page_size * header->page_count;
    draft->operations[other].size = (struct size_operand){SIZE_BASE_LITERAL, (int32_t)region_size};
    remove_operation(draft, gone);
    if (grants) {
        header->growth_limit += header->growth_limit == 0;
        header->refused_asks = 0;
    }
    (void)reducer_try(reducer);
}

/* What several requests do together, such as taking up a heap's room, one that fits nowhere may do alone. It
 * shrinks again later, and so does growth. */
static void trade_for_size(struct reducer *reducer) {
    if (reducer->best.count > TRADED_COUNT) {
        return;
    }
    for (size_t gone = reducer->best.count; gone-- > 0;) {
        for (size_t i = 0; i < 2 * reducer->best.count; i++) { /* each operation twice */
            const size_t other = i / 2;
            if (gone < reducer->best.count && other != gone &&
                operation_takes(reducer->best.operations[other].kind, OPERAND_SIZE)) {
                try_trade(reducer, gone, other, i % 2 != 0);
            }
        }
    }
}

void reduce_operations(struct reducer *reducer) {
    cut(reducer);
    delete_blocks(reducer);
    delete_slots(reducer);
    delete_kinds(reducer);
    delete_lives(reducer);
    fold_allocations(reducer);
    trade_for_size(reducer);
    delete_pairs(reducer);
}
