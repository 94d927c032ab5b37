/* One operation on its way through the executor: what the program asked for, what that means in the current
 * heap, what the model predicts, what the subject did. Observers see it. */
#ifndef KMEM_STEP_H
#define KMEM_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/execute/model.h"
#include "fuzz/program/program.h"

#define STEP_NO_SLOT SIZE_MAX

/* The call a step makes. */
enum call {
    CALL_NONE, /* nothing is called */
    CALL_ALLOC,
    CALL_ZALLOC,
    CALL_CALLOC,
    CALL_ALLOC_ALIGNED,
    CALL_REALLOC,
    CALL_EXTEND, /* resizes in place; what is returned is the pointer passed, or NULL */
    CALL_FREE,
    CALL_COALESCE,
    CALL_USABLE,  /* asks for the usable size */
    CALL_DAMAGED, /* the damage's own, while a header is damaged; see damage.h */
};

/* A header, how it is damaged, and the call made meanwhile; its pointer, slot and size are the step's. */
struct damage {
    enum call call;
    size_t header_offset; /* bytes from base */
    uint64_t mask;        /* the bits changed */
    bool needed; /* the call has to read it, whatever the heap's policy; an allocation may stop before
                  * it, unless its payload lies past it */
};

/* What a call relies on, of the facts of a subject without a view: bits, of which the first are enum
 * subject_misuse's. */
enum reliance {
    RELIANCE_DOUBLE_FREE = SUBJECT_DOUBLE_FREE,
    RELIANCE_INTERIOR = SUBJECT_INTERIOR,
    RELIANCE_MISALIGNED = SUBJECT_MISALIGNED,
    RELIANCE_FOREIGN = SUBJECT_FOREIGN,
    RELIANCE_FREE_NULL = 16,
    RELIANCE_REALLOC_NULL = 32,
    RELIANCE_REALLOC_ZERO = 64,
};

struct step {
    size_t index;               /* operation number, from 0; those of the recovery follow the program's own */
    bool recovery;              /* not in the program: one of the frees at its end */
    struct operation operation; /* as the program has it */

    /* Resolved. */
    enum call call;
    size_t slot;            /* the slot the result goes to or comes from; STEP_NO_SLOT: none */
    bool null_pointer;      /* the call gets NULL */
    size_t pointer_offset;  /* the pointer passed, from base (modulo 2^N when before it) */
    uint64_t size;          /* bytes */
    uint64_t alignment;     /* bytes; 8 for an allocation without one */
    uint64_t count;         /* for calloc */
    struct damage damage;   /* for CALL_DAMAGED */
    unsigned relies;        /* bits of enum reliance: what this call does */
    unsigned relied_before; /* the same of all calls before it in the run */

    struct prediction predicted; /* by the model; model_nothing() without one */

    /* Observed. */
    size_t offset;      /* of the pointer returned, from base; MODEL_NOTHING: NULL, or nothing is returned */
    bool ended;         /* the guard ended the call, which returned nothing (guard.h) */
    size_t usable_size; /* as the subject returns it: of CALL_USABLE, or with is_sized */
    bool is_sized;      /* it was asked after another call, of the payload returned or the pointer misused */
    enum refusal refusal;  /* as the subject reports it afterwards */
    enum refusal returned; /* as the call itself returns it; the same for one that returns none */
    size_t asked_pages;    /* pages asked of the page source, by all asks */
    size_t ask_count;      /* times it was asked */
};

/* Bytes asked for; SIZE_MAX when no size_t can say it. */
static inline size_t step_request(const struct step *step) {
    uint64_t size = step->size;
    const bool wraps = step->call == CALL_CALLOC && __builtin_mul_overflow(step->count, step->size, &size);
    return wraps || size > SIZE_MAX ? SIZE_MAX : (size_t)size;
}

/* Does the model know that the pointer passed is no payload? */
static inline bool step_is_misuse(const struct step *step) {
    return step->predicted.refusal >= REFUSAL_FOREIGN && step->predicted.refusal <= REFUSAL_DOUBLE_FREE;
}

#endif
