/* Every oracle: what the harness can find wrong. The checker's invariants come first and keep their numbers.
 *
 * May be here: names, ids, sentences. May not: how any is checked (judge.c, contents.c, invariants/). */
#ifndef KMEM_ORACLE_H
#define KMEM_ORACLE_H

#include <stdint.h>

#include "invariants/invariant.h"

/* Those that need the executor: its name in C, its id, its sentence. What a verdict's offset, expected and
 * observed mean stands beside the function that makes it. */
#define EXECUTION_ORACLE_LIST(X)                                                                             \
    X(INSIDE, "inside", "Every payload lies inside the region.")                                             \
    X(ALIGNMENT, "alignment", "Every payload is a multiple of 8, and of the alignment asked for.")           \
    X(DISJOINT, "disjoint", "No payload overlaps another live one.")                                         \
    X(GUARDS, "guards", "The guard bytes on both sides of the region are never written.")                    \
    X(PLACEMENT, "placement", "Every operation returns the address the model predicts, or its NULL.")        \
    X(REFUSAL_NAMED, "refusal-named", "Every operation reports the refusal the model predicts, or none.")    \
    X(REFUSAL_UNTOUCHED, "refusal-untouched", "A failed or misused call changes no byte of any header.")     \
    X(GROWTH, "growth", "The page source is asked, at most once, for exactly the pages the model predicts.") \
    X(USABLE_SIZE, "usable-size",                                                                            \
      "The usable size is the one the model predicts, and 0 for what is no payload.")                        \
    X(POISON, "poison",                                                                                      \
      "Under AddressSanitizer all but what was asked for is poisoned: headers, slack and free memory.")      \
    X(DAMAGE_INSIDE, "damage-inside",                                                                        \
      "While a header is damaged, no call returns a payload outside the region or off the grid.")            \
    X(DAMAGE_REPORTED, "damage-reported",                                                                    \
      "While a header is impossible, every call that needs it reports a corrupt heap.")                      \
    X(DAMAGE_UNTOUCHED, "damage-untouched", "A call that reports a corrupt heap has changed nothing.")       \
    X(START_REFUSED, "start-refused", "No heap starts in a region that cannot be one.")                      \
    X(CONTENTS_KEPT, "contents-kept", "Every live payload keeps what was written to it.")                    \
    X(CONTENTS_ZEROED, "contents-zeroed", "Zeroed memory is zero over its whole usable size.")               \
    X(CONTENTS_MOVED, "contents-moved", "A resized payload keeps its contents up to the smaller size.")      \
    X(RECOVERY, "recovery", "After freeing everything, one free block spans the heap again.")

enum oracle {
    ORACLE_BEFORE_FIRST = INVARIANT_COUNT - 1,
#define ORACLE_ENUMERATOR(name, id, sentence) ORACLE_##name,
    EXECUTION_ORACLE_LIST(ORACLE_ENUMERATOR)
#undef ORACLE_ENUMERATOR
    ORACLE_COUNT /* one more than the last */
};

#define ORACLE_BIT(oracle) (UINT64_C(1) << (oracle))
#define ORACLE_ALL         (ORACLE_BIT(ORACLE_COUNT) - 2) /* every bit but SOUND's */

/* The id and the sentence of an oracle or invariant, 1 <= oracle < ORACLE_COUNT; NULL for any other. */
const char *oracle_id(unsigned oracle);
const char *oracle_sentence(unsigned oracle);

#endif
