/* Oracles for subjects without a view. unseen.h is the contract. */
#include "fuzz/execute/unseen.h"

#include "fuzz/execute/call.h"
#include "fuzz/execute/growth.h"
#include "fuzz/execute/guard.h"
#include "fuzz/execute/judge.h"
#include "fuzz/execute/slots.h"

#define LIVE_REGION_SIZE ((size_t)1024) /* bytes: a heap that starts in so many has room for a byte */
#define LIVE_REQUEST     ((size_t)16)   /* bytes: one that does not say its largest request grants so many */
#define LIVE_PART        8u             /* of an empty heap: a request no larger is granted */
#define CUT_LEAST        ((size_t)256)  /* bytes a resize cuts off for a part of them to be had */
#define CUT_PART         4u

/* In memory that is anywhere, nothing but these bounds what a program takes. What is impossible is asked for
 * all the same. */
#define ANYWHERE_REQUEST   ((size_t)1 << 20)
#define ANYWHERE_LIVE      ((size_t)64 << 20)
#define ANYWHERE_ALIGNMENT ((size_t)1 << 20)

static struct verdict if_not(const struct executor *executor, bool right, struct verdict wrong) {
    return right ? verdict_sound() : judge_if_on(executor, wrong);
}

static bool allocates(const struct step *step) {
    return step->call == CALL_ALLOC || step->call == CALL_ZALLOC || step->call == CALL_CALLOC ||
           step->call == CALL_ALLOC_ALIGNED;
}

/* Limits. */

static uint64_t at_most(uint64_t value, uint64_t most) {
    return value < most ? value : most;
}

bool unseen_is_in_limits(const struct executor *executor, struct step *step) {
    const struct subject *const subject = executor->subject;
    if (subject->facts.size_width != 0 && subject->facts.size_width < 64) {
        const uint64_t most = (UINT64_C(1) << subject->facts.size_width) - 1;
        step->size = at_most(step->size, most);
        step->count = at_most(step->count, most);
    }
    const size_t request = step_request(step);
    if (subject->request_cap != 0 && request > subject->request_cap) {
        return false;
    }
    if (subject->facts.memory != SUBJECT_MEMORY_UNKNOWN || request > PTRDIFF_MAX ||
        step->alignment > PTRDIFF_MAX) {
        return true;
    }
    return request <= ANYWHERE_REQUEST && executor->seen.live_size + request <= ANYWHERE_LIVE &&
           step->alignment <= ANYWHERE_ALIGNMENT;
}

unsigned unseen_relies(const struct step *step) {
    if (step->call == CALL_FREE && step->null_pointer) {
        return RELIANCE_FREE_NULL;
    }
    if (step->call == CALL_REALLOC) {
        const unsigned emptied = step->size == 0 ? RELIANCE_REALLOC_ZERO : 0u;
        return step->null_pointer ? RELIANCE_REALLOC_NULL : emptied;
    }
    if (step->call != CALL_FREE || step->slot != STEP_NO_SLOT) {
        return 0;
    }
    switch (step->operation.kind) {
    case OPERATION_DOUBLE:
        return RELIANCE_DOUBLE_FREE;
    case OPERATION_INTERIOR:
        return RELIANCE_INTERIOR;
    case OPERATION_MISALIGNED:
        return RELIANCE_MISALIGNED;
    default:
        return RELIANCE_FOREIGN;
    }
}

size_t unseen_reach(const struct executor *executor) {
    return executor_is_anywhere(executor) ? executor->seen.live_size + ANYWHERE_REQUEST
                                          : executor->given_pages * executor->model.page_size;
}

/* Questions, which the heap answers under guard. */
struct question {
    const struct subject *subject;
    void *context; /* for visits */
    bool answer;
    size_t number;
};

static void ask_check(void *context) {
    struct question *const question = (struct question *)context;
    question->answer = question->subject->check();
}

static void ask_free_bytes(void *context) {
    struct question *const question = (struct question *)context;
    question->number = question->subject->free_bytes();
}

/* The start. */

