/* The oracles on one step's answer and on the heap after it. Each check returns its own verdict, whatever is
 * switched on; the two judges ask them in the order in which a failure is best explained: what could make
 * later checks unsafe or misleading comes first.
 * Nothing here writes to the heap. */
#include "fuzz/execute/judge.h"

#include "fuzz/execute/growth.h"
#include "fuzz/execute/slots.h"
#include "fuzz/execute/stores.h"
#include "fuzz/execute/unseen.h"

#define POISON_STEP_SIZE                                                                                     \
    ((size_t)4096) /* bytes: poison in a region of n times as many is judged at every n-th step */

/* NULL has offset MODEL_NOTHING, which in a verdict is UINT64_MAX on every machine. */
static uint64_t verdict_offset(size_t offset) {
    return offset == MODEL_NOTHING ? UINT64_MAX : offset;
}

/* The answer. */

bool judge_is_inside(const struct executor *executor, const struct step *step) {
    if (executor->subject->view == NULL) {
        return executor->subject->facts.memory == SUBJECT_MEMORY_UNKNOWN ||
               growth_is_inside(executor, step->offset, step_request(step));
    }
    const size_t region_size = executor->given_pages * executor->model.page_size;
    return step->offset <= region_size && step_request(step) <= region_size - step->offset;
}

/* An end that no number can say is UINT64_MAX. */
static struct verdict check_inside(const struct executor *executor, const struct step *step) {
    if (judge_is_inside(executor, step)) {
        return verdict_sound();
    }
    const size_t region_size = executor->given_pages * executor->model.page_size;
    const size_t size = step_request(step);
    const uint64_t end = size == SIZE_MAX ? UINT64_MAX : (uint64_t)step->offset + size;
    return (struct verdict){ORACLE_INSIDE, step->offset, region_size, end};
}

static struct verdict check_alignment(const struct executor *executor, const struct step *step) {
    const size_t promised = executor->subject->facts.alignment == 0 ? 1 : executor->subject->facts.alignment;
    const bool asked = step->call == CALL_ALLOC_ALIGNED && step->alignment >= promised &&
                       (step->alignment & (step->alignment - 1)) == 0;
    const size_t alignment = asked ? (size_t)step->alignment : promised;
    const size_t past = (uintptr_t)executor_pointer(executor, step->offset) & (alignment - 1);
    return past == 0 ? verdict_sound() : (struct verdict){ORACLE_ALIGNMENT, step->offset, alignment, past};
}

/* A payload of 0 bytes overlaps what it lies inside of. At another's start it overlaps that only where a heap
 * promises every payload an address of its own. */
static bool overlaps(size_t offset, size_t size, const struct slot *other, bool unique) {
    if (size != 0 && other->size != 0) {
        return offset < other->offset + other->size && other->offset < offset + size;
    }
    if (offset == other->offset) {
        return unique;
    }
    const bool inside = offset > other->offset && offset < other->offset + other->size;
    return inside || (other->offset > offset && other->offset < offset + size);
}

static struct verdict check_disjoint(const struct executor *executor, const struct step *step) {
    const struct executor_tables *const tables = &executor->tables;
    const bool unique = executor->subject->facts.zero_size == SUBJECT_ZERO_UNIQUE;
    const size_t size = step_request(step);
    const size_t word_count = slots_word_count(executor->slot_count);
    for (size_t word = 0; word < word_count; word++) {
        for (uint64_t rest = tables->live_bits[word]; rest != 0; rest = slots_without_first(rest)) {
            const size_t slot = slots_first(word, rest);
            const struct slot *const other = &tables->slots[slot];
            if (slot != step->slot && overlaps(step->offset, size, other, unique)) {
                const size_t other_end = other->offset + other->size;
                return (struct verdict){ORACLE_DISJOINT, step->offset, other->offset, other_end};
            }
        }
    }
    return verdict_sound();
}

/* Then it lies in what the model had as free: no comparison with each of many payloads says more. */
static bool is_where_predicted(const struct executor *executor, const struct step *step) {
    const bool traced = executor->trusts_stores && executor->stores != NULL && executor->stores->traced;
    return (traced || executor->copy != NULL) && executor_is_shown(executor) && step->call != CALL_NONE &&
           step->offset == step->predicted.offset;
}

