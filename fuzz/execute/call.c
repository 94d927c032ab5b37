/* Calls of the subject. call.h is the contract. */
#include "fuzz/execute/call.h"

#include "src/require.h"

/* A 64-bit size as this machine's: what a size_t cannot say becomes the most it can, which fits no heap
 * either. */
static size_t machine_size(uint64_t size) {
    return size > SIZE_MAX ? SIZE_MAX : (size_t)size;
}

static const void *make_call(struct executor *executor, enum call call, struct step *step) {
    const struct subject *const subject = executor->subject;
    void *const pointer = step->null_pointer ? NULL : executor_pointer(executor, step->pointer_offset);
    const size_t size = machine_size(step->size);
    switch (call) {
    case CALL_ALLOC:
        return subject->alloc(size);
    case CALL_ZALLOC:
        return subject->zalloc(size);
    case CALL_CALLOC:
        return subject->calloc(machine_size(step->count), size);
    case CALL_ALLOC_ALIGNED:
        return subject->alloc_aligned(machine_size(step->alignment), size);
    case CALL_REALLOC:
        return subject->realloc(pointer, size);
    case CALL_FREE:
        subject->free(pointer);
        break;
    case CALL_COALESCE:
        subject->coalesce();
        break;
    case CALL_USABLE:
        step->usable_size = subject->usable_size(pointer);
        break;
    case CALL_NONE:
    case CALL_DAMAGED:
        break;
    }
    return NULL;
}

void call_subject(struct executor *executor, enum call call, struct step *step) {
    REQUIRE(step->offset == MODEL_NOTHING && call != CALL_NONE && call != CALL_DAMAGED);
    const void *const result = make_call(executor, call, step);
    if (result != NULL) {
        step->offset = (size_t)((uintptr_t)result - (uintptr_t)executor->region.base);
    }
    step->refusal = executor->subject->view->last_refusal();
    REQUIRE(step->refusal < REFUSAL_COUNT);
    const bool returns = call == CALL_FREE || call == CALL_COALESCE;
    step->returned = returns ? executor->subject->view->last_returned() : step->refusal;
}