/* Allocates a byte, and frees it. */
static struct verdict judge_first(struct executor *executor) {
    struct step step = {.call = CALL_ALLOC, .slot = STEP_NO_SLOT, .size = 1, .offset = MODEL_NOTHING};
    const struct verdict verdict = call_subject(executor, CALL_ALLOC, &step);
    if (!verdict_is_sound(verdict) || step.offset == MODEL_NOTHING) {
        return verdict_is_sound(verdict)
                   ? judge_if_on(executor,
                                 (struct verdict){ORACLE_LIVENESS, growth_size(executor), 1, UINT64_MAX})
                   : verdict;
    }
    step.pointer_offset = step.offset;
    step.offset = MODEL_NOTHING;
    return call_subject(executor, CALL_FREE, &step);
}

struct verdict unseen_judge_start(struct executor *executor) {
    const struct subject *const subject = executor->subject;
    const bool has_room = growth_size(executor) >= LIVE_REGION_SIZE + subject->facts.metadata;
    struct verdict verdict = has_room ? judge_first(executor) : verdict_sound();
    struct question question = {.subject = subject};
    if (verdict_is_sound(verdict) && subject->free_bytes != NULL) {
        verdict = guard_call(executor, NULL, false, ask_free_bytes, &question);
    }
    const struct step none = {.call = CALL_NONE, .slot = STEP_NO_SLOT, .offset = MODEL_NOTHING};
    executor->seen.free_bytes = question.number;
    return verdict_is_sound(verdict) ? unseen_judge_heap(executor, &none) : verdict;
}

/* Answers. */

static struct verdict judge_granted(const struct executor *executor, const struct step *step) {
    const struct subject_facts *const facts = &executor->subject->facts;
    const size_t request = step_request(step);
    size_t most = facts->memory == SUBJECT_MEMORY_UNKNOWN ? PTRDIFF_MAX : growth_size(executor);
    if (facts->largest_request != 0 && facts->largest_request < most) {
        most = facts->largest_request;
    }
    const struct verdict verdict = if_not(
        executor, request <= most, (struct verdict){ORACLE_IMPOSSIBLE_SIZE, step->offset, most, request});
    const bool emptied = step->call == CALL_REALLOC && !step->null_pointer; /* it is asked to free */
    const bool right =
        request != 0 || (!emptied && (!allocates(step) || facts->zero_size != SUBJECT_ZERO_NULL));
    return verdict_is_sound(verdict)
               ? if_not(executor, right, (struct verdict){ORACLE_ZERO_SIZE, 0, UINT64_MAX, step->offset})
               : verdict;
}

/* The most that a heap with nothing live must grant; 0 when that is not known. */
static size_t live_request(const struct executor *executor) {
    const struct subject_facts *const facts = &executor->subject->facts;
    const size_t size = executor->regions[0].size;
    const size_t slot_count = executor->slot_count;
    const bool empty = slots_find(executor->tables.live_bits, slot_count, 0, true) == slot_count;
    if (!empty || (executor->grant_count != 0 && !facts->merges) || facts->memory == SUBJECT_MEMORY_UNKNOWN ||
        size < LIVE_REGION_SIZE + facts->metadata) {
        return 0;
    }
    const size_t most = facts->largest_request == 0 ? LIVE_REQUEST : facts->largest_request;
    return (size_t)at_most((size - facts->metadata) / LIVE_PART, most);
}

static struct verdict judge_refused(const struct executor *executor, const struct step *step) {
    const struct seen *const seen = &executor->seen;
    const size_t request = step_request(step);
    if (request == 0 || step->call == CALL_ALLOC_ALIGNED) {
        return verdict_sound();
    }
    struct verdict verdict =
        if_not(executor, request > live_request(executor),
               (struct verdict){ORACLE_LIVENESS, growth_size(executor), request, UINT64_MAX});
    if (verdict_is_sound(verdict)) {
        verdict = if_not(executor, request != seen->refit_size,
                         (struct verdict){ORACLE_REFIT, 0, request, UINT64_MAX});
    }
    return verdict_is_sound(verdict)
               ? if_not(executor, request > seen->cut_size / CUT_PART,
                        (struct verdict){ORACLE_GIVES_BACK, seen->cut_size, request, UINT64_MAX})
               : verdict;
}

