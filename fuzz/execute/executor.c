/* The executor. executor.h is the contract; resolve.c, call.c, judge.c, contents.c and damage.c are its
 * parts. */
#include "fuzz/execute/executor.h"

#include "fuzz/execute/bad_start.h"
#include "fuzz/execute/call.h"
#include "fuzz/execute/copy.h"
#include "fuzz/execute/damage.h"
#include "fuzz/execute/growth.h"
#include "fuzz/execute/guard.h"
#include "fuzz/execute/judge.h"
#include "fuzz/execute/pattern.h"
#include "fuzz/execute/resolve.h"
#include "fuzz/execute/slots.h"
#include "fuzz/execute/stores.h"
#include "fuzz/execute/unseen.h"
#include "src/port.h"
#include "src/require.h"

#define TAIL_SIZE ((size_t)64) /* bytes after the last live block in which a header may be written */

/* Makes memory the subject gets next accessible, as a machine's is: what it does not poison then shows, and
 * what it poisons behind its end. */
static void give(struct executor *executor, size_t offset, size_t size) {
    const struct subject_view *const view = executor->subject->view;
    if ((view == NULL || view->poisons) && !executor->region.borrowed) {
        PORT_UNPOISON(executor_pointer(executor, offset), size + judge_end_size(executor));
    }
}

/* The page source the subject is given. It answers as the model has just decided; when the subject asks for
 * something else, the growth oracle will say so. */
static bool extend(void *context, size_t page_count) {
    struct executor *const executor = (struct executor *)context;
    const struct model *const model = &executor->model;
    REQUIRE(executor->given_pages <= model->page_limit);
    executor->asked_pages += page_count;
    executor->ask_count++;
    const bool granted = executor->exact ? executor->grant : true;
    if (!granted || page_count > model->page_limit - executor->given_pages) {
        return false;
    }
    executor->grant = false; /* one ask, one answer */
    give(executor, executor->given_pages * model->page_size, page_count * model->page_size);
    executor->given_pages += page_count;
    return true;
}

/* The digest. */

