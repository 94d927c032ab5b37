/* The oracles that only a subject without a view needs: with one, the model and the invariants say more. What
 * they know of the heap is what it was asked and answered, and the subject's facts. */
#ifndef KMEM_UNSEEN_H
#define KMEM_UNSEEN_H

#include "fuzz/execute/state.h"

/* May the step's call be made: is it no larger than the harness, and the subject's file, ask for? A size that
 * the subject's parameters cannot say becomes the most that they can. */
bool unseen_is_in_limits(const struct executor *executor, struct step *step);

/* What the step's call relies on: bits of enum reliance. */
unsigned unseen_relies(const struct step *step);

/* Bytes that a call may have to go through, as its steps are bounded by them: the region; or in memory that
 * is anywhere what is live, and the largest request. */
size_t unseen_reach(const struct executor *executor);

/* Judges the heap just started, for which it allocates and frees a byte: liveness, in a region that no
 * control block fills; and what the heap says of itself. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_start(struct executor *executor);

/* Judges what a step was given, or refused, before anything relies on it. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_answer(const struct executor *executor,
                                                                       const struct step *step);

/* Notes what a step, done and judged, says of the heap. old_size: of the slot's payload before it. */
void unseen_note(struct executor *executor, const struct step *step, size_t old_size);

/* Asks the heap, where it answers: its own check, its walk and the bytes that are free. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_heap(struct executor *executor,
                                                                     const struct step *step);

/* Is the program to be run again in the heap that it has emptied? */
bool unseen_repeats(const struct executor *executor);

/* Judges the second run by the payloads granted in the first, and the bytes that were free after it. */
__attribute__((warn_unused_result)) struct verdict
unseen_judge_leak(const struct executor *executor, size_t first_grant_count, size_t first_free_bytes);

/* Does the same program give the same addresses from a new start? In memory that is anywhere it need not. */
bool unseen_is_repeatable(const struct executor *executor);

/* Judges a run from a new start by the digest of the one before. */
__attribute__((warn_unused_result)) struct verdict unseen_judge_repetition(const struct executor *executor,
                                                                           uint64_t first_digest);

/* Does the subject's file set this violation aside? Notes in known_met which entry does. */
bool unseen_sets_aside(struct executor *executor, struct verdict verdict);

#endif
