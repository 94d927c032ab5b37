/* Damaged headers. damage.h is the contract.
 *
 * A header that is damaged but possible may make a heap hand out what is live, and no call can know better.
 * So an answer is judged by what holds whatever a header says: a payload lies in the region, and who reports
 * a corrupt heap has changed nothing. An impossible header has to be reported by every call that needs it. */
#include "fuzz/execute/damage.h"

#include "fuzz/execute/call.h"
#include "fuzz/execute/judge.h"
#include "src/port.h"
#include "src/require.h"

#define TAKEN (UINT64_C(1) << 63)

typedef uint64_t __attribute__((may_alias)) word;

static uint64_t saved_region[DAMAGE_REGION_MAXIMUM / sizeof(word)];
static unsigned char saved_heap[VIEW_HEAP_SIZE];

static word *words_at(const struct executor *executor, size_t offset) {
    return (word *)(void *)(executor->region.base + offset);
}

PORT_UNCHECKED static void copy_words(word *to, const word *from, size_t size) {
    for (size_t i = 0; i < size / sizeof *to; i++) {
        to[i] = from[i];
    }
}

static void copy_bytes(unsigned char *restrict to, const unsigned char *restrict from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

/* The offset of the first word that is not as saved; size when all are. */
PORT_UNCHECKED static size_t first_changed(const word *words, size_t size) {
    size_t i = 0;
    while (i < size / sizeof *words && words[i] == saved_region[i]) {
        i++;
    }
    return i * sizeof *words;
}

/* Returns the header, or the descriptor, as it then is. */
PORT_UNCHECKED static uint64_t change(const struct executor *executor, const struct damage *damage) {
    const struct subject_view *const view = executor->subject->view;
    if (view->descriptor != NULL) {
        unsigned char *const byte = view->descriptor(damage->header_offset);
        return *byte ^= (unsigned char)damage->mask;
    }
    return *words_at(executor, damage->header_offset) ^= damage->mask;
}

/* The bytes that hold headers or descriptors. */
static size_t described_size(const struct executor *executor) {
    const struct subject *const subject = executor->subject;
    return subject->view->descriptor != NULL ? subject->facts.metadata : model_region_size(&executor->model);
}

static void save(const struct executor *executor, size_t region_size) {
    copy_words(saved_region, words_at(executor, 0), region_size);
    const struct subject_view *const view = executor->subject->view;
    copy_bytes(saved_heap, view->heap, view->heap_size);
}

/* Poison as a sound heap has it: the call may have left anything. */
static void poison_again(const struct executor *executor, size_t region_size) {
    if (!PORT_ADDRESS_SANITIZER || !executor->subject->view->poisons) {
        return;
    }
    PORT_POISON(executor->region.base, region_size);
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const live = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot)) {
            PORT_UNPOISON(executor_pointer(executor, live->offset), live->size);
        }
    }
}

static void restore(struct executor *executor, size_t region_size) {
    copy_words(words_at(executor, 0), saved_region, region_size);
    const struct subject_view *const view = executor->subject->view;
    copy_bytes(view->heap, saved_heap, view->heap_size);
    poison_again(executor, region_size);
}

/* Can no block of a region with so many bytes left have this header? An allocation looks at whole runs of
 * grains, another call at that of its payload. */
static bool is_impossible(const struct executor *executor, const struct step *step, uint64_t header,
                          size_t rest) {
    const struct subject_view *const view = executor->subject->view;
    if (view->is_impossible != NULL) {
        const size_t own = step->pointer_offset;
        const size_t damaged = step->damage.header_offset;
        const bool is_own = damaged >= own && damaged - own < model_block_size(&executor->model, own);
        return view->is_impossible((unsigned char)header, is_own || step->damage.call == CALL_ALLOC);
    }
    const struct subject_policy *const policy = &executor->model.policy;
    const uint64_t size = header & ~TAKEN;
    return size < policy->block_least || (size & (policy->grain - 1)) != 0 || size > rest;
}

static struct verdict check_damage_inside(const struct executor *executor, const struct step *step) {
    const bool right =
        step->offset == MODEL_NOTHING ||
        ((step->offset & (executor->model.policy.grain - 1)) == 0 && judge_is_inside(executor, step));
    return right ? verdict_sound()
                 : (struct verdict){ORACLE_DAMAGE_INSIDE, step->damage.header_offset,
                                    model_region_size(&executor->model), step->offset};
}

static struct verdict check_reported(const struct executor *executor, const struct step *step,
                                     uint64_t header) {
    const size_t rest = model_region_size(&executor->model) - step->damage.header_offset;
    const bool needed =
        step->damage.needed && (step->damage.call != CALL_ALLOC || step->offset > step->damage.header_offset);
    const enum refusal named = step->refusal == REFUSAL_CORRUPT ? step->returned : step->refusal;
    const bool right = !needed || !is_impossible(executor, step, header, rest) || named == REFUSAL_CORRUPT;
    return right
               ? verdict_sound()
               : (struct verdict){ORACLE_DAMAGE_REPORTED, step->damage.header_offset, REFUSAL_CORRUPT, named};
}

/* Coalesce may merge what is before the header that it reports. */
static struct verdict check_untouched(const struct step *step, size_t changed, size_t region_size) {
    const bool right =
        step->refusal != REFUSAL_CORRUPT || step->damage.call == CALL_COALESCE || changed == region_size;
    return right
               ? verdict_sound()
               : (struct verdict){ORACLE_DAMAGE_UNTOUCHED, step->damage.header_offset, region_size, changed};
}

struct verdict damage_perform(struct executor *executor, struct step *step) {
    const size_t region_size = described_size(executor);
    REQUIRE(executor_is_shown(executor) && region_size <= DAMAGE_REGION_MAXIMUM && step->damage.mask != 0);
    REQUIRE((step->damage.header_offset & (executor->model.policy.grain - 1)) == 0 &&
            step->damage.header_offset < model_region_size(&executor->model));
    const uint64_t damaged = change(executor, &step->damage);
    save(executor, region_size); /* with the damage, to see what the call changes */
    (void)call_subject(executor, step->damage.call, step);
    const size_t changed = first_changed(words_at(executor, 0), region_size);
    restore(executor, region_size);
    executor->refusal = executor->subject->view->last_refusal(); /* kept with the heap, or elsewhere */
    (void)change(executor, &step->damage);
    struct verdict verdict = judge_if_on(executor, check_damage_inside(executor, step));
    if (verdict_is_sound(verdict)) {
        verdict = judge_if_on(executor, check_reported(executor, step, damaged));
    }
    if (verdict_is_sound(verdict)) {
        verdict = judge_if_on(executor, check_untouched(step, changed, region_size));
    }
    return verdict_is_sound(verdict) ? judge_guards(executor) : verdict;
}
