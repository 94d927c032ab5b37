/* Which of two programs is the smaller. reduce.h states the order. */
#include <stdlib.h>

#include "fuzz/search/reducer.h"

static int order_numbers(uint64_t left, uint64_t right) {
    return (left > right) - (left < right);
}

/* Compares the members in turn; the first that differs decides. */
#define ORDER(left, right)                                                                                   \
    do {                                                                                                     \
        const int order = order_numbers((left), (right));                                                    \
        if (order != 0) {                                                                                    \
            return order;                                                                                    \
        }                                                                                                    \
    } while (0)

static int order_headers(const struct program_header *left, const struct program_header *right) {
    ORDER(left->growth_limit, right->growth_limit);
    ORDER(left->refused_asks, right->refused_asks);
    ORDER(left->page_size * left->page_count, right->page_size * right->page_count);
    ORDER(left->page_count, right->page_count);
    ORDER(left->slot_count, right->slot_count);
    ORDER(left->disabled_kinds, right->disabled_kinds);
    return 0;
}

static int order_sizes(struct size_operand left, struct size_operand right) {
    ORDER(left.base, right.base);
    ORDER((unsigned)abs(left.amount), (unsigned)abs(right.amount));
    ORDER(left.amount < 0, right.amount < 0);
    return 0;
}

static int order_operations(const struct operation *left, const struct operation *right) {
    ORDER(left->kind, right->kind);
    ORDER(left->through, right->through);
    const int sizes = order_sizes(left->size, right->size);
    if (sizes != 0) {
        return sizes;
    }
    ORDER(left->alignment, right->alignment);
    ORDER(left->choice, right->choice);
    ORDER(left->step, right->step);
    ORDER(left->slot, right->slot);
    return 0;
}

int order_drafts(const struct draft *left, const struct draft *right) {
    ORDER(left->count, right->count);
    int order = order_headers(&left->header, &right->header);
    for (size_t i = 0; i < left->count && order == 0; i++) {
        order = order_operations(&left->operations[i], &right->operations[i]);
    }
    return order;
}

int reduce_order(const struct program *left, const struct program *right) {
    ORDER(left->operation_count, right->operation_count);
    int order = order_headers(&left->header, &right->header);
    for (size_t i = 0; i < left->operation_count && order == 0; i++) {
        const struct operation one = program_operation(left, i);
        const struct operation other = program_operation(right, i);
        order = order_operations(&one, &other);
    }
    return order;
}
