/* Plans, by a subject that answers as the model predicts. plan.h is the contract. */
#include "fuzz/report/plan.h"

#include <stdlib.h>

#include "fuzz/host/host.h"
#include "src/port.h"

/* The obedient subject. */

static const struct step *next_step; /* the step the executor is about to make */
static struct subject_region planned_region;

static bool start(const struct subject_region *region) {
    planned_region = *region;
    return true;
}

/* Asks for the pages predicted and returns the payload predicted, which the executor will write to. */
static void *obey(void) {
    const struct prediction *const predicted = &next_step->predicted;
    if (predicted->asked_pages != 0) {
        (void)planned_region.source.extend(planned_region.source.context, predicted->asked_pages);
    }
    if (predicted->offset == MODEL_NOTHING) {
        return NULL;
    }
    unsigned char *const payload = planned_region.base + predicted->offset;
    PORT_UNPOISON(payload, predicted->usable_size);
    return payload;
}

static void *alloc(size_t size) {
    (void)size;
    return obey();
}

static void *alloc_pair(size_t first, size_t second) {
    (void)first, (void)second;
    return obey();
}

static void *resize(void *pointer, size_t size) {
    (void)pointer, (void)size;
    return obey();
}

static void release(void *pointer) {
    (void)pointer;
}

static void coalesce(void) {
}

static enum refusal last_refusal(void) {
    return next_step->predicted.refusal;
}

/* Nothing of what follows is judged: all oracles are off. */

static size_t usable_size(const void *pointer) {
    (void)pointer;
    return next_step->predicted.usable_size;
}

static struct verdict check(const struct expectation *expectation, uint64_t mask, struct census *census) {
    (void)expectation, (void)mask;
    *census = (struct census){.block_count = 0};
    return verdict_sound();
}

static const struct subject_view view = {
    .answers_damage = true,
    .start = start,
    .last_refusal = last_refusal,
    .last_returned = last_refusal,
    .check = check,
};

static struct subject subject_obedient = {
    .name = "the model's",
    .alloc = alloc,
    .zalloc = alloc,
    .calloc = alloc_pair,
    .alloc_aligned = alloc_pair,
    .realloc = resize,
    .free = release,
    .coalesce = coalesce,
    .usable_size = usable_size,
    .view = &view,
};

/* The run. */

static void note_before(void *context, const struct executor *executor, const struct step *step) {
    (void)context, (void)executor;
    next_step = step;
}

static void note_after(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    struct plan *const plan = context;
    (void)executor, (void)verdict;
    plan->steps[plan->step_count++] = *step;
}

bool plan_make(const struct program *program, struct plan *plan) {
    const size_t step_limit = program->operation_count + program->header.slot_count;
    *plan = (struct plan){.steps = malloc(step_limit * sizeof *plan->steps)};
    if (plan->steps == NULL) {
        return false;
    }
    const struct observer noting = {.before = note_before, .after = note_after, .context = plan};
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    const struct subject *const subject = executor->subject;
    const struct observers others = executor->observers;
    const uint64_t oracles = executor->oracles;
    subject_obedient.facts = subject_kmem.facts; /* or calls that rely on them would be left out */
    executor->subject = &subject_obedient;
    executor->observers = (struct observers){{&noting}, 1};
    executor->oracles = 0;
    const struct verdict verdict = executor_run(executor, program);
    executor->subject = subject;
    executor->observers = others;
    executor->oracles = oracles;
    return verdict_is_sound(verdict); /* it is: no oracle was asked */
}

void plan_close(struct plan *plan) {
    free(plan->steps);
    *plan = (struct plan){.steps = NULL, .step_count = 0};
}