static void fold(struct executor *executor, uint64_t value) {
    const uint64_t digest = executor->digest;
    executor->digest = ((digest << 5 | digest >> 59) ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

static void fold_step(struct executor *executor, const struct step *step) {
    if (step->call == CALL_DAMAGED) {
        fold(executor, step->refusal);
    }
    const bool anywhere = executor_is_anywhere(executor); /* addresses differ from run to run */
    fold(executor, step->offset == MODEL_NOTHING ? UINT64_MAX : anywhere ? 0 : step->offset);
    fold(executor, executor->census.layout);
}

/* Predict, act, settle. */

/* A question leaves the last refusal as it was. */
static struct prediction predict_usable(const struct executor *executor, const struct step *step) {
    struct prediction prediction =
        step->null_pointer ? model_nothing() : model_usable(&executor->model, step->pointer_offset);
    prediction.refusal = executor->refusal;
    return prediction;
}

static struct prediction predict(struct executor *executor, const struct step *step) {
    struct model *const model = &executor->model;
    switch (step->call) {
    case CALL_ALLOC:
    case CALL_ZALLOC:
        return model_alloc(model, model->policy.grain, step->size);
    case CALL_ALLOC_ALIGNED:
        return model_alloc(model, step->alignment, step->size);
    case CALL_CALLOC:
        return model_calloc(model, step->count, step->size);
    case CALL_REALLOC:
        return step->null_pointer ? model_alloc(model, model->policy.grain, step->size)
                                  : model_realloc(model, step->pointer_offset, step->size);
    case CALL_FREE:
        return step->null_pointer ? model_nothing() : model_free(model, step->pointer_offset);
    case CALL_USABLE:
        return predict_usable(executor, step);
    case CALL_EXTEND:
        return model_extend(model, step->pointer_offset, step->size);
    case CALL_NONE:
    case CALL_COALESCE:
    case CALL_DAMAGED:
        break;
    }
    return model_nothing();
}

/* Makes the call and notes what came of it. */
static struct verdict act(struct executor *executor, struct step *step) {
    if (step->call == CALL_NONE) {
        executor->model.refuse_next |= step->operation.kind == OPERATION_REFUSE;
        return verdict_sound();
    }
    executor->asked_pages = 0;
    executor->ask_count = 0;
    executor->grant = step->predicted.asked_pages != 0 && executor->model.last_ask_granted;
    const struct subject_view *const view = executor->subject->view;
    if (step->call == CALL_COALESCE && view != NULL && view->shatter != NULL) {
        view->shatter(); /* or there would be nothing to merge */
    }
    const struct verdict verdict = call_subject(executor, step->call, step);
    executor->refusal = step->refusal;
    executor->grant_count += step->offset != MODEL_NOTHING;
    step->asked_pages = executor->asked_pages;
    step->ask_count = executor->ask_count;
    return verdict;
}

static void vacate(struct executor *executor, size_t slot, size_t stale_offset) {
    REQUIRE(executor_slot_is_live(executor, slot));
    executor->tables.slots[slot].stale_offset = stale_offset;
    slots_add(executor->tables.stale_bits, slot);
    slots_remove(executor->tables.live_bits, slot);
    guard_mark(executor, executor->tables.slots[slot].offset, executor->tables.slots[slot].size, false);
}

static void occupy(struct executor *executor, size_t slot, size_t offset, size_t size) {
    REQUIRE(slot < executor->slot_count && !executor_slot_is_live(executor, slot));
    struct slot *const taken = &executor->tables.slots[slot];
    taken->offset = offset;
    taken->size = size;
    slots_add(executor->tables.live_bits, slot);
    guard_mark(executor, offset, size, true);
}

/* Brings the slots up to date with what the subject did. Returns the size the slot's payload had before. */
static size_t settle(struct executor *executor, const struct step *step) {
    if (step->slot == STEP_NO_SLOT) {
        return 0;
    }
    struct slot *const slot = &executor->tables.slots[step->slot];
    const bool was_live = executor_slot_is_live(executor, step->slot);
    const size_t old_size = was_live ? slot->size : 0;
    const bool gone = step->call == CALL_FREE || (step->call == CALL_REALLOC && step->size == 0);
    if (was_live && (gone ? step->refusal == REFUSAL_NONE : step->offset != MODEL_NOTHING)) {
        vacate(executor, step->slot, slot->offset);
    }
    if (step->offset != MODEL_NOTHING) {
        const uint64_t size = step->call == CALL_CALLOC ? step->count * step->size : step->size;
        slot->tag = was_live ? slot->tag : pattern_tag(executor->operation_count);
        occupy(executor, step->slot, step->offset, (size_t)size);
    }
    return old_size;
}

/* How far into the arena the run has written, going by the model. The whole region when that is lost,
 * or when it may write anywhere. */
static void note_touched(struct executor *executor) {
    const struct model *const model = &executor->model;
    size_t touched = model->first + TAIL_SIZE;
    if (!executor_is_shown(executor)) {
        touched = executor->given_pages * model->page_size + TAIL_SIZE;
    } else if (model->live_count != 0) {
        const struct live_block *const last = &model->live[model->live_count - 1];
        touched = last->offset + last->size + TAIL_SIZE;
    }
    const size_t capacity = executor->region.capacity;
    touched = touched < capacity ? touched : capacity;
    if (touched > executor->touched_size) {
        executor->touched_size = touched;
    }
}

/* The oracles, in order, with the bookkeeping each relies on between them. */
static struct verdict judge(struct executor *executor, struct step *step) {
    struct verdict verdict = executor->repeats_steps ? verdict_sound() : judge_answer(executor, step);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    executor->exact = executor->exact && !judge_disagrees(executor, step);
    executor->is_unchanged = executor->is_as_judged != NULL && judge_is_unchanged(executor, step);
    if (executor->is_unchanged) {
        return verdict;
    }
    if (step->offset != MODEL_NOTHING && !judge_is_inside(executor, step)) {
        step->offset = MODEL_NOTHING; /* with the oracle off: a payload that cannot be used is none */
        executor->exact = false;
    }
    note_touched(executor);
    const size_t old_size = settle(executor, step);
    if (executor->repeats_steps) {
        executor->is_walked = false;
        executor->is_compared = false;
        return judge_new_contents(executor, step, old_size);
    }
    const bool due = (executor->operation_count + 1) % STORES_JUDGE_STEPS == 0;
    const bool spared = executor->trusts_stores && !due && stores_explain(executor, step);
    verdict = judge_heap(executor, step, spared);
    if (verdict_is_sound(verdict)) {
        verdict = judge_new_contents(executor, step, old_size);
    }
    const bool explained = stores_explain(executor, step); /* the judge has called the subject as well */
    const bool kept = copy_holds(executor, step) && !due;
    executor->is_compared = !kept && (!spared || !explained);
    if (verdict_is_sound(verdict) && executor->is_compared) {
        verdict = judge_kept_contents(executor, step);
    }
    if (verdict_is_sound(verdict) && !explained) {
        verdict = judge_if_on(executor, stores_judge(executor, step));
    }
    if (verdict_is_sound(verdict) && executor->subject->view == NULL) {
        unseen_note(executor, step, old_size);
        verdict = unseen_judge_heap(executor, step);
    }
    return verdict;
}

/* The call and its judgement. A damage is put right before anything else may see it. */
static struct verdict perform(struct executor *executor, struct step *step) {
    if (step->call == CALL_DAMAGED) {
        executor->grant = false;
        executor->is_unchanged = true;
        return damage_perform(executor, step);
    }
    stores_begin(executor->stores, __builtin_frame_address(0));
    struct verdict verdict = act(executor, step);
    if (verdict_is_sound(verdict)) {
        verdict = judge(executor, step);
    }
    stores_end(executor->stores);
    return verdict;
}

static void observe_before(const struct executor *executor, const struct step *step) {
    const struct observers *const observers = &executor->observers;
    for (size_t i = 0; i < observers->count; i++) {
        if (observers->list[i]->before != NULL) {
            observers->list[i]->before(observers->list[i]->context, executor, step);
        }
    }
}

static void observe_after(const struct executor *executor, const struct step *step, struct verdict verdict) {
    const struct observers *const observers = &executor->observers;
    for (size_t i = 0; i < observers->count; i++) {
        if (observers->list[i]->after != NULL) {
            observers->list[i]->after(observers->list[i]->context, executor, step, verdict);
        }
    }
}

static struct verdict do_step(struct executor *executor, const struct operation *operation, bool recovery) {
    struct step step;
    resolve(executor, operation, &step);
    REQUIRE(executor->started && (step.slot == STEP_NO_SLOT || step.slot < executor->slot_count));
    const bool unseen = executor->subject->view == NULL;
    if ((unseen && !unseen_is_in_limits(executor, &step)) || !call_is_asked(executor->subject, &step)) {
        step.call = CALL_NONE;
        step.slot = STEP_NO_SLOT;
    }
    executor->last_call = step.call;
    if (unseen) {
        step.relies = unseen_relies(&step);
        step.relied_before = executor->relied;
        executor->relied |= step.relies;
    }
    step.recovery = recovery;
    step.predicted = executor->exact ? predict(executor, &step) : model_nothing();
    observe_before(executor, &step);
    struct verdict verdict = perform(executor, &step);
    if (unseen && verdict_is_sound(verdict)) {
        verdict = growth_after(executor, &step);
        note_touched(executor);
    }
    if (verdict_is_sound(verdict)) {
        fold_step(executor, &step);
    }
    executor->operation_count++;
    observe_after(executor, &step, verdict);
    return verdict;
}

/* The run. */

void executor_prepare(struct executor *executor) {
    REQUIRE(executor->subject != NULL && executor->arena.base != NULL);
    REQUIRE(executor->subject->view == NULL || executor->subject->view->heap_size <= VIEW_HEAP_SIZE);
    REQUIRE((uintptr_t)executor->arena.base % ARENA_GUARD_SIZE == 0);
    REQUIRE(executor->tables.slot_capacity != 0 && executor->tables.slot_capacity % SLOTS_WORD_BITS == 0);
    arena_prepare(executor->arena);
}

/* A heap that can grow and shows what it does. */
static struct verdict start_seen(struct executor *executor) {
    const struct subject_view *const view = executor->subject->view;
    const struct model *const model = &executor->model;
    for (size_t i = 0; i < view->heap_size; i++) {
        ((unsigned char *)view->heap)[i] = 0;
    }
    const struct subject_region region = {
        .base = executor->region.base,
        .page_size = model->page_size,
        .page_count = model->page_count,
        .source = {.extend = extend, .context = executor, .page_limit = model->page_limit},
    };
    stores_begin(executor->stores, __builtin_frame_address(0));
    executor->started = view->start(&region);
    stores_note_start(executor->stores, view->heap, view->heap_size);
    if (!executor->started) {
        return (struct verdict){INVARIANT_REGION, 0, model->page_count, 0};
    }
    const struct verdict verdict = executor->repeats_steps ? verdict_sound() : judge_bad_starts(executor);
    return verdict_is_sound(verdict) ? judge_start(executor) : verdict;
}

static void call_start(void *context) {
    struct executor *const executor = (struct executor *)context;
    const struct subject *const subject = executor->subject;
    const bool anywhere = subject->facts.memory == SUBJECT_MEMORY_UNKNOWN;
    executor->started =
        subject->start(executor->region.base, anywhere ? 0 : model_region_size(&executor->model));
}

/* Any other heap. One that needs a larger region, say, is not judged by this one. */
static struct verdict start_unseen(struct executor *executor) {
    const struct subject *const subject = executor->subject;
    if (subject->reset != NULL) {
        subject->reset();
    } else if (executor->restore != NULL) {
        executor->restore();
    }
    growth_start(executor);
    guard_restart(executor);
    struct verdict verdict = guard_call(executor, NULL, true, call_start, executor);
    note_touched(executor); /* it may have grown */
    if (verdict_is_sound(verdict) && executor->started) {
        verdict = unseen_judge_start(executor);
    }
    return verdict_is_sound(verdict) ? judge_guards(executor) : verdict;
}

/* Where a run's heap is made: a page into the arena, or in memory that is the subject's. */
static struct arena region_of(const struct executor *executor, size_t front_size) {
    const struct subject_facts *const facts = &executor->subject->facts;
    struct arena region = executor->arena;
    if (facts->memory == SUBJECT_MEMORY_OWN) {
        region = (struct arena){
            .base = (unsigned char *)facts->own_memory, .capacity = facts->own_size, .borrowed = true};
    } else if (facts->memory == SUBJECT_MEMORY_UNKNOWN) {
        region = (struct arena){.base = NULL, .capacity = SIZE_MAX, .borrowed = true};
    } else {
        region.base += front_size;
        region.capacity -= front_size;
    }
    return region;
}

struct verdict executor_start(struct executor *executor, const struct program_header *header) {
    const struct program_header geometry = executor_geometry(executor, header);
    const size_t page_limit = geometry.page_count + geometry.growth_limit;
    REQUIRE(header->slot_count != 0 && header->slot_count <= executor->tables.slot_capacity);
    const struct subject *const subject = executor->subject;
    const struct subject_facts *const facts = &subject->facts;
    const size_t front_size = subject->view != NULL ? geometry.page_size : header->page_size;
    executor->region = region_of(executor, front_size);
    REQUIRE(page_limit <= executor->region.capacity / geometry.page_size);
    executor->exact = facts->first_fit.grain != 0 && facts->memory != SUBJECT_MEMORY_UNKNOWN;
    model_start(&executor->model, executor->exact ? &facts->first_fit : &model_policy_undeclared,
                executor->tables.live, executor->tables.slot_capacity + 1, geometry.page_size,
                geometry.page_count, page_limit, header->refused_asks);
    executor->model.first = executor->exact ? facts->metadata : 0;
    executor->model.skew = facts->memory == SUBJECT_MEMORY_OWN ? (uintptr_t)facts->own_memory : front_size;
    executor->started = false;
    executor->refusal = REFUSAL_NONE;
    executor->slot_count = header->slot_count;
    executor->operation_count = 0;
    executor->grant_count = 0;
    executor->given_pages = geometry.page_count;
    executor->touched_size = 0;
    executor->copied_size = 0;
    executor->is_walked = true;
    executor->is_compared = true;
    executor->last_call = CALL_NONE;
    executor->relied = 0;
    executor->set_aside = verdict_sound();
    executor->seen = (struct seen){.live_size = 0};
    executor->digest = 0;
    for (size_t i = 0; i < slots_word_count(header->slot_count); i++) {
        executor->tables.live_bits[i] = 0;
        executor->tables.stale_bits[i] = 0;
    }
    note_touched(executor);
    give(executor, 0, geometry.page_count * geometry.page_size);
    return subject->view != NULL ? start_seen(executor) : start_unseen(executor);
}

struct verdict executor_arrange(struct executor *executor, const struct live_block *live, size_t live_count) {
    REQUIRE(executor->operation_count == 0 && live_count <= executor->slot_count);
    REQUIRE(executor->subject->view != NULL);
    executor->subject->view->arrange(live, live_count);
    for (size_t i = 0; i < live_count; i++) {
        struct model *const model = &executor->model;
        struct slot *const slot = &executor->tables.slots[i];
        model->live[model->live_count++] = live[i];
        model->taken_size += live[i].size;
        occupy(executor, i, live[i].offset + model->policy.header_size,
               live[i].size - model->policy.header_size);
        slot->tag = pattern_tag(~(uint64_t)i); /* those of steps count up from 0 */
        pattern_write(executor_pointer(executor, slot->offset), slot->tag, 0, slot->size);
    }
    note_touched(executor);
    copy_take(executor);
    return judge_start(executor);
}

struct verdict executor_step(struct executor *executor, const struct operation *operation) {
    return do_step(executor, operation, false);
}

/* offset 0; one block; the blocks there are. */
static struct verdict check_recovery(const struct executor *executor) {
    const size_t block_count = executor->census.block_count;
    const bool recovered = block_count == 1 && executor->census.taken_count == 0 && executor->census.complete;
    return recovered ? verdict_sound() : (struct verdict){ORACLE_RECOVERY, 0, 1, block_count};
}

/* What was not judged after the last step. */
static struct verdict judge_spared(struct executor *executor) {
    struct step none = {.call = CALL_NONE, .slot = STEP_NO_SLOT, .offset = MODEL_NOTHING};
    struct verdict verdict = executor->is_walked ? verdict_sound() : judge_heap(executor, &none, false);
    if (verdict_is_sound(verdict) && !executor->is_compared) {
        verdict = judge_guards(executor);
    }
    if (verdict_is_sound(verdict) && !executor->is_compared && executor->trusts_stores) {
        verdict = judge_poison(executor);
    }
    if (verdict_is_sound(verdict) && !executor->is_compared) {
        verdict = judge_kept_contents(executor, &none);
    }
    return verdict;
}

struct verdict executor_recover(struct executor *executor) {
    const size_t slot_count = executor->slot_count;
    const struct verdict spared = judge_spared(executor);
    if (!verdict_is_sound(spared)) {
        return spared;
    }
    for (size_t slot = 0; slot < slot_count; slot++) {
        slot = slots_find(executor->tables.live_bits, slot_count, slot, true);
        if (slot == slot_count) {
            break;
        }
        const struct operation operation = {.kind = OPERATION_FREE, .slot = (uint16_t)slot};
        const struct verdict verdict = do_step(executor, &operation, true);
        if (!verdict_is_sound(verdict)) {
            return verdict;
        }
    }
    if (executor->subject->view == NULL) {
        return verdict_sound();
    }
    struct verdict verdict = judge_if_on(executor, check_recovery(executor));
    if (verdict_is_sound(verdict)) {
        verdict = judge_region(executor);
    }
    if (verdict_is_sound(verdict) && !executor->is_compared) {
        verdict = judge_guards(executor); /* or the next program would be blamed */
    }
    REQUIRE(slots_find(executor->tables.live_bits, slot_count, 0, true) == slot_count ||
            !verdict_is_sound(verdict) || !executor->exact);
    return verdict_is_sound(verdict) ? judge_poison(executor) : verdict;
}

void executor_end(struct executor *executor, bool violated) {
    if (violated && !executor->region.borrowed) {
        arena_prepare(executor->arena);
    } else {
        arena_reset(executor->region, executor->touched_size);
        if (judge_end_size(executor) != 0) {
            PORT_POISON(executor_pointer(executor, executor->given_pages * executor->model.page_size),
                        judge_end_size(executor));
        }
    }
}

/* The program's operations and the recovery, in a heap that is empty. */
static struct verdict run_through(struct executor *executor, const struct program *program) {
    struct verdict verdict = verdict_sound();
    for (size_t i = 0; i < program->operation_count && verdict_is_sound(verdict); i++) {
        const struct operation operation = program_operation(program, i);
        verdict = executor_step(executor, &operation);
    }
    return verdict_is_sound(verdict) ? executor_recover(executor) : verdict;
}

static struct verdict run_again(struct executor *executor, const struct program *program) {
    const size_t first_grant_count = executor->grant_count;
    const size_t first_free_bytes = executor->seen.free_bytes;
    executor->grant_count = 0;
    executor->model.page_limit = executor->given_pages;
    executor->seen =
        (struct seen){.free_bytes = first_free_bytes}; /* or the program would mean other sizes */
    const struct verdict verdict = run_through(executor, program);
    return verdict_is_sound(verdict) ? unseen_judge_leak(executor, first_grant_count, first_free_bytes)
                                     : verdict;
}

/* A run up to its last verdict, and all of it once more from a new start if that is wanted: the answers must
 * be the same. */
static struct verdict run(struct executor *executor, const struct program *program) {
    struct verdict verdict = executor_start(executor, &program->header);
    if (verdict_is_sound(verdict) && executor->started) {
        verdict = run_through(executor, program);
    }
    if (verdict_is_sound(verdict) && unseen_repeats(executor)) {
        verdict = run_again(executor, program);
    }
    return verdict;
}

struct verdict executor_run(struct executor *executor, const struct program *program) {
    struct verdict verdict = run(executor, program);
    if (verdict_is_sound(verdict) && executor->repeats && unseen_is_repeatable(executor)) {
        const uint64_t first_digest = executor->digest;
        executor_end(executor, false);
        verdict = run(executor, program);
        verdict = verdict_is_sound(verdict) ? unseen_judge_repetition(executor, first_digest) : verdict;
    }
    executor_end(executor, !verdict_is_sound(verdict));
    if (!verdict_is_sound(verdict) && unseen_sets_aside(executor, verdict)) {
        executor->set_aside = verdict;
        verdict = verdict_sound();
    }
    return verdict;
}