static struct verdict judge_payload(const struct executor *executor, const struct step *step) {
    struct verdict verdict = judge_if_on(executor, check_inside(executor, step));
    if (verdict_is_sound(verdict)) {
        verdict = judge_if_on(executor, check_alignment(executor, step));
    }
    if (verdict_is_sound(verdict) && !is_where_predicted(executor, step)) {
        verdict = judge_if_on(executor, check_disjoint(executor, step));
    }
    return verdict;
}

/* The model asks once, or not at all. */
static bool asked_as_predicted(const struct step *step) {
    return step->asked_pages == step->predicted.asked_pages &&
           step->ask_count == (step->predicted.asked_pages != 0 ? 1 : 0);
}

/* The region's end is that before the step; pages observed are those of all asks, and equal to those expected
 * when the number of asks is what is wrong. */
static struct verdict check_growth(const struct executor *executor, const struct step *step) {
    if (asked_as_predicted(step)) {
        return verdict_sound();
    }
    const struct model *const model = &executor->model;
    const size_t granted = step->predicted.offset == MODEL_NOTHING ? 0 : step->predicted.asked_pages;
    return (struct verdict){ORACLE_GROWTH, (model->page_count - granted) * model->page_size,
                            step->predicted.asked_pages, step->asked_pages};
}

/* The verdict's offset is the one expected. */
static struct verdict check_placement(const struct step *step) {
    if (step->offset == step->predicted.offset) {
        return verdict_sound();
    }
    const uint64_t predicted = verdict_offset(step->predicted.offset);
    return (struct verdict){ORACLE_PLACEMENT, predicted, predicted, verdict_offset(step->offset)};
}

/* The pointer's offset is 0 when none is passed. Observed is the refusal reported or, when that is right,
 * returned. */
static struct verdict check_refusal_named(const struct step *step) {
    const enum refusal predicted = step->predicted.refusal;
    const enum refusal named = step->refusal == predicted ? step->returned : step->refusal;
    return named == predicted
               ? verdict_sound()
               : (struct verdict){ORACLE_REFUSAL_NAMED, step->pointer_offset, predicted, named};
}

/* Is the answer the model's in all respects? Nothing that compares the two has an objection then. */
static bool is_as_predicted(const struct step *step) {
    const struct prediction *const predicted = &step->predicted;
    return asked_as_predicted(step) && step->offset == predicted->offset &&
           step->refusal == predicted->refusal && step->returned == predicted->refusal;
}

struct verdict judge_answer(const struct executor *executor, const struct step *step) {
    struct verdict verdict = verdict_sound();
    if (executor->subject->view == NULL) {
        verdict = unseen_judge_answer(executor, step);
    }
    if (step->offset != MODEL_NOTHING && verdict_is_sound(verdict)) {
        verdict = judge_payload(executor, step);
    }
    if (!executor->exact || step->call == CALL_NONE || is_as_predicted(step)) {
        return verdict;
    }
    if (verdict_is_sound(verdict)) {
        verdict = judge_if_on(executor, check_growth(executor, step));
    }
    if (verdict_is_sound(verdict)) {
        verdict = judge_if_on(executor, check_placement(step));
    }
    if (verdict_is_sound(verdict) && executor->subject->view != NULL) {
        verdict = judge_if_on(executor, check_refusal_named(step));
    }
    return verdict;
}

bool judge_disagrees(const struct executor *executor, const struct step *step) {
    const bool named = executor->subject->view == NULL || step->refusal == step->predicted.refusal;
    return step->call != CALL_NONE &&
           (!asked_as_predicted(step) || step->offset != step->predicted.offset || !named);
}

/* The heap. */

/* Must the step leave every header as it was? */
static bool must_not_change(const struct executor *executor, const struct step *step) {
    if (executor->exact) {
        return step->predicted.offset == MODEL_NOTHING && step->predicted.freed_offset == MODEL_NOTHING;
    }
    const bool freed = step->call == CALL_FREE || (step->call == CALL_REALLOC && step->size == 0);
    return step->refusal != REFUSAL_NONE || (step->offset == MODEL_NOTHING && !freed);
}

