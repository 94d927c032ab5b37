/* The answer every check gives: sound, or which rule was broken, where, and by what values.
 *
 * May be here: the verdict. May not: any rule. Included by the checker, the model and the executor. */
#ifndef KMEM_VERDICT_H
#define KMEM_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define SOUND 0u /* the oracle number of a verdict that found nothing wrong */

struct verdict {
    unsigned oracle;   /* which rule was broken: enum invariant, page_invariant or oracle; SOUND when none */
    uint64_t offset;   /* where: bytes from the region's base; what else it may be, the rule says */
    uint64_t expected; /* what the rule asks for */
    uint64_t observed; /* what was there */
};

static inline struct verdict verdict_sound(void) {
    const struct verdict sound = {SOUND, 0, 0, 0}; /* C++ reads it too */
    return sound;
}

static inline bool verdict_is_sound(struct verdict verdict) {
    return verdict.oracle == SOUND;
}

#endif
