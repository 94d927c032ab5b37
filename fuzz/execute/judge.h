/* The oracles that need a step to judge by, for the executor. judge.c and contents.c say how each is
 * checked. */
#ifndef KMEM_JUDGE_H
#define KMEM_JUDGE_H

#include "fuzz/execute/state.h"

/* Is this oracle switched on? */
static inline bool judge_is_on(const struct executor *executor, unsigned oracle) {
    return (executor->oracles >> oracle & 1) != 0;
}

/* The verdict if it is unsound and its oracle is switched on, otherwise a sound one. */
static inline struct verdict judge_if_on(const struct executor *executor, struct verdict verdict) {
    return judge_is_on(executor, verdict.oracle) ? verdict : verdict_sound();
}

/* Is the payload that a step returned in the region? If not, nothing may touch it. */
bool judge_is_inside(const struct executor *executor, const struct step *step);

/* Judges the answer of a step just made, before anything relies on it: containment, growth, placement,
 * refusal. */
__attribute__((warn_unused_result)) struct verdict judge_answer(const struct executor *executor,
                                                                const struct step *step);

/* Judges the guard bytes on both sides of the region. */
__attribute__((warn_unused_result)) struct verdict judge_guards(const struct executor *executor);

/* Judges the heap before a first step. Fills the executor's census. */
__attribute__((warn_unused_result)) struct verdict judge_start(struct executor *executor);

/* Checks what the subject says about its region: where it starts, and how many pages it has. */
__attribute__((warn_unused_result)) struct verdict judge_region(const struct executor *executor);

/* Must the step change nothing, and is it known that it has not (executor.is_as_judged)? Then all oracles on
 * the heap and its payloads are sound; where it is not, they say what is wrong. */
bool judge_is_unchanged(const struct executor *executor, struct step *step);

/* Judges the heap after the step: the checker's invariants, refusals that changed something, usable size,
 * guards. Fills the executor's census; but where what was stored is explained (stores.h), the blocks of a
 * large heap are not walked, guards not looked at, and poison is judged where the step has changed it. */
__attribute__((warn_unused_result)) struct verdict judge_heap(struct executor *executor, struct step *step,
                                                              bool explained);

/* Bytes behind the region that the heap has to leave accessible; 0: there is no telling. */
static inline size_t judge_end_size(const struct executor *executor) {
    const struct subject_view *const view = executor->subject->view;
    return view != NULL && view->poisons && executor->region.page_size == 0 && !executor->region.borrowed ? 8
                                                                                                          : 0;
}

/* Checks which bytes AddressSanitizer lets be accessed, where the build has it and the subject poisons: sound
 * otherwise. Cost: a load per 64 bytes of the region and of the payloads. */
__attribute__((warn_unused_result)) struct verdict judge_poison(const struct executor *executor);

/* Does the poison hold where the step has changed it: in the payload that it placed and beside it, and at the
 * start of the one that it freed? True where judge_poison judges nothing. Cost: a load per 64 bytes of the
 * payload. */
bool poison_holds(const struct executor *executor, const struct step *step);

/* Do model and subject differ, with the oracles that would have reported it switched off? */
bool judge_disagrees(const struct executor *executor, const struct step *step);

/* Checks what the step's new payload holds (zeroed, or moved from old_size bytes), then writes the pattern of
 * the slot's tag to its new bytes. */
__attribute__((warn_unused_result)) struct verdict
judge_new_contents(const struct executor *executor, const struct step *step, size_t old_size);

/* Judges that every live payload holds its pattern after the step. */
__attribute__((warn_unused_result)) struct verdict judge_kept_contents(const struct executor *executor,
                                                                       const struct step *step);

#endif
