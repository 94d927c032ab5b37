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

/* Keeps the state that close_start or a step has just made, before operation number place->length. Sequences
 * longer than one need all that the heap keeps (subject_view.is_whole); for one operation that may hide. */
void close_save(const struct close *close, const struct close_place *place, size_t length, bool stale);

/* Puts the executor back into the state before the last operation of the place, after steps from it. Returns
 * false, and does nothing, where not all of it is kept, or it is poisoned. */
bool close_restore(const struct close *close, const struct close_place *place);

/* Gets there by starting again and repeating the operations before, which were judged when they were done
 * first. */
__attribute__((warn_unused_result)) struct verdict
close_repeat(const struct close *close, const struct close_place *place, const struct alphabet *alphabets);

/* Has the step from the last state saved, or put back, changed what is live, or where? */
bool close_changed(const struct close *close);

/* The number of the layout that the executor is in; the count of layouts when the heap has grown. */
uint64_t close_layout(const struct close *close);

#endif
