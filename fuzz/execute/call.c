/* Calls of the subject. call.h is the contract. */
#include "fuzz/execute/call.h"

#include "fuzz/execute/guard.h"
#include "src/require.h"

/* A 64-bit size as this machine's: what a size_t cannot say becomes the most it can, which fits no heap
 * either. */
static size_t machine_size(uint64_t size) {
    return size > SIZE_MAX ? SIZE_MAX : (size_t)size;
}

const char *call_name(enum call call) {
    static const char *const names[] = {
        [CALL_NONE] = "",
        [CALL_ALLOC] = "alloc",
        [CALL_ZALLOC] = "zalloc",
        [CALL_CALLOC] = "calloc",
        [CALL_ALLOC_ALIGNED] = "alloc_aligned",
        [CALL_REALLOC] = "realloc",
        [CALL_EXTEND] = "extend",
        [CALL_FREE] = "free",
        [CALL_COALESCE] = "coalesce",
        [CALL_USABLE] = "usable_size",
        [CALL_DAMAGED] = "",
    };
    return names[call];
}

bool call_is_asked(const struct subject *subject, const struct step *step) {
    const struct subject_facts *const facts = &subject->facts;
    switch (step->call) {
    case CALL_NONE:
    case CALL_ALLOC:
    case CALL_DAMAGED:
        break;
    case CALL_ZALLOC:
        return subject->zalloc != NULL;
    case CALL_CALLOC:
        return subject->calloc != NULL;
    case CALL_ALLOC_ALIGNED:
        return subject->alloc_aligned != NULL &&
               (subject->view != NULL || model_is_power_of_two(step->alignment));
    case CALL_REALLOC:
        return subject->realloc != NULL && (!step->null_pointer || facts->realloc_null) &&
               (step->size != 0 || facts->realloc_zero);
    case CALL_FREE:
        return !step->null_pointer || facts->free_null;
    case CALL_EXTEND:
        return subject->extend != NULL;
    case CALL_COALESCE:
        return subject->coalesce != NULL;
    case CALL_USABLE:
        return subject->usable_size != NULL && (!step->null_pointer || subject->view != NULL);
    }
    return true;
}

bool call_is_sized(const struct executor *executor, const struct step *step) {
    return executor->subject->free_sized != NULL && step->call == CALL_FREE && step->slot != STEP_NO_SLOT &&
           step->slot % 2 == 1;
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
    case CALL_EXTEND:
        return subject->extend(pointer, size) ? pointer : NULL;
    case CALL_FREE:
        if (call_is_sized(executor, step)) {
            subject->free_sized(pointer, executor->tables.slots[step->slot].size);
        } else {
            subject->free(pointer);
        }
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

/* A call, for its guard. */
struct making {
    struct executor *executor;
    enum call call;
    struct step *step;
    const void *result;
};

static void make(void *context) {
    struct making *const making = (struct making *)context;
    making->result = make_call(making->executor, making->call, making->step);
}

struct verdict call_subject(struct executor *executor, enum call call, struct step *step) {
    REQUIRE(step->offset == MODEL_NOTHING && call != CALL_NONE && call != CALL_DAMAGED);
    struct making making = {executor, call, step, NULL};
    const bool frees = call == CALL_REALLOC && step->size == 0;
    const bool refusable = call <= CALL_REALLOC && !frees; /* it returns a payload, or NULL */
    const struct verdict verdict = guard_call(executor, step, refusable, make, &making);
    step->ended = !verdict_is_sound(verdict);
    if (making.result != NULL) {
        step->offset = (size_t)((uintptr_t)making.result - (uintptr_t)executor->region.base);
    }
    const struct subject_view *const view = executor->subject->view;
    if (view == NULL) {
        return verdict; /* no reason for a refusal is given, and none is asked for */
    }
    step->refusal = view->last_refusal();
    REQUIRE(step->refusal < REFUSAL_COUNT);
    const bool returns = call == CALL_FREE || call == CALL_COALESCE;
    step->returned = returns ? view->last_returned() : step->refusal;
    return verdict;
}