static struct expectation expectation_of(const struct executor *executor) {
    return (struct expectation){
        .base = executor->region.base,
        .page_size = executor->model.page_size,
        .page_count = executor->exact ? executor->model.page_count : executor->given_pages,
        .live = executor->model.live,
        .live_count = executor->model.live_count,
    };
}

/* The checker's verdict. Agreement with the live list needs a model in step with the subject. */
static struct verdict check_heap(struct executor *executor, uint64_t mask) {
    if (executor->subject->view == NULL) {
        return verdict_sound();
    }
    const struct expectation expectation = expectation_of(executor);
    const uint64_t possible = executor->exact ? INVARIANT_ALL : INVARIANT_STRUCTURE;
    const uint64_t asked = executor->oracles & ((mask & possible) | ~INVARIANT_ALL);
    executor->is_walked = true;
    /* cppcheck-suppress returnDanglingLifetime ; a verdict is numbers, and points to nothing */
    return executor->subject->view->check(&expectation, asked, &executor->census);
}

static struct verdict check_refusal_untouched(uint64_t before, uint64_t after) {
    return before == after ? verdict_sound() : (struct verdict){ORACLE_REFUSAL_UNTOUCHED, 0, before, after};
}

/* The invariants. A refused call that changed a sound heap into another sound heap would be named by
 * agreement, which sees only that the heap is not the one expected: so there the changed layout is asked for
 * before agreement is. That takes a second walk, which a heap without fault is spared. */
static struct verdict judge_layout(struct executor *executor, const struct step *step) {
    const bool is_known = executor->is_walked; /* or the layout before is that of an earlier step */
    const uint64_t before = executor->census.layout;
    const struct verdict all = check_heap(executor, INVARIANT_ALL);
    if (!must_not_change(executor, step) || (!is_known && verdict_is_sound(all))) {
        return all;
    }
    const struct verdict structure = verdict_is_sound(all) ? all : check_heap(executor, INVARIANT_STRUCTURE);
    if (!verdict_is_sound(structure)) {
        return structure;
    }
    const struct verdict untouched =
        judge_if_on(executor, check_refusal_untouched(before, executor->census.layout));
    return verdict_is_sound(untouched) ? all : untouched;
}

/* NULL has offset 0. Where no view shows the block: at least what was asked for. */
static struct verdict check_usable_answer(const struct executor *executor, const struct step *step) {
    const bool live = !step->null_pointer && step->slot != STEP_NO_SLOT;
    const size_t least = live ? executor->tables.slots[step->slot].size : 0;
    const bool seen = executor_is_shown(executor);
    const size_t predicted = seen ? step->predicted.usable_size : least;
    const bool right = seen || !live ? step->usable_size == predicted : step->usable_size >= least;
    return right ? verdict_sound()
                 : (struct verdict){ORACLE_USABLE_SIZE, step->pointer_offset, predicted, step->usable_size};
}

/* Asked once for each step: an answer that is wrong only the first time counts. */
static size_t usable_size(const struct executor *executor, struct step *step, size_t offset) {
    if (!step->is_sized) {
        step->usable_size = executor->subject->usable_size(executor_pointer(executor, offset));
        step->is_sized = true;
    }
    return step->usable_size;
}

/* Where no view shows the block: at least the request. A pointer that is not a payload has none. */
static struct verdict check_usable_size(const struct executor *executor, struct step *step) {
    if (step->call == CALL_USABLE) {
        return check_usable_answer(executor, step);
    }
    const bool seen = executor_is_shown(executor);
    const bool misuse = seen && step_is_misuse(step);
    if (executor->subject->usable_size == NULL || (step->offset == MODEL_NOTHING && !misuse)) {
        return verdict_sound();
    }
    const size_t offset = misuse ? step->pointer_offset : step->offset;
    const size_t usable = usable_size(executor, step, offset);
    const size_t predicted = seen ? step->predicted.usable_size : step_request(step);
    const bool right = seen ? usable == predicted : usable >= predicted;
    return right ? verdict_sound() : (struct verdict){ORACLE_USABLE_SIZE, offset, predicted, usable};
}