struct verdict unseen_judge_answer(const struct executor *executor, const struct step *step) {
    if (step->offset != MODEL_NOTHING) {
        return judge_granted(executor, step);
    }
    return allocates(step) ? judge_refused(executor, step) : verdict_sound();
}

void unseen_note(struct executor *executor, const struct step *step, size_t old_size) {
    const struct subject_facts *const facts = &executor->subject->facts;
    struct seen *const seen = &executor->seen;
    const size_t request = step_request(step);
    if (step->slot == STEP_NO_SLOT) {
        return;
    }
    struct slot *const slot = &executor->tables.slots[step->slot];
    seen->live_size -= old_size;
    seen->live_size += executor_slot_is_live(executor, step->slot) ? slot->size : 0;
    if (step->offset != MODEL_NOTHING) {
        const bool cut = step->call == CALL_REALLOC && step->offset == step->pointer_offset &&
                         request <= old_size / 2 && old_size - request >= CUT_LEAST;
        seen->cut_size = cut && facts->gives_back ? old_size - request : 0;
        seen->refit_size = 0;
        seen->largest_granted = request > seen->largest_granted ? request : seen->largest_granted;
        slot->resized = !allocates(step) || step->call == CALL_ALLOC_ALIGNED;
    } else if (step->call == CALL_FREE) {
        seen->freed_size = old_size;
        seen->refit_size = facts->refits && !slot->resized ? old_size : 0;
    } else if (allocates(step) && (request < seen->least_refused || seen->least_refused == 0)) {
        seen->least_refused = request;
    }
}

/* What the heap says of itself. */

/* Its own walk, and where that is. */
struct round {
    const struct executor *executor;
    uintptr_t end;        /* of the block before */
    size_t payload_count; /* found so far */
    struct verdict verdict;
};

static struct verdict wrong_block(const struct executor *executor, uintptr_t block, size_t payload_count) {
    return (struct verdict){ORACLE_WALK, block - (uintptr_t)executor->region.base, 1, payload_count};
}

/* Live payloads, not of 0 bytes, that lie in this block, or partly in it. */
static size_t count_payloads(const struct executor *executor, uintptr_t block, size_t size) {
    const size_t start = block - (uintptr_t)executor->region.base;
    size_t count = 0;
    for (size_t word = 0; word < slots_word_count(executor->slot_count); word++) {
        for (uint64_t rest = executor->tables.live_bits[word]; rest != 0; rest = slots_without_first(rest)) {
            const struct slot *const slot = &executor->tables.slots[slots_first(word, rest)];
            count += slot->size != 0 && slot->offset < start + size && slot->offset + slot->size > start;
        }
    }
    return count;
}

static void visit(void *context, const void *block, size_t size, bool taken) {
    struct round *const round = (struct round *)context;
    const uintptr_t start = (uintptr_t)block;
    const size_t count = count_payloads(round->executor, start, size);
    const bool in_order = start >= round->end && size <= UINTPTR_MAX - start;
    if (verdict_is_sound(round->verdict) && (!in_order || count > (taken ? 1 : 0))) {
        round->verdict = wrong_block(round->executor, start, count);
    }
    round->end = in_order ? start + size : UINTPTR_MAX;
    round->payload_count += count;
}

static void ask_walk(void *context) {
    struct question *const question = (struct question *)context;
    question->answer = question->subject->walk(visit, question->context);
}

static struct verdict judge_walk(const struct executor *executor) {
    struct round round = {.executor = executor, .verdict = verdict_sound()};
    struct question question = {.subject = executor->subject, .context = &round};
    const struct verdict verdict = guard_call(executor, NULL, false, ask_walk, &question);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    size_t live_count = 0;
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        live_count += executor_slot_is_live(executor, slot) && executor->tables.slots[slot].size != 0;
    }
    if (verdict_is_sound(round.verdict) && (!question.answer || round.payload_count != live_count)) {
        round.verdict = wrong_block(executor, round.end, round.payload_count);
    }
    return if_not(executor, verdict_is_sound(round.verdict), round.verdict);
}

