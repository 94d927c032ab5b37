/* Impossible entries: what the page tables' fuzz target puts in place of a sound one.
 *
 * Each is wrong whatever else is mapped, before and after, so the model can predict that it, and nothing
 * else, is reported as corrupt. */
#ifndef KMEM_SV39_DAMAGE_H
#define KMEM_SV39_DAMAGE_H

#include <stdint.h>

/* Pages that are not tables to any entry, by their physical addresses. */
struct sv39_damage_places {
    uint64_t start;  /* of page 0 */
    uint64_t end;    /* after the last page */
    uint64_t root;   /* which no entry may name */
    uint64_t parent; /* the table the entry is in, which it may not name */
    uint64_t pair;   /* a run of two pages */
};

/* The impossible entry that this damage makes of entry, sound and of this level. Any value of damage works;
 * the pages are at most 64, in an aligned stretch of 64. Never 0, never entry. */
uint64_t sv39_damage(uint64_t entry, unsigned level, unsigned damage,
                     const struct sv39_damage_places *places);

#endif
