/* The result of every check: sound, or which rule was broken, where, and by what values. The checker, the
 * model and the executor share it, so it has no rule in it. */
#ifndef KMEM_VERDICT_H
#define KMEM_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define SOUND 0u /* the oracle number of a verdict that found nothing wrong */

struct verdict {
    unsigned oracle;   /* which rule was broken: enum invariant, page_invariant or oracle; SOUND when none */
    uint64_t offset;   /* where: bytes from the region's base, or what the rule says */
    uint64_t expected; /* what the rule asks for */
    uint64_t observed; /* what was found */
};

static inline struct verdict verdict_sound(void) {
    const struct verdict sound = {SOUND, 0, 0, 0}; /* C++ reads it too */
    return sound;
}

static inline bool verdict_is_sound(struct verdict verdict) {
    return verdict.oracle == SOUND;
}

#endif
