/* Passes that give operations other slots: numbered in the order of their first use, and as few as will do.
 */
#include "fuzz/search/reducer.h"

/* How many slots would do if all were as they are named; none is tried beyond. */
static uint16_t used_slots(const struct draft *draft) {
    return (uint16_t)(draft->count < draft->header.slot_count ? draft->count : draft->header.slot_count);
}

static void rename_slot(struct draft *draft, uint16_t from, uint16_t to) {
    for (size_t i = 0; i < draft->count; i++) {
        struct operation *const operation = &draft->operations[i];
        if (!operation_takes(operation->kind, OPERAND_SLOT)) {
            continue;
        }
        if (operation->slot == from) {
            operation->slot = to;
        } else if (operation->slot == to) {
            operation->slot = from;
        }
    }
}

/* All slots at once. Each exchange gives the next slot in the order of first use the next number. */
static void rename_all(struct reducer *reducer) {
    struct draft *const draft = reducer_draft(reducer);
    uint16_t next = 0;
    for (size_t i = 0; i < draft->count; i++) {
        const struct operation *const operation = &draft->operations[i];
        if (operation_takes(operation->kind, OPERAND_SLOT) && operation->slot >= next) {
            rename_slot(draft, operation->slot, next);
            next++;
        }
    }
    (void)reducer_try(reducer);
}

/* One slot, everywhere it is named: exchanged with a lower one. */
static void rename_each(struct reducer *reducer) {
    for (size_t i = 0; i < reducer->best.count; i++) {
        for (uint16_t to = 0; to < used_slots(&reducer->best); to++) {
            const struct operation operation = reducer->best.operations[i];
            if (!operation_takes(operation.kind, OPERAND_SLOT) || operation.slot <= to) {
                break;
            }
            rename_slot(reducer_draft(reducer), operation.slot, to);
            (void)reducer_try(reducer);
        }
    }
}

/* One operation alone. */
static void lower_each(struct reducer *reducer) {
    for (size_t i = 0; i < reducer->best.count; i++) {
        for (uint16_t to = 0; to < used_slots(&reducer->best) && to < reducer->best.operations[i].slot;
             to++) {
            reducer_draft(reducer)->operations[i].slot = to;
            (void)reducer_try(reducer);
        }
    }
}

void reduce_slots(struct reducer *reducer) {
    rename_all(reducer);
    rename_each(reducer);
    lower_each(reducer);
}
