/* Putting the executor into a layout, for the parts of the closure. */
#ifndef KMEM_CLOSE_STATE_H
#define KMEM_CLOSE_STATE_H

#include "fuzz/search/alphabet.h"

/* The header of a run that grows so. */
struct program_header close_header(const struct close *close, enum close_growth growth);

/* The first slot that the small heap's payloads are in. */
static inline size_t close_first_slot(const struct close *close) {
    return close->front.size == 0 ? 0 : 1;
}

/* A heap in that layout, the last one having ended: its payloads in slots in the order of their offsets. With
 * `stale`, the slots from ALPHABET_STALE on have what a payload may once have been, and is free. */
__attribute__((warn_unused_result)) struct verdict close_start(const struct close *close, uint64_t layout,
                                                               enum close_growth growth, bool stale);

/* Keeps the state that close_start has just made, of that place. */
void close_save(const struct close *close, const struct close_place *place, bool stale);

/* Puts the executor back into that state, after a step from it. Where what the heap
 * keeps is not all known, or is poisoned, by starting again. */
__attribute__((warn_unused_result)) struct verdict close_again(const struct close *close);

/* Has the step from there changed what is live, or where? */
bool close_changed(const struct close *close);

/* The number of the layout that the executor is in; the count of layouts when the heap has grown. */
uint64_t close_layout(const struct close *close);

#endif
