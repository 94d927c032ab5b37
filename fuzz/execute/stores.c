/* Judges the stores of a step. stores.h is the contract. The header is built from the words of kmem.h, not by
 * block.h. */
#include "fuzz/execute/stores.h"

#include "src/port.h"

#define TAKEN (UINT64_C(1) << 63)

typedef uint64_t __attribute__((may_alias)) header_word;

PORT_UNCHECKED static uint64_t read_header(const struct executor *executor, size_t offset) {
    return *(const header_word *)(const void *)executor_pointer(executor, offset);
}

static bool header_holds(const struct executor *executor, struct model_block block) {
    return read_header(executor, block.offset) == (block.size | (block.taken ? TAKEN : 0));
}

/* Bytes from there on that are the subject's own data, besides its structure; 0: none. */
static size_t own_size_at(const struct executor *executor, size_t offset) {
    const struct subject_view *const view = executor->subject->view;
    const uintptr_t past = (uintptr_t)executor->region.base + offset - (uintptr_t)view->own;
    return past < view->own_size ? view->own_size - past : 0;
}

/* May the step store in this block's payload? Only where all of it is judged afterwards (contents.c): a
 * payload that grows where it is, and one that could not be resized, keep what they hold. */
static bool is_own_payload(const struct step *step, struct model_block block, size_t header_size) {
    return block.taken && step->call != CALL_EXTEND && step->predicted.offset == block.offset + header_size;
}

/* Was the header of the block that the step has freed there? A free neighbour may hold it now, but to write
 * it before they are merged is no fault. */
static bool is_freed_header(const struct step *step, size_t offset, size_t header_size) {
    return step->predicted.freed_offset != MODEL_NOTHING &&
           step->predicted.freed_offset - offset - 1 < header_size;
}

/* Does something explain each of a store's bytes? If not, the first that nothing does is *stray, from base.
 */
static bool is_explained(const struct executor *executor, const struct step *step, struct store store,
                         size_t *stray) {
    const struct model *const model = &executor->model;
    const size_t header_size = model->policy.header_size;
    const size_t start = store.address - (uintptr_t)executor->region.base;
    *stray = start;
    while (*stray - start < store.size) { /* a part of a block further each time */
        const size_t own_size = own_size_at(executor, *stray);
        if (own_size != 0) {
            *stray += own_size;
            continue;
        }
        if (*stray < model->first || *stray >= model_region_size(model)) {
            return false;
        }
        const struct model_block block = model_block_at(model, *stray);
        const size_t payload = block.offset + header_size;
        if (*stray < payload && header_holds(executor, block)) {
            *stray = payload;
        } else if (*stray >= payload && is_own_payload(step, block, header_size)) {
            *stray = block.offset + block.size;
        } else if (*stray >= payload && is_freed_header(step, *stray, header_size)) {
            *stray = step->predicted.freed_offset;
        } else {
            return false;
        }
    }
    return true;
}

void stores_note_start(struct stores *stores, const void *own, size_t own_size) {
    if (stores != NULL) {
        stores->own = (uintptr_t)own;
        stores->own_size = own_size;
        stores->traced = stores->count != 0;
        stores_end(stores);
    }
}

static bool is_known(const struct executor *executor) {
    const struct stores *const stores = executor->stores;
    return stores != NULL && stores->traced && !stores->overflowed && executor_is_shown(executor);
}

bool stores_explain(const struct executor *executor, const struct step *step) {
    struct stores *const stores = executor->stores;
    if (!is_known(executor)) {
        return false;
    }
    size_t stray;
    while (stores->explained < stores->count &&
           is_explained(executor, step, stores->list[stores->explained], &stray)) {
        stores->explained++;
    }
    return stores->explained == stores->count;
}

static bool neighbourhood_holds(const struct executor *executor, size_t payload) {
    const struct model *const model = &executor->model;
    const struct model_block block = model_block_at(model, payload - model->policy.header_size);
    const size_t end = block.offset + block.size;
    return header_holds(executor, block) &&
           (block.offset == model->first ||
            header_holds(executor, model_block_at(model, block.offset - 1))) &&
           (end == model_region_size(model) || header_holds(executor, model_block_at(model, end)));
}

bool stores_headers_hold(const struct executor *executor, const struct step *step) {
    const struct prediction *const predicted = &step->predicted;
    return (predicted->offset == MODEL_NOTHING || neighbourhood_holds(executor, predicted->offset)) &&
           (predicted->freed_offset == MODEL_NOTHING ||
            neighbourhood_holds(executor, predicted->freed_offset));
}

/* Whose the byte at offset is, as in oracle.h. */
static uint64_t owner_of(const struct executor *executor, size_t offset) {
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const other = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && offset - other->offset < other->size) {
            return other->offset;
        }
    }
    return offset < model_region_size(&executor->model) ? ORACLE_OWNER_FREE : ORACLE_OWNER_NONE;
}

struct verdict stores_judge(const struct executor *executor, const struct step *step) {
    struct stores *const stores = executor->stores;
    size_t offset;
    if (!is_known(executor) || stores->explained == stores->count ||
        is_explained(executor, step, stores->list[stores->explained], &offset)) {
        return verdict_sound();
    }
    const struct store *const store = &stores->list[stores->explained];
    const size_t start = store->address - (uintptr_t)executor->region.base;
    stores->stray = offset == start ? store->first : store->last;
    return (struct verdict){ORACLE_STRAY_STORE, offset, owner_of(executor, offset), store->size};
}
