/* Accessors of a run's state. */
#include "fuzz/execute/state.h"

#include "fuzz/execute/slots.h"
#include "src/require.h"

void executor_observe(struct executor *executor, const struct observer *observer) {
    REQUIRE(executor->observers.count < OBSERVER_MAXIMUM);
    executor->observers.list[executor->observers.count++] = observer;
}

unsigned char *executor_pointer(const struct executor *executor, size_t offset) {
    return (unsigned char *)((uintptr_t)executor->region.base + offset); /* may be outside the arena */
}

bool executor_slot_is_live(const struct executor *executor, size_t slot) {
    return slots_has(executor->tables.live_bits, slot);
}

size_t executor_next_live(const struct executor *executor, size_t from) {
    return slots_find_circular(executor->tables.live_bits, executor->slot_count, from, true);
}

size_t executor_header_size(const struct executor *executor) {
    return executor->subject->view != NULL ? MODEL_HEADER_SIZE : 0;
}

/* The live payload, not of 0 bytes, that is the lowest of those from offset on; NULL when there is none. */
static const struct slot *next_payload(const struct executor *executor, size_t offset) {
    const struct slot *next = NULL;
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const other = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && other->size != 0 && other->offset >= offset &&
            (next == NULL || other->offset < next->offset)) {
            next = other;
        }
    }
    return next;
}

bool executor_walk(const struct executor *executor, subject_visit *visit, void *context) {
    const size_t size = executor->given_pages * executor->model.page_size;
    if (executor->subject->view != NULL) {
        return executor->subject->view->walk(executor->region.base, size, visit, context);
    }
    size_t offset = 0;
    while (offset < size) { /* each round ends after a payload, or at the end */
        const struct slot *const next = next_payload(executor, offset);
        const size_t start = next == NULL ? size : next->offset;
        if (start != offset) {
            visit(context, offset, start - offset, false);
        }
        if (next != NULL) {
            visit(context, start, next->size, true);
        }
        offset = next == NULL ? size : start + next->size;
    }
    return true;
}
