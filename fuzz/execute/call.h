/* One call of the subject, for a step's operands. The executor makes a step's own through it, and damage.c
 * the one made while a header is damaged. */
#ifndef KMEM_CALL_H
#define KMEM_CALL_H

#include "fuzz/execute/state.h"

/* Is the step's call one that the subject has, with arguments that it promises to take? */
bool call_is_asked(const struct subject *subject, const struct step *step);

/* Is the step's free told how many bytes were asked for? Those of every other slot are, where it can be. */
bool call_is_sized(const struct executor *executor, const struct step *step);

/* The subject's member that a call is of, such as "alloc_aligned"; "" for none. */
const char *call_name(enum call call);

/* Calls the subject, which must have the function, with the step's operands, and notes in the step what it
 * returned and reported: offset, usable_size, refusal and returned. Returns the verdict on how the call went
 * (guard.h). */
struct verdict call_subject(struct executor *executor, enum call call, struct step *step);

#endif
