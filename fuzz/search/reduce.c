/* The reducer: the passes in turn until none helps. reduce.h and reducer.h are the contracts. */
#include "fuzz/search/reduce.h"

#include "fuzz/search/reducer.h"

/* All passes in turn until a round has changed nothing. Each other round has made the program smaller, of
 * which there is an end. */
static void run_passes(struct reducer *reducer) {
    size_t steps_before;
    reduce_disabled_kinds(reducer);
    do {
        steps_before = reducer->reduction->step_count;
        reduce_operations(reducer);
        reduce_slots(reducer);
        reduce_operands(reducer);
        reduce_header(reducer);
    } while (reducer->reduction->step_count != steps_before);
}

enum reduce_outcome reduce(const struct program *program, struct reduction *reduction) {
    struct reducer reducer = {.reduction = reduction};
    reduction->bytes = NULL;
    reduction->size = 0;
    reduction->replay_count = 0;
    reduction->step_count = 0;
    const enum reduce_outcome outcome = reducer_open(&reducer, program);
    if (outcome == REDUCE_DONE) {
        run_passes(&reducer);
        reducer_result(&reducer);
    }
    reducer_close(&reducer);
    return outcome;
}
