/* Every oracle: what the harness can find wrong, and what its verdict says. The checker's invariants come
 * first and keep their numbers. How each is checked is in judge.c, contents.c, poison.c, damage.c,
 * bad_start.c and invariants/. Those from
 * impossible-size on are for subjects without a view. */
#ifndef KMEM_ORACLE_H
#define KMEM_ORACLE_H

#include <stdint.h>

#include "invariants/invariant.h"

/* Those that need the executor, in rows like INVARIANT_LIST's. More units: {address} is an offset, or
 * UINT64_MAX for NULL; {byte} the value of a byte; {refusal} an enum refusal; {hash} one of all headers;
 * {region} the number of a bad region (bad_start.h); {owner} the offset of a live payload, ORACLE_OWNER_FREE
 * or ORACLE_OWNER_NONE. */
#define ORACLE_OWNER_NONE UINT64_MAX       /* it is no memory of the heap's */
#define ORACLE_OWNER_FREE (UINT64_MAX - 1) /* of the region, and no live payload */

#define EXECUTION_ORACLE_LIST(X)                                                                             \
    X(INSIDE, "inside", "Every payload lies inside the region.", "the payload at {offset}",                  \
      "an end within the region's {bytes}", "an end at {bytes}")                                             \
    X(ALIGNMENT, "alignment", "Every payload has the alignment the heap promises and the one asked for.",    \
      "the payload at {offset}", "a multiple of {bytes}", "{bytes} past one")                                \
    X(DISJOINT, "disjoint", "No payload overlaps another live one.", "the payload at {offset}",              \
      "nothing of the live payload that starts at {offset}", "an overlap with it; it ends at {offset}")      \
    X(GUARDS, "guards", "The guard bytes on both sides of the region are never written.",                    \
      "the guard byte at {offset}", "{byte}", "{byte}")                                                      \
    X(PLACEMENT, "placement", "Every operation returns the address the model predicts, or its NULL.",        \
      "the address returned", "{address}", "{address}")                                                      \
    X(REFUSAL_NAMED, "refusal-named", "Every operation reports the refusal the model predicts, or none.",    \
      "the answer to pointer {offset}", "{refusal}", "{refusal}")                                            \
    X(REFUSAL_UNTOUCHED, "refusal-untouched", "A failed or misused call changes no byte of any header.",     \
      "the heap's headers", "unchanged (hash {hash})", "changed (hash {hash})")                              \
    X(GROWTH, "growth", "The page source is asked, at most once, for exactly the pages the model predicts.", \
      "the page source, the region ending at {offset}", "to be asked for {count} pages",                     \
      "asked for {count} pages")                                                                             \
    X(USABLE_SIZE, "usable-size",                                                                            \
      "The usable size is right: never less than was asked for, and 0 for what is no payload.",              \
      "the payload at {offset}", "{bytes}", "{bytes}")                                                       \
    X(POISON, "poison",                                                                                      \
      "Under AddressSanitizer all but what was asked for is poisoned, headers, slack and free memory, and "  \
      "nothing behind the region.",                                                                          \
      "the 8 bytes at {offset}", "{bytes} accessible, the others poisoned", "{bytes} accessible")            \
    X(DAMAGE_INSIDE, "damage-inside",                                                                        \
      "While a header is damaged, no call returns a payload outside the region or off the grid.",            \
      "the damaged header at {offset}",                                                                      \
      "a payload in front of the region's end at {offset}, at a multiple of 8", "a payload at {offset}")     \
    X(DAMAGE_REPORTED, "damage-reported",                                                                    \
      "While a header is impossible, every call that needs it reports a corrupt heap.",                      \
      "the damaged header at {offset}", "{refusal}", "{refusal}")                                            \
    X(DAMAGE_UNTOUCHED, "damage-untouched", "A call that reports a corrupt heap has changed nothing.",       \
      "the damaged header at {offset}", "nothing changed up to the region's end at {offset}",                \
      "a change at {offset}")                                                                                \
    X(START_REFUSED, "start-refused", "No heap starts in a region that cannot be one.", "{region}",          \
      "no heap there", "a heap")                                                                             \
    X(CONTENTS_KEPT, "contents-kept", "Every live payload keeps what was written to it.",                    \
      "the payload byte at {offset}", "{byte}, as written", "{byte}")                                        \
    X(CONTENTS_ZEROED, "contents-zeroed", "Zeroed memory is zero to its last byte.",                         \
      "the byte at {offset} of zeroed memory", "{byte}", "{byte}")                                           \
    X(CONTENTS_MOVED, "contents-moved", "A resized payload keeps its contents up to the smaller size.",      \
      "the payload byte at {offset} of resized memory", "{byte}, as written before", "{byte}")               \
    X(RECOVERY, "recovery", "After freeing everything, one free block spans the heap again.",                \
      "the emptied heap", "{count} free block", "{count} blocks")                                            \
    X(IMPOSSIBLE_SIZE, "impossible-size", "No request for more than the region is granted.",                 \
      "the payload at {offset}", "NULL, as the region has {bytes}", "a payload for {bytes}")                 \
    X(OWN_CHECK, "own-check", "The heap's own check finds nothing wrong.", "the heap",                       \
      "nothing to be wrong", "something wrong, says its own check")                                          \
    X(LIVENESS, "liveness", "An empty heap refuses no request far below its size.",                          \
      "the empty heap of {bytes}", "a payload for {bytes}", "NULL")                                          \
    X(LEAK, "leak", "The same program, run again in the heap it has emptied, is granted no less.",           \
      "the second run in the same heap", "{count} payloads, as in the first", "{count}")                     \
    X(RESIZE_FAILED, "resize-failed", "A resize that fails leaves the old payload as it was.",               \
      "the payload byte at {offset}, which could not be resized", "{byte}, as written", "{byte}")            \
    X(ZERO_SIZE, "zero-size", "A request for 0 bytes returns what the heap says it does.",                   \
      "a request for 0 bytes", "NULL", "a payload at {offset}")                                              \
    X(REFIT, "refit", "What was just freed can be had again at once.", "the next request of the same size",  \
      "a payload for the {bytes} just freed", "NULL")                                                        \
    X(GIVES_BACK, "gives-back", "What a resize cuts off can be had at once.",                                \
      "the next request, after a resize that cut off {bytes}", "a payload for {bytes}", "NULL")              \
    X(WALK, "walk", "The heap's own walk shows every live payload, in a taken block of its own.",            \
      "the block at {offset}, as the heap's own walk shows it",                                              \
      "blocks in order, a taken one for each live payload", "{count} live payloads so far")                  \
    X(FREE_BYTES, "free-bytes",                                                                              \
      "The heap counts as free no more than can be, and as much as before a call that failed.",              \
      "the bytes that the heap says are free", "{bytes}", "{bytes}")                                         \
    X(REPEATABLE, "repeatable", "The same program, from a new start, gets the same answers.",                \
      "the second run from a new start", "the answers of the first (hash {hash})", "others (hash {hash})")   \
    X(BOUNDED, "bounded",                                                                                    \
      "Every call ends, within 65,536 steps and 16 for each byte of the region and pair of live payloads.",  \
      "the call", "an end within {count} steps", "none after {count}")                                       \
    X(ASSERTION, "assertion", "No assertion of the heap's own fails.", "the call",                           \
      "every assertion to hold", "one that fails")                                                           \
    X(STRAY_STORE, "stray-store",                                                                            \
      "The heap stores nothing outside the region and its own data, nor in live payloads but the call's, "   \
      "nor, with a model, in free memory.",                                                                  \
      "the byte at {offset}", "no store {owner}", "a store of {bytes}")

enum oracle {
    ORACLE_BEFORE_FIRST = INVARIANT_COUNT - 1,
#define ORACLE_ENUMERATOR(name, ...) ORACLE_##name,
    EXECUTION_ORACLE_LIST(ORACLE_ENUMERATOR)
#undef ORACLE_ENUMERATOR
    ORACLE_COUNT /* one more than the last */
};

#define ORACLE_BIT(oracle) (UINT64_C(1) << (oracle))
#define ORACLE_ALL         (ORACLE_BIT(ORACLE_COUNT) - 2) /* every bit but SOUND's */

/* The id of an oracle or invariant, 1 <= oracle < ORACLE_COUNT; NULL for any other. */
const char *oracle_id(unsigned oracle);

/* A row of the two lists: the members after the sentence say what those of a verdict mean. */
struct oracle_text {
    const char *id;
    const char *sentence;
    const char *offset;
    const char *expected;
    const char *observed;
};

/* All rows, by number; SOUND's is empty. Boards do not link it, nor what follows. */
extern const struct oracle_text oracle_texts[ORACLE_COUNT];

/* The sentence of an oracle or invariant; NULL for any other number. */
const char *oracle_sentence(unsigned oracle);

#endif
