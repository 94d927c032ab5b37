/* The oracle on what AddressSanitizer lets be accessed. judge.h is the contract.
 *
 * It reads the shadow itself, one byte for each granule of 8 bytes: 0 when all of the granule may be
 * accessed, 1 to 7 when its first so many bytes may, and above 127 when none may. A call for each byte would
 * cost more than everything else the harness does. */
#include "fuzz/execute/judge.h"
#include "fuzz/execute/slots.h"
#include "src/port.h"

#if PORT_ADDRESS_SANITIZER

#define GRANULE  ((size_t)8) /* bytes */
#define POISONED 0x80u       /* the bit of a shadow byte that says that nothing may be accessed */

/* Of the sanitizer's runtime; a board has its own. */
void __asan_get_shadow_mapping(size_t *scale, size_t *offset);

/* A word of shadow, and the same value in each byte of one. */
typedef uintptr_t __attribute__((may_alias)) shadow_word;
#define EACH(byte) ((shadow_word) - 1 / 0xff * (byte))

/* The shadow byte of the region's first granule. */
static const unsigned char *shadow_of(const struct executor *executor) {
    size_t scale;
    size_t offset;
    __asan_get_shadow_mapping(&scale, &offset);
    return (const unsigned char *)(((uintptr_t)executor->region.base >> scale) + offset);
}

/* Bytes of a granule that may be accessed. */
PORT_UNCHECKED static size_t accessible(const unsigned char *shadow) {
    return *shadow == 0 ? GRANULE : (*shadow & POISONED) != 0 ? 0 : *shadow;
}

static bool is_aligned(const unsigned char *shadow) {
    return (uintptr_t)shadow % sizeof(shadow_word) == 0;
}

/* The first of count granules that may not be accessed in full; count when all may, as nearly always. */
PORT_UNCHECKED static size_t find_partial(const unsigned char *shadow, size_t count) {
    unsigned any = 0;
    for (size_t i = 0; i < count; i++) {
        any |= shadow[i];
    }
    size_t first = any == 0 ? count : 0;
    while (first < count && shadow[first] == 0) {
        first++;
    }
    return first;
}

/* Words of shadow from there on, four at a time, that are wholly poisoned: most of a heap is free. */
PORT_UNCHECKED static size_t count_poisoned_words(const shadow_word *words, size_t count) {
    size_t i = 0;
    while (count - i >= 4 &&
           (words[i] & words[i + 1] & words[i + 2] & words[i + 3] & EACH(POISONED)) == EACH(POISONED)) {
        i += 4;
    }
    return i;
}

/* How many of count granules may be accessed, if only in part. */
PORT_UNCHECKED static size_t count_accessible(const unsigned char *shadow, size_t count) {
    size_t found = 0;
    size_t i = 0;
    for (; i < count && !is_aligned(shadow + i); i++) {
        found += (shadow[i] & POISONED) == 0;
    }
    while (count - i >= sizeof(shadow_word)) {
        const shadow_word *const words = (const shadow_word *)(const void *)(shadow + i);
        const size_t passed = count_poisoned_words(words, (count - i) / sizeof(shadow_word));
        i += passed * sizeof(shadow_word);
        if (passed != 0) {
            continue;
        }
        const shadow_word clear = ~*words & EACH(POISONED);
        if (clear != 0) {
            found +=
                (size_t)((clear >> 7) * EACH(1) >> (sizeof(shadow_word) - 1) * 8); /* adds up the bytes */
        }
        i += sizeof(shadow_word);
    }
    for (; i < count; i++) {
        found += (shadow[i] & POISONED) == 0;
    }
    return found;
}

/* How many bytes of the granule, from the first on, should be accessible; and how many are. */
static struct verdict fail(size_t index, size_t expected, const unsigned char *shadow) {
    return (struct verdict){ORACLE_POISON, index * GRANULE, expected, accessible(shadow + index)};
}

/* Is all that was asked for accessible, and what is left of its last granule not? */
static struct verdict check_payload(const struct slot *slot, const unsigned char *shadow) {
    const size_t first = slot->offset / GRANULE;
    const size_t whole = slot->size / GRANULE;
    const size_t rest = slot->size % GRANULE;
    const size_t partial = find_partial(shadow + first, whole);
    if (partial != whole) {
        return fail(first + partial, GRANULE, shadow);
    }
    return rest == 0 || accessible(shadow + first + whole) == rest ? verdict_sound()
                                                                   : fail(first + whole, rest, shadow);
}

static bool is_payload(const struct executor *executor, size_t offset) {
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const live = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && offset - live->offset < live->size) {
            return true;
        }
    }
    return false;
}

/* The first granule that is accessible and no payload's, of which there is one. */
static struct verdict find_unpoisoned(const struct executor *executor, const unsigned char *shadow) {
    size_t index = 0;
    while (accessible(shadow + index) == 0 || is_payload(executor, index * GRANULE)) {
        index++;
    }
    return fail(index, 0, shadow);
}

static bool is_judged(const struct executor *executor) {
    return executor_is_shown(executor) && executor->subject->view->poisons &&
           (executor->oracles & ORACLE_BIT(ORACLE_POISON)) != 0;
}

bool poison_holds(const struct executor *executor, const struct step *step) {
    if (!is_judged(executor)) {
        return true;
    }
    const unsigned char *const shadow = shadow_of(executor);
    const size_t freed = step->predicted.freed_offset;
    if (freed != MODEL_NOTHING && accessible(shadow + freed / GRANULE) != 0) {
        return false;
    }
    if (step->slot == STEP_NO_SLOT || step->offset == MODEL_NOTHING) {
        return true;
    }
    const struct slot *const slot = &executor->tables.slots[step->slot];
    const unsigned char *const first = shadow + slot->offset / GRANULE;
    const unsigned char *const end = first + (slot->size + GRANULE - 1) / GRANULE;
    const bool last = end == shadow + model_region_size(&executor->model) / GRANULE;
    return verdict_is_sound(check_payload(slot, shadow)) && accessible(first - 1) == 0 &&
           (last || accessible(end) == 0);
}

struct verdict judge_poison(const struct executor *executor) {
    const struct executor_tables *const tables = &executor->tables;
    if (!is_judged(executor)) {
        return verdict_sound();
    }
    const unsigned char *const shadow = shadow_of(executor);
    const size_t word_count = slots_word_count(executor->slot_count);
    size_t payload_count = 0; /* granules */
    for (size_t word = 0; word < word_count; word++) {
        for (uint64_t rest = tables->live_bits[word]; rest != 0; rest = slots_without_first(rest)) {
            const struct slot *const slot = &tables->slots[slots_first(word, rest)];
            const struct verdict verdict = check_payload(slot, shadow);
            if (!verdict_is_sound(verdict)) {
                return verdict;
            }
            payload_count += (slot->size + GRANULE - 1) / GRANULE;
        }
    }
    /* Payloads are disjoint, so where the number is right all else is poisoned. */
    const size_t count = model_region_size(&executor->model) / GRANULE;
    if (count_accessible(shadow, count) != payload_count) {
        return find_unpoisoned(executor, shadow);
    }
    return accessible(shadow + count) >= judge_end_size(executor) ? verdict_sound()
                                                                  : fail(count, GRANULE, shadow);
}

#else

struct verdict judge_poison(const struct executor *executor) {
    (void)executor;
    return verdict_sound();
}

bool poison_holds(const struct executor *executor, const struct step *step) {
    (void)executor;
    (void)step;
    return true;
}

#endif
