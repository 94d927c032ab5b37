/* Compares the region with a copy of it. copy.h is the contract. */
#include "fuzz/execute/copy.h"

/* A library's, or the compiler's: several times as fast as any loop here. */
int memcmp(const void *left, const void *right, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

static size_t last_end(const struct model *model) {
    if (model->live_count == 0) {
        return model->first;
    }
    const struct live_block *const last = &model->live[model->live_count - 1];
    return last->offset + last->size;
}

/* Brings a part of what is copied up to date. */
static void refresh(const struct executor *executor, size_t start, size_t size) {
    const size_t copied_size = executor->copied_size;
    if (start < copied_size) {
        const size_t room = copied_size - start;
        memcpy(executor->copy + start, executor->region.base + start, size < room ? size : room);
    }
}

/*     | free              | freed   |              | gap | placed      | behind
 *     ^ header              ^ header               ^ header            ^ header
 * The headers that may change, and what a call may store in its own payload: not where that is only extended,
 * since nothing else judges what it keeps. */
static void take_own(const struct executor *executor, const struct step *step) {
    const struct model *const model = &executor->model;
    const size_t header_size = model->policy.header_size;
    const struct prediction *const predicted = &step->predicted;
    if (predicted->freed_offset != MODEL_NOTHING) {
        const size_t freed = predicted->freed_offset - header_size;
        refresh(executor, model_block_at(model, freed).offset, header_size);
        refresh(executor, freed, header_size);
    }
    if (predicted->offset != MODEL_NOTHING && step->call != CALL_EXTEND) {
        const size_t placed = predicted->offset - header_size;
        if (step->call == CALL_ALLOC_ALIGNED && placed != model->first) {
            refresh(executor, model_block_at(model, placed - 1).offset, header_size);
        }
        refresh(executor, placed, predicted->usable_size + 2 * header_size);
    }
}

void copy_take(struct executor *executor) {
    if (executor->copy != NULL) {
        executor->copied_size = last_end(&executor->model);
        refresh(executor, 0, executor->copied_size);
    }
}

bool copy_holds(struct executor *executor, const struct step *step) {
    if (executor->copy == NULL || !executor_is_shown(executor)) {
        return false;
    }
    const size_t first = executor->model.first;
    const size_t end = last_end(&executor->model);
    const size_t copied_size = executor->copied_size < end ? executor->copied_size : end;
    executor->copied_size = end;
    refresh(executor, copied_size, end); /* no payload but the step's own is there */
    take_own(executor, step);
    if (memcmp(executor->copy + first, executor->region.base + first, end - first) == 0) {
        return true;
    }
    copy_take(executor);
    return false;
}
