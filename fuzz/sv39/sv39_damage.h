/* Entries that cannot be true: what the page tables' fuzz target puts in place of one that is.
 *
 * Each is wrong whatever else is mapped, before and after: that is what allows the model to predict that it
 * is called corrupt, and nothing else is.
 *
 * May be here: impossible entries. May not: tables. */
#ifndef KMEM_SV39_DAMAGE_H
#define KMEM_SV39_DAMAGE_H

#include <stdint.h>

/* Pages that are no tables to any entry, by their physical addresses. */
struct sv39_damage_places {
    uint64_t start;  /* of page 0 */
    uint64_t end;    /* behind the last page */
    uint64_t root;   /* which no entry may name */
    uint64_t parent; /* the table the entry is in, which it may not name */
    uint64_t pair;   /* a run of two pages */
};

/* What entry, sound and of this level, becomes by this damage: an impossible one. All values of damage are
 * some damage; the pages are at most 64 and lie in an aligned stretch of 64. Never 0, never entry. */
uint64_t sv39_damage(uint64_t entry, unsigned level, unsigned damage,
                     const struct sv39_damage_places *places);

#endif
