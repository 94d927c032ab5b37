/* Guarded calls of a subject without a view. guard.h is the contract. */
#include "fuzz/execute/guard.h"

#include "fuzz/execute/judge.h"

static bool is_guarded(const struct executor *executor) {
    return executor->guard != NULL && executor->subject->view == NULL;
}

struct verdict guard_call(const struct executor *executor, const struct step *step, bool refusable,
                          guarded_call *call, void *context) {
    if (!is_guarded(executor)) {
        call(context);
        return verdict_sound();
    }
    const struct verdict verdict = executor->guard->watch(executor, step, call, context);
    const bool refused =
        verdict.oracle == ORACLE_ASSERTION && refusable && executor->subject->facts.assertion_refuses;
    return refused ? verdict_sound() : judge_if_on(executor, verdict);
}

void guard_restart(const struct executor *executor) {
    if (is_guarded(executor)) {
        executor->guard->restart();
    }
}

void guard_mark(const struct executor *executor, size_t offset, size_t size, bool live) {
    if (is_guarded(executor)) {
        executor->guard->mark(offset, size, live);
    }
}

bool guard_is_at(const struct executor *executor, struct verdict verdict, const char *place) {
    return is_guarded(executor) && executor->guard->is_at(verdict, place);
}
