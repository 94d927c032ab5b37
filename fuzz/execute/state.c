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