/* Nothing that was granted, freed or merged: what failed, and what was a misuse, changes nothing. */
static bool changes_nothing(const struct step *step) {
    const bool frees = step->call == CALL_FREE && step->slot != STEP_NO_SLOT;
    return step->offset == MODEL_NOTHING && !frees && step->call != CALL_COALESCE &&
           (step->call != CALL_REALLOC || step->size != 0);
}

static struct verdict judge_free_bytes(struct executor *executor, const struct step *step) {
    struct question question = {.subject = executor->subject};
    const struct verdict verdict = guard_call(executor, NULL, false, ask_free_bytes, &question);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    const size_t before = executor->seen.free_bytes;
    const size_t free_bytes = question.number;
    const size_t room = growth_size(executor) - executor->seen.live_size;
    const bool grown = executor->seen.size != growth_size(executor);
    executor->seen.free_bytes = free_bytes;
    executor->seen.size = growth_size(executor);
    if (changes_nothing(step) && !grown && free_bytes != before) {
        return judge_if_on(executor, (struct verdict){ORACLE_FREE_BYTES, 0, before, free_bytes});
    }
    const bool possible = executor->subject->facts.memory == SUBJECT_MEMORY_UNKNOWN || free_bytes <= room;
    return if_not(executor, possible, (struct verdict){ORACLE_FREE_BYTES, 0, room, free_bytes});
}

struct verdict unseen_judge_heap(struct executor *executor, const struct step *step) {
    const struct subject *const subject = executor->subject;
    struct question question = {.subject = subject, .answer = true};
    struct verdict verdict =
        subject->check == NULL ? verdict_sound() : guard_call(executor, NULL, false, ask_check, &question);
    if (verdict_is_sound(verdict)) {
        verdict = if_not(executor, question.answer, (struct verdict){ORACLE_OWN_CHECK, 0, 1, 0});
    }
    if (verdict_is_sound(verdict) && subject->walk != NULL) {
        verdict = judge_walk(executor);
    }
    return verdict_is_sound(verdict) && subject->free_bytes != NULL ? judge_free_bytes(executor, step)
                                                                    : verdict;
}

/* Runs. */

bool unseen_repeats(const struct executor *executor) {
    const bool grown = executor->given_pages != executor->model.page_count; /* then other sizes are meant */
    return executor->subject->view == NULL && executor->started && executor->subject->facts.merges && !grown;
}

struct verdict unseen_judge_leak(const struct executor *executor, size_t first_grant_count,
                                 size_t first_free_bytes) {
    const struct verdict verdict =
        if_not(executor, executor->grant_count >= first_grant_count,
               (struct verdict){ORACLE_LEAK, 0, first_grant_count, executor->grant_count});
    const size_t free_bytes = executor->seen.free_bytes;
    return verdict_is_sound(verdict)
               ? if_not(executor, free_bytes >= first_free_bytes,
                        (struct verdict){ORACLE_FREE_BYTES, 0, first_free_bytes, free_bytes})
               : verdict;
}

bool unseen_is_repeatable(const struct executor *executor) {
    return executor->subject->view == NULL && executor->subject->facts.memory != SUBJECT_MEMORY_UNKNOWN;
}

struct verdict unseen_judge_repetition(const struct executor *executor, uint64_t first_digest) {
    return if_not(executor, executor->digest == first_digest,
                  (struct verdict){ORACLE_REPEATABLE, 0, first_digest, executor->digest});
}

static bool is_same(const char *left, const char *right) {
    size_t i = 0;
    while (left[i] != '\0' && left[i] == right[i]) {
        i++;
    }
    return left[i] == right[i];
}

bool unseen_sets_aside(struct executor *executor, struct verdict verdict) {
    const struct subject_known *known = executor->subject->known;
    uint64_t bit = 1;
    while (known != NULL && known->oracle != NULL) {
        const bool called = known->call == NULL || is_same(known->call, call_name(executor->last_call));
        const bool named = called && is_same(known->oracle, oracle_id(verdict.oracle));
        if (named && (known->place == NULL || guard_is_at(executor, verdict, known->place))) {
            executor->known_met |= bit;
            return true;
        }
        known++;
        bit <<= 1;
    }
    return false;
}
