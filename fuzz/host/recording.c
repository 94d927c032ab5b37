/* Recording in a child process. recording.h is the contract. */
#include "fuzz/host/recording.h"

#include "fuzz/host/host.h"
#include "fuzz/host/isolated.h"

/* In the child. */

static struct verdict record(void *context, struct executor *executor, const struct program *program) {
    struct history *const history = context;
    history_record(history, executor, program);
    return history->verdict;
}

/* Notes the heap as it is and the address the subject died at, if that is in the arena or its guards. */
static void note_death(void *context, uintptr_t address, size_t size) {
    struct history *const history = context;
    const struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    const struct arena *const region = &executor->region;
    const uintptr_t first = (uintptr_t)executor->arena.base - ARENA_GUARD_SIZE;
    const uintptr_t end = (uintptr_t)region->base + region->capacity + ARENA_GUARD_SIZE;
    if (address >= first && address < end) {
        history->fault_known = true;
        history->fault_offset = (uint64_t)address - (uintptr_t)region->base;
        history->fault_size = size == 0 ? 1 : size;
    }
    history_interrupt(history);
}

/* In the parent. */

struct recording recording_make(const struct program *program) {
    struct recording recording = {.history = history_open()};
    const struct isolated_hooks hooks = {.run = record, .dying = note_death, .context = recording.history};
    isolated_examine(host_executor(PROGRAM_SLOT_COUNT_MAXIMUM), program, &hooks, &recording.outcome);
    return recording;
}

bool recording_died(const struct recording *recording) {
    return recording->history->end == HISTORY_CUT_OFF;
}

void recording_close(struct recording *recording) {
    history_close(recording->history);
    recording->history = NULL;
    outcome_close(&recording->outcome);
}
