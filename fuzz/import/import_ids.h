/* Maps each id of a log to its slot: ids come and go, slots are few and numbered. */
#ifndef KMEM_IMPORT_IDS_H
#define KMEM_IMPORT_IDS_H

#include "fuzz/import/import_format.h"

#define IMPORT_NO_SLOT SIZE_MAX /* of an id without a payload: it asked for 0 bytes */

/* What an id stands for. */
struct import_entry {
    struct import_text id; /* in the log; size 0: the place is empty */
    size_t slot;
    size_t line; /* where it was allocated */
};

struct import_ids {
    struct import_entry *places; /* open addressing, linear; from malloc */
    size_t place_count;          /* a power of two, more than twice entry_count; 0: no memory yet */
    size_t entry_count;
    uint64_t taken[PROGRAM_SLOT_COUNT_MAXIMUM / 64]; /* one bit a slot */
    size_t slot_limit;                               /* one more than the highest slot ever taken */
};

/* The entry of an id; NULL when it is not live. Valid until the next add or remove. */
struct import_entry *import_ids_find(const struct import_ids *ids, struct import_text id);

/* Makes an id that is not live live, in this slot; the log that holds it must outlive the map. Returns false
 * iff memory ran out. */
__attribute__((warn_unused_result)) bool import_ids_add(struct import_ids *ids, struct import_text id,
                                                        size_t slot, size_t line);

/* Removes an entry that import_ids_find has returned. Its slot stays taken. */
void import_ids_remove(struct import_ids *ids, struct import_entry *entry);

/* Takes the lowest free slot; IMPORT_NO_SLOT when all are taken. */
size_t import_ids_take_slot(struct import_ids *ids);

/* Frees a slot; of IMPORT_NO_SLOT nothing. */
void import_ids_free_slot(struct import_ids *ids, size_t slot);

void import_ids_close(struct import_ids *ids);

#endif
