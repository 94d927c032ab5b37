/* Candidates: drafts made canonical, ordered and tried; each rejected one only once. reducer.h is the
 * contract.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/search/reducer.h"
#include "src/require.h"

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
    REQUIRE(program.operation_count == reducer->next.count);
    if (!replay(reducer, &program)) {
        *remembered = key;
        return false;
    }
    copy_draft(&reducer->best, &reducer->next);
    reducer->reduction->step_count++;
    return true;
}

static bool allocate(struct reducer *reducer, const struct program *program) {
    const size_t room = program->operation_count + 1; /* of nothing malloc may give nothing */
    reducer->best.operations = calloc(room, sizeof *reducer->best.operations);
    reducer->next.operations = calloc(room, sizeof *reducer->next.operations);
    reducer->doomed = calloc(room, sizeof *reducer->doomed);
    reducer->bytes = malloc(program_encoded_size(program));
    reducer->rejected = calloc(REJECTED_COUNT, sizeof *reducer->rejected);
    return reducer->best.operations != NULL && reducer->next.operations != NULL && reducer->doomed != NULL &&
           reducer->bytes != NULL && reducer->rejected != NULL;
}

enum reduce_outcome reducer_open(struct reducer *reducer, const struct program *program) {
    if (!allocate(reducer, program)) {
        return REDUCE_NO_MEMORY;
    }
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
    return REDUCE_DONE;
}

void reducer_result(struct reducer *reducer) {
    (void)reducer_draft(reducer);
    reducer->reduction->size = settle(reducer).size;
    reducer->reduction->bytes = reducer->bytes;
    reducer->bytes = NULL;
}

void reducer_close(struct reducer *reducer) {
    free(reducer->best.operations);
    free(reducer->next.operations);
    free(reducer->doomed);
    free(reducer->bytes);
    free(reducer->rejected);
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

bool operation_is_literal(const struct operation *operation) {
    return operation_has_size(operation) && operation->size.base == SIZE_BASE_LITERAL;
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
