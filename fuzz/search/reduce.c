/* The reducer: candidates, and the passes in turn until none helps. reduce.h and reducer.h are the contracts.
 */
#include "fuzz/search/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/search/reducer.h"

#define REJECTED_COUNT ((size_t)1 << 16) /* hashes remembered, 8 bytes each */

/* Drafts. */

static void copy_draft(struct draft *to, const struct draft *from) {
    to->header = from->header;
    to->count = from->count;
    if (from->count != 0) {
        memcpy(to->operations, from->operations, from->count * sizeof *from->operations);
    }
}

struct draft *reducer_draft(struct reducer *reducer) {
    copy_draft(&reducer->next, &reducer->best);
    return &reducer->next;
}

/* Writes the draft's canonical bytes, and takes it apart again: the draft becomes what its bytes mean. */
static struct program settle(struct reducer *reducer) {
    struct draft *const draft = &reducer->next;
    const size_t size = program_size(draft->header.version, draft->count);
    program_encode_header(&draft->header, reducer->bytes);
    for (size_t i = 0; i < draft->count; i++) {
        program_encode_operation(&draft->header, i, &draft->operations[i], reducer->bytes);
    }
    struct program program = program_decode(reducer->bytes, size);
    program_encode(&program, reducer->bytes);
    program = program_decode(reducer->bytes, size);
    draft->header = program.header;
    for (size_t i = 0; i < draft->count; i++) {
        draft->operations[i] = program_operation(&program, i);
    }
    return program;
}

/* FNV-1a, then mixed so that its low bits are as good as any; never 0, which an empty place holds. */
static uint64_t hash(const uint8_t *bytes, size_t size) {
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        value = (value ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    value ^= value >> 32;
    return value | UINT64_C(1) << 63;
}

static bool replay(struct reducer *reducer, const struct program *program) {
    struct reduction *const reduction = reducer->reduction;
    if (reduction->replay_count >= reduction->replay_limit) {
        return false;
    }
    reduction->replay_count++;
    return reduction->fails(reduction->context, program);
}

bool reducer_try(struct reducer *reducer) {
    const struct program program = settle(reducer);
    if (order_drafts(&reducer->next, &reducer->best) >= 0) {
        return false;
    }
    const uint64_t key = hash(program.bytes, program.size);
    uint64_t *const remembered = &reducer->rejected[key % REJECTED_COUNT];
    if (*remembered == key) {
        return false;
    }
    if (!replay(reducer, &program)) {
        *remembered = key;
        return false;
    }
    copy_draft(&reducer->best, &reducer->next);
    reducer->reduction->step_count++;
    return true;
}

void reducer_spare_all(struct reducer *reducer) {
    memset(reducer->doomed, 0, reducer->best.count * sizeof *reducer->doomed);
}

bool reducer_try_without_doomed(struct reducer *reducer) {
    struct draft *const draft = &reducer->next;
    draft->header = reducer->best.header;
    draft->count = 0;
    for (size_t i = 0; i < reducer->best.count; i++) {
        if (!reducer->doomed[i]) {
            draft->operations[draft->count++] = reducer->best.operations[i];
        }
    }
    return draft->count < reducer->best.count && reducer_try(reducer);
}

bool operation_allocates(enum operation_kind kind) {
    return kind == OPERATION_ALLOC || kind == OPERATION_ZALLOC || kind == OPERATION_CALLOC ||
           kind == OPERATION_ALIGNED;
}

uint32_t shrink_number(uint32_t value, shrink_attempt *attempt, void *context) {
    uint32_t low = 0; /* bisection: every turn halves the distance between the two */
    while (low < value) {
        const uint32_t middle = low + (value - low) / 2;
        if (attempt(context, middle)) {
            value = middle;
        } else {
            low = middle + 1;
        }
    }
    for (uint32_t i = 0; i < value && i < EXHAUSTED_VALUES; i++) {
        if (attempt(context, i)) {
            return i;
        }
    }
    return value;
}

/* The whole. */

static bool allocate(struct reducer *reducer, const struct program *program) {
    const size_t count = program->operation_count;
    const size_t room = count + 1; /* of nothing malloc may give nothing */
    reducer->best.operations = calloc(room, sizeof *reducer->best.operations);
    reducer->next.operations = calloc(room, sizeof *reducer->next.operations);
    reducer->doomed = calloc(room, sizeof *reducer->doomed);
    reducer->bytes = malloc(program_encoded_size(program));
    reducer->rejected = calloc(REJECTED_COUNT, sizeof *reducer->rejected);
    return reducer->best.operations != NULL && reducer->next.operations != NULL && reducer->doomed != NULL &&
           reducer->bytes != NULL && reducer->rejected != NULL;
}

static void release(struct reducer *reducer) {
    free(reducer->best.operations);
    free(reducer->next.operations);
    free(reducer->doomed);
    free(reducer->rejected);
}

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

static enum reduce_outcome run(struct reducer *reducer, const struct program *program) {
    struct draft *const draft = &reducer->next;
    draft->header = program->header;
    draft->count = program->operation_count;
    for (size_t i = 0; i < draft->count; i++) {
        draft->operations[i] = program_operation(program, i);
    }
    const struct program canonical = settle(reducer);
    if (!replay(reducer, &canonical)) {
        return REDUCE_NOT_FAILING;
    }
    copy_draft(&reducer->best, draft);
    run_passes(reducer);
    (void)reducer_draft(reducer);
    reducer->reduction->size = settle(reducer).size;
    reducer->reduction->bytes = reducer->bytes;
    return REDUCE_DONE;
}

enum reduce_outcome reduce(const struct program *program, struct reduction *reduction) {
    struct reducer reducer = {.reduction = reduction};
    reduction->bytes = NULL;
    reduction->size = 0;
    reduction->replay_count = 0;
    reduction->step_count = 0;
    enum reduce_outcome outcome = REDUCE_NO_MEMORY;
    if (allocate(&reducer, program)) {
        outcome = run(&reducer, program);
    }
    release(&reducer);
    if (outcome != REDUCE_DONE) {
        free(reducer.bytes);
    }
    return outcome;
}
