/* Sets of slots, a bit each. */
#ifndef KMEM_SLOTS_H
#define KMEM_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOTS_WORD_BITS ((size_t)64)

static inline size_t slots_word_count(size_t slot_count) {
    return (slot_count + SLOTS_WORD_BITS - 1) / SLOTS_WORD_BITS;
}

static inline bool slots_has(const uint64_t *bits, size_t slot) {
    return (bits[slot / SLOTS_WORD_BITS] >> slot % SLOTS_WORD_BITS & 1) != 0;
}

static inline void slots_add(uint64_t *bits, size_t slot) {
    bits[slot / SLOTS_WORD_BITS] |= UINT64_C(1) << slot % SLOTS_WORD_BITS;
}

static inline void slots_remove(uint64_t *bits, size_t slot) {
    bits[slot / SLOTS_WORD_BITS] &= ~(UINT64_C(1) << slot % SLOTS_WORD_BITS);
}

/* The first slot in from..slot_count-1 that is in the set (or, with `wanted` false, that is not); slot_count
 * when there is none. from is at most slot_count. Cost: a step per 64 slots. */
static inline size_t slots_find(const uint64_t *bits, size_t slot_count, size_t from, bool wanted) {
    size_t slot = from;
    while (slot < slot_count) { /* at least up to the next word each time */
        const uint64_t word = bits[slot / SLOTS_WORD_BITS];
        const uint64_t rest = (wanted ? word : ~word) >> slot % SLOTS_WORD_BITS;
        if (rest != 0) {
            slot += (size_t)__builtin_ctzll(rest);
            return slot < slot_count ? slot : slot_count;
        }
        slot = (slot / SLOTS_WORD_BITS + 1) * SLOTS_WORD_BITS;
    }
    return slot_count;
}

/* slots_find from `from` on, wrapping around. */
static inline size_t slots_find_circular(const uint64_t *bits, size_t slot_count, size_t from, bool wanted) {
    const size_t slot = slots_find(bits, slot_count, from, wanted);
    return slot < slot_count ? slot : slots_find(bits, slot_count, 0, wanted);
}

/* For walking over a whole set, word by word:
 *     for (size_t word = 0; word < slots_word_count(slot_count); word++)
 *         for (uint64_t rest = bits[word]; rest != 0; rest = slots_without_first(rest))
 *             ... slots_first(word, rest) ... */
static inline size_t slots_first(size_t word, uint64_t rest) {
    return word * SLOTS_WORD_BITS + (size_t)__builtin_ctzll(rest);
}

static inline uint64_t slots_without_first(uint64_t rest) {
    return rest & (rest - 1);
}

#endif
