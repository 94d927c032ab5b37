/* Oracles for subjects without a view. unseen.h is the contract. */
#include "fuzz/execute/unseen.h"

#include "fuzz/execute/judge.h"

#define LIVE_REGION_SIZE ((size_t)1024) /* bytes: a heap that starts in so many has room for a byte */

struct verdict unseen_judge_start(const struct executor *executor) {
    const struct subject *const subject = executor->subject;
    const size_t region_size = model_region_size(&executor->model);
    if (region_size >= LIVE_REGION_SIZE) {
        void *const payload = subject->alloc(1);
        if (payload == NULL) {
            const struct verdict verdict =
                judge_if_on(executor, (struct verdict){ORACLE_LIVENESS, region_size, 1, UINT64_MAX});
            if (!verdict_is_sound(verdict)) {
                return verdict;
            }
        } else {
            subject->free(payload);
        }
    }
    return unseen_judge_heap(executor);
}

struct verdict unseen_judge_payload(const struct executor *executor, const struct step *step) {
    const size_t region_size = model_region_size(&executor->model);
    const size_t request = step_request(step);
    if (executor->subject->view != NULL || request <= region_size) {
        return verdict_sound();
    }
    return judge_if_on(executor,
                       (struct verdict){ORACLE_IMPOSSIBLE_SIZE, step->offset, region_size, request});
}

struct verdict unseen_judge_heap(const struct executor *executor) {
    const struct subject *const subject = executor->subject;
    if (subject->view != NULL || subject->check == NULL || subject->check()) {
        return verdict_sound();
    }
    return judge_if_on(executor, (struct verdict){ORACLE_OWN_CHECK, 0, 1, 0});
}

bool unseen_repeats(const struct executor *executor) {
    return executor->subject->view == NULL && executor->started && executor->subject->facts.merges;
}

struct verdict unseen_judge_leak(const struct executor *executor, size_t first_grant_count) {
    if (executor->grant_count >= first_grant_count) {
        return verdict_sound();
    }
    return judge_if_on(executor, (struct verdict){ORACLE_LEAK, 0, first_grant_count, executor->grant_count});
}
