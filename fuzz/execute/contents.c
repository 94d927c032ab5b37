/* The oracles on what payloads hold. judge.h is the contract.
 * It writes to payloads only. */
#include "fuzz/execute/judge.h"
#include "fuzz/execute/pattern.h"
#include "fuzz/execute/slots.h"
#include "src/require.h"

/* The bytes to be zero: of a subject with a view all that are usable, of any other those asked for. */
static size_t zeroed_size(const struct executor *executor, const struct step *step) {
    const size_t request = step_request(step);
    if (executor->subject->view == NULL) {
        return request;
    }
    const size_t usable_size = executor->subject->usable_size(executor_pointer(executor, step->offset));
    const size_t room = executor->given_pages * executor->model.page_size - step->offset;
    return (usable_size < room ? usable_size : room) & ~(executor->model.policy.grain - 1);
}

static struct verdict check_zeroed(const struct executor *executor, const struct step *step) {
    const size_t size = zeroed_size(executor, step);
    const size_t first = arena_first_nonzero(executor->region, step->offset, size);
    if (first == size) {
        return verdict_sound();
    }
    const size_t offset = step->offset + first;
    return (struct verdict){ORACLE_CONTENTS_ZEROED, offset, 0,
                            arena_byte(executor->region, (ptrdiff_t)offset)};
}

static struct verdict check_pattern(const struct executor *executor, unsigned oracle, size_t offset,
                                    uint64_t tag, size_t size) {
    const unsigned char *const payload = executor_pointer(executor, offset);
    const size_t first = pattern_first_difference(payload, tag, size);
    if (first == size) {
        return verdict_sound();
    }
    return (struct verdict){oracle, offset + first, pattern_byte(tag, first), payload[first]};
}

struct verdict judge_new_contents(const struct executor *executor, const struct step *step, size_t old_size) {
    struct verdict verdict = verdict_sound();
    if (step->offset == MODEL_NOTHING || step->slot == STEP_NO_SLOT) {
        return verdict; /* a misuse that was given a payload has no slot: it is for other oracles to say */
    }
    const struct slot *const slot = &executor->tables.slots[step->slot];
    const size_t kept = old_size < slot->size ? old_size : slot->size;
    REQUIRE(executor_slot_is_live(executor, step->slot) && slot->offset == step->offset);
    if (step->call == CALL_ZALLOC || step->call == CALL_CALLOC) {
        verdict = judge_if_on(executor, check_zeroed(executor, step));
    } else if (step->call == CALL_REALLOC) {
        verdict = judge_if_on(executor,
                              check_pattern(executor, ORACLE_CONTENTS_MOVED, slot->offset, slot->tag, kept));
    }
    if (verdict_is_sound(verdict)) {
        pattern_write(executor_pointer(executor, slot->offset), slot->tag, kept, slot->size);
    }
    return verdict;
}

/* A byte that a resize which failed has changed in the payload it left where it was has an oracle of its own.
 */
static unsigned kept_oracle(const struct executor *executor, const struct step *step, size_t slot) {
    const bool failed = step->call == CALL_REALLOC && step->slot == slot && step->offset == MODEL_NOTHING;
    return failed && judge_is_on(executor, ORACLE_RESIZE_FAILED) ? ORACLE_RESIZE_FAILED
                                                                 : ORACLE_CONTENTS_KEPT;
}

struct verdict judge_kept_contents(const struct executor *executor, const struct step *step) {
    const struct executor_tables *const tables = &executor->tables;
    if (!judge_is_on(executor, ORACLE_CONTENTS_KEPT) && !judge_is_on(executor, ORACLE_RESIZE_FAILED)) {
        return verdict_sound(); /* the dearest of all: not even looked at */
    }
    const size_t word_count = slots_word_count(executor->slot_count);
    for (size_t word = 0; word < word_count; word++) {
        for (uint64_t rest = tables->live_bits[word]; rest != 0; rest = slots_without_first(rest)) {
            const size_t number = slots_first(word, rest);
            const struct slot *const slot = &tables->slots[number];
            const unsigned char *const payload = executor_pointer(executor, slot->offset);
            if (!pattern_holds(payload, slot->tag, slot->size)) {
                const unsigned oracle = kept_oracle(executor, step, number);
                return judge_if_on(executor,
                                   check_pattern(executor, oracle, slot->offset, slot->tag, slot->size));
            }
        }
    }
    return verdict_sound();
}