static struct verdict check_guards(const struct executor *executor) {
    ptrdiff_t offset;
    const size_t region_size = executor->given_pages * executor->model.page_size;
    bool broken = arena_guard_broken(executor->region, region_size, &offset);
    for (size_t i = 1; !broken && i < executor->region_count; i++) {
        broken = arena_gap_broken(executor->region, executor->regions[i].offset - ARENA_GUARD_SIZE, &offset);
    }
    if (!broken) {
        return verdict_sound();
    }
    return (struct verdict){ORACLE_GUARDS, (uint64_t)offset, ARENA_DIRT,
                            arena_byte(executor->region, offset)};
}

struct verdict judge_guards(const struct executor *executor) {
    return judge_if_on(executor, check_guards(executor));
}

/* The head's distance from the base or, when that is 0, the pages there are and those answered. */
static struct verdict check_region(const struct executor *executor) {
    const struct subject_view *const view = executor->subject->view;
    const size_t page_count = expectation_of(executor).page_count;
    const uintptr_t base = (uintptr_t)executor->region.base;
    if (view->head != NULL && (uintptr_t)view->head() != base) {
        return (struct verdict){INVARIANT_REGION, 0, 0, (uintptr_t)view->head() - base};
    }
    if (view->page_count != NULL && view->page_count() != page_count) {
        return (struct verdict){INVARIANT_REGION, 0, page_count, view->page_count()};
    }
    return verdict_sound();
}

struct verdict judge_region(const struct executor *executor) {
    return judge_if_on(executor, check_region(executor));
}

struct verdict judge_start(struct executor *executor) {
    if (executor->repeats_steps) {
        executor->is_walked = false;
        return verdict_sound();
    }
    struct verdict verdict = check_heap(executor, INVARIANT_ALL);
    if (verdict_is_sound(verdict)) {
        verdict = judge_region(executor);
    }
    if (verdict_is_sound(verdict)) {
        verdict = judge_guards(executor);
    }
    return verdict_is_sound(verdict) ? judge_poison(executor) : verdict;
}

/* In a large heap, the headers that the step was about, the region and the counters stand for all of its
 * headers: every other is as it was. */
static bool is_laid_out(struct executor *executor, const struct step *step) {
    const struct subject_view *const view = executor->subject->view;
    const struct model *const model = &executor->model;
    if (view->check_briefly == NULL || model->live_count <= STORES_WALK_LIVE || step->call == CALL_COALESCE ||
        !stores_headers_hold(executor, step)) {
        return false;
    }
    const struct expectation expectation = expectation_of(executor);
    const bool right = verdict_is_sound(
        view->check_briefly(&expectation, model->taken_size, executor->oracles & INVARIANT_ALL));
    executor->is_walked = executor->is_walked && !right;
    return right;
}

bool judge_is_unchanged(const struct executor *executor, struct step *step) {
    const struct subject_view *const view = executor->subject->view;
    const bool traced = executor->stores != NULL && executor->stores->traced; /* then they are judged */
    if (traced || !executor_is_shown(executor) || view->check_briefly == NULL || step->call == CALL_NONE ||
        !must_not_change(executor, step) || !verdict_is_sound(check_usable_size(executor, step)) ||
        !executor->is_as_judged(executor)) { /* that after all calls of the subject */
        return false;
    }
    const struct expectation expectation = expectation_of(executor);
    return verdict_is_sound(view->check_briefly(&expectation, executor->model.taken_size, INVARIANT_ALL));
}

struct verdict judge_heap(struct executor *executor, struct step *step, bool explained) {
    struct verdict verdict = verdict_sound();
    if (!explained || !is_laid_out(executor, step)) {
        verdict = judge_layout(executor, step);
    }
    if (verdict_is_sound(verdict)) {
        verdict = judge_if_on(executor, check_usable_size(executor, step));
    }
    if (verdict_is_sound(verdict) && !explained) {
        verdict = judge_guards(executor);
    }
    const size_t every = 1 + (model_region_size(&executor->model) - 1) / POISON_STEP_SIZE;
    const bool due = explained ? !poison_holds(executor, step)
                               : executor->trusts_stores || executor->operation_count % every == 0;
    return due && verdict_is_sound(verdict) ? judge_poison(executor) : verdict;
}
