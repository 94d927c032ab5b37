/* The page table model: what a tree of page tables should do, by a sorted list of what is mapped.
 *
 * It shares no code and no idea with sv39.c: no table, no entry, no page. It counts how many tables there
 * must be from the mapped addresses: one for each stretch of 2 MiB and one for each of 1 GiB with a mapping
 * in it, and the root. Of an overwritten entry it knows only what addresses it stands for. It predicts how
 * each operation ends, and then is what the tree should be. It must never use sv39.c, page.c or a table. */
#ifndef KMEM_SV39_MODEL_H
#define KMEM_SV39_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "invariants/sv39_invariant.h"

#define SV39_MODEL_LIVE_LIMIT ((size_t)64) /* mappings a model has at most */

struct sv39_model {
    size_t page_count;  /* pages of the allocator */
    size_t other_count; /* of them, those taken for something other than tables */
    struct live_mapping live[SV39_MODEL_LIVE_LIMIT]; /* sorted by virtual_address */
    size_t live_count;
    uint64_t corrupt_start; /* the lowest address that the overwritten entry stands for */
    uint64_t corrupt_size;  /* bytes it stands for; 0 when none is overwritten */
};

/* How an operation should end. */
struct sv39_answer {
    enum sv39_error error;
    struct sv39_translation translation; /* of a translation that ends with SV39_OK */
};

/* Makes model one of nothing mapped. page_count is 1 at least, for the root. */
void sv39_model_init(struct sv39_model *model, size_t page_count, size_t other_count);

/* Each predicts the operation of the same name and, if it succeeds, does it. Do not ask for a mapping beyond
 * SV39_MODEL_LIVE_LIMIT. Cost: a few walks over the mappings. */
struct sv39_answer sv39_model_map(struct sv39_model *model, uint64_t virtual_address,
                                  uint64_t physical_address, uint64_t flags);
struct sv39_answer sv39_model_unmap(struct sv39_model *model, uint64_t virtual_address);
struct sv39_answer sv39_model_translate(const struct sv39_model *model, uint64_t virtual_address);

/* Tables there must be, the root included; and pages then free. */
size_t sv39_model_table_count(const struct sv39_model *model);
size_t sv39_model_free_count(const struct sv39_model *model);

#endif
