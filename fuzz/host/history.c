/* Recording a run and playing it back. history.h is the contract. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "fuzz/host/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz/host/exit_code.h"

/* The recorder: what is needed while a run goes on. Static, for history_interrupt: a dying process has no one
 * to hand it over. */
static struct recorder {
    struct history *history;
    const struct executor *executor;
    struct history_block last[HISTORY_REGION_BLOCKS]; /* the heap as recorded last */
    size_t last_count;
    struct history_block now[HISTORY_REGION_BLOCKS]; /* the heap as it is */
    size_t now_count;
    uint32_t made_by[PROGRAM_SLOT_COUNT_MAXIMUM];
    uint32_t owner[PROGRAM_REGION_SIZE_MAXIMUM]; /* by payload offset: slot + 1; 0 between walks */
} recorder;

static void *map_shared(size_t size) {
    void *const memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "kmemfuzz: no memory for the history of a run: %zu bytes were refused\n", size);
        exit(EXIT_ENVIRONMENT);
    }
    return memory;
}

struct history *history_open(void) {
    struct history *const history = map_shared(sizeof *history);
    history->steps = map_shared(HISTORY_STEP_CAPACITY * sizeof *history->steps);
    history->changes = map_shared(HISTORY_CHANGE_CAPACITY * sizeof *history->changes);
    history->blocks = map_shared(HISTORY_BLOCK_CAPACITY * sizeof *history->blocks);
    return history;
}

void history_close(struct history *history) {
    munmap(history->steps, HISTORY_STEP_CAPACITY * sizeof *history->steps);
    munmap(history->changes, HISTORY_CHANGE_CAPACITY * sizeof *history->changes);
    munmap(history->blocks, HISTORY_BLOCK_CAPACITY * sizeof *history->blocks);
    munmap(history, sizeof *history);
}

/* The blocks as they are. */

static void add_block(void *context, size_t offset, uint64_t size, bool taken) {
    struct recorder *const record = context;
    if (record->now_count == HISTORY_REGION_BLOCKS) {
        return; /* every block but the last is 16 bytes and more */
    }
    struct history_block block = {.size = size, .slot = taken ? HISTORY_NOBODY : HISTORY_FREE};
    const uint32_t owner =
        record->history->anywhere
            ? (uint32_t)executor_slot_drawn_at(record->executor, offset) + 1
            : record->owner[(offset + record->history->header_size) % PROGRAM_REGION_SIZE_MAXIMUM];
    if (taken && owner != 0) {
        block.slot = owner - 1;
        block.request = record->executor->tables.slots[block.slot].size;
        block.made_by = record->made_by[block.slot];
    }
    record->now[record->now_count++] = block;
}

/* Where each live payload is, or, with `known` false, nowhere again. A payload that lies where none can is
 * left out, and its block is nobody's. */
static void note_owners(struct recorder *record, bool known) {
    const struct executor *const executor = record->executor;
    for (size_t slot = 0; slot < executor->slot_count && !record->history->anywhere; slot++) {
        const size_t offset = executor->tables.slots[slot].offset;
        const bool is_second = known && executor->tables.slots[slot].size == 0 &&
                               record->owner[offset % PROGRAM_REGION_SIZE_MAXIMUM] != 0;
        if (executor_slot_is_live(executor, slot) && offset < PROGRAM_REGION_SIZE_MAXIMUM && !is_second) {
            record->owner[offset] = known ? (uint32_t)slot + 1 : 0;
        }
    }
}

/* Reads the heap into `now`. Returns whether the walk reached its end. */
static bool read_blocks(struct recorder *record) {
    const struct executor *const executor = record->executor;
    record->now_count = 0;
    note_owners(record, true);
    const bool whole = executor_walk(executor, add_block, record);
    note_owners(record, false);
    return whole;
}

/* Changes. */

static bool blocks_are_equal(const struct history_block *left, const struct history_block *right) {
    return left->size == right->size && left->slot == right->slot && left->request == right->request &&
           left->made_by == right->made_by;
}

/* Two lists of blocks over the same bytes, walked side by side. */
struct comparison {
    size_t old_index;
    size_t new_index;
    uint64_t old_offset; /* where the next block of each begins */
    uint64_t new_offset;
};

static bool is_at_end(const struct recorder *record, const struct comparison *at) {
    return at->old_index == record->last_count && at->new_index == record->now_count;
}

static bool is_unchanged(const struct recorder *record, const struct comparison *at) {
    return at->old_index < record->last_count && at->new_index < record->now_count &&
           at->old_offset == at->new_offset &&
           blocks_are_equal(&record->last[at->old_index], &record->now[at->new_index]);
}

static void pass_old(const struct recorder *record, struct comparison *at) {
    at->old_offset += record->last[at->old_index++].size;
}

static void pass_new(const struct recorder *record, struct comparison *at) {
    at->new_offset += record->now[at->new_index++].size;
}

/* Walks over blocks that differ, up to where both lists agree again.
 *
 *     last   | a | b | c     | d |
 *     now    | a | x     | y | d |        one change: at 1, two out, two in */
static struct history_change pass_difference(const struct recorder *record, struct comparison *at) {
    struct history_change change = {.first = (uint32_t)at->new_index};
    while (!is_at_end(record, at) && !is_unchanged(record, at)) { /* passes a block each time */
        const bool old_is_behind = at->new_index == record->now_count ||
                                   (at->old_index < record->last_count && at->old_offset <= at->new_offset);
        if (old_is_behind) {
            pass_old(record, at);
            change.removed_count++;
        } else {
            pass_new(record, at);
            change.inserted_count++;
        }
    }
    return change;
}

/* Adds a change whose blocks are those of `now` from its first on. Returns false, and adds nothing, when
 * there is no room. */
static bool add_change(struct history *history, struct history_change change,
                       const struct history_block *inserted) {
    if (history->change_count == HISTORY_CHANGE_CAPACITY ||
        change.inserted_count > HISTORY_BLOCK_CAPACITY - history->block_count) {
        return false;
    }
    for (size_t i = 0; i < change.inserted_count; i++) {
        history->blocks[history->block_count++] = inserted[i];
    }
    history->changes[history->change_count++] = change;
    return true;
}

/* Records what became of the heap since it was recorded last, as the end of this step. */
static bool record_changes(struct recorder *record, struct history_step *step) {
    struct history *const history = record->history;
    struct comparison at = {.old_index = 0};
    step->corrupt = !read_blocks(record);
    step->change_count = 0;
    step->page_count = (uint32_t)executor_drawn_pages(record->executor);
    while (!is_at_end(record, &at)) { /* passes a block each time */
        if (is_unchanged(record, &at)) {
            pass_old(record, &at);
            pass_new(record, &at);
            continue;
        }
        const struct history_change change = pass_difference(record, &at);
        if (!add_change(history, change, record->now + change.first)) {
            return false;
        }
        step->change_count++;
    }
    memcpy(record->last, record->now, record->now_count * sizeof *record->now);
    record->last_count = record->now_count;
    if (step->page_count > history->page_limit) {
        history->page_limit = step->page_count;
    }
    return true;
}

/* Watching a run. */

/* The heap before the first step; none when it is wrong from the start. Observers are shown steps only, so it
 * is made once more for this. */
static void record_start(struct recorder *record, struct executor *executor,
                         const struct program_header *header) {
    struct history *const history = record->history;
    const bool sound = verdict_is_sound(executor_start(executor, header));
    if (sound) {
        (void)read_blocks(record);
    }
    executor_end(executor, !sound);
    memcpy(history->blocks, record->now, record->now_count * sizeof *record->now);
    memcpy(record->last, record->now, record->now_count * sizeof *record->now);
    record->last_count = record->now_count;
    history->block_count = record->now_count;
    history->first_block_count = record->now_count;
}

/* A run from a new start takes the place of what was recorded. */
static void record_again(struct recorder *record) {
    struct history *const history = record->history;
    memcpy(record->last, history->blocks, history->first_block_count * sizeof *record->last);
    record->last_count = history->first_block_count;
    history->block_count = history->first_block_count;
    history->change_count = 0;
    history->step_count = 0;
    history->full = false;
}

static void before(void *context, const struct executor *executor, const struct step *step) {
    struct recorder *const record = context;
    struct history *const history = record->history;
    if (step->index == 0 && history->step_count != 0) {
        record_again(record);
    }
    if (history->full || history->step_count == HISTORY_STEP_CAPACITY) {
        history->full = true;
        return;
    }
    history->steps[history->step_count] =
        (struct history_step){.step = *step, .page_count = (uint32_t)executor_drawn_pages(executor)};
    history->step_count++;
    history->under_way = true;
}

static void after(void *context, const struct executor *executor, const struct step *step,
                  struct verdict verdict) {
    struct recorder *const record = context;
    struct history *const history = record->history;
    (void)verdict;
    history->operation_count = executor->operation_count;
    history->under_way = false;
    if (step->slot != STEP_NO_SLOT && step->offset != MODEL_NOTHING) {
        record->made_by[step->slot] = (uint32_t)step->index;
    }
    if (history->full) {
        return;
    }
    struct history_step *const recorded = &history->steps[history->step_count - 1];
    recorded->step = *step;
    if (!record_changes(record, recorded)) {
        history->full = true;
        history->change_count -= recorded->change_count; /* the whole step is left out */
        history->step_count--;
    }
}

void history_record(struct history *history, struct executor *executor, const struct program *program) {
    static const struct observer observer = {.before = before, .after = after, .context = &recorder};
    const struct observers others = executor->observers;
    history->header = program->header;
    history->shown = executor->subject->view != NULL;
    history->header_size = executor_header_size(executor);
    history->geometry = executor_geometry(executor, &program->header);
    history->anywhere = executor_is_anywhere(executor);
    history->geometry.page_count = history->anywhere ? 1 : history->geometry.page_count;
    history->page_limit = history->geometry.page_count;
    recorder.history = history;
    recorder.executor = executor;
    recorder.now_count = 0;
    record_start(&recorder, executor, &program->header);
    executor_observe(executor, &observer);
    history->verdict = executor_run(executor, program);
    executor->observers = others;
    history->drawn_offset = executor_drawn_byte(executor, history->verdict.offset);
    history->digest = executor->digest;
    history->end = verdict_is_sound(history->verdict) ? HISTORY_SOUND : HISTORY_VIOLATION;
}

void history_interrupt(struct history *history) {
    if (recorder.history == history && history->under_way) {
        struct history_step *const step = &history->steps[history->step_count - 1];
        if (!record_changes(&recorder, step)) {
            history->change_count -= step->change_count; /* as if it had died before it changed anything */
            step->change_count = 0;
        }
    }
}

size_t history_failed_step(const struct history *history) {
    const bool failed =
        history->end == HISTORY_VIOLATION || (history->end == HISTORY_CUT_OFF && history->under_way);
    return failed && !history->full && history->step_count != 0 ? history->step_count - 1
                                                                : history->step_count;
}

/* Playing it back. */

struct history_cursor history_cursor_open(const struct history *history) {
    struct history_cursor cursor = {.history = history, .count = history->first_block_count};
    cursor.blocks = malloc(HISTORY_REGION_BLOCKS * sizeof *cursor.blocks);
    if (cursor.blocks == NULL) {
        abort(); /* 3 MiB, a fraction of what recording took */
    }
    memcpy(cursor.blocks, history->blocks, cursor.count * sizeof *cursor.blocks);
    cursor.next_block = cursor.count;
    return cursor;
}

/* The blocks after the change move, those of the change fill the room. */
static void apply(struct history_cursor *cursor, const struct history_change *change) {
    struct history_block *const place = cursor->blocks + change->first;
    const size_t after = cursor->count - change->first - change->removed_count;
    memmove(place + change->inserted_count, place + change->removed_count, after * sizeof *place);
    memcpy(place, cursor->history->blocks + cursor->next_block, change->inserted_count * sizeof *place);
    cursor->next_block += change->inserted_count;
    cursor->count = cursor->count - change->removed_count + change->inserted_count;
}

bool history_cursor_advance(struct history_cursor *cursor) {
    const struct history *const history = cursor->history;
    if (cursor->step == history->step_count) {
        return false;
    }
    const struct history_step *const step = &history->steps[cursor->step++];
    for (size_t i = 0; i < step->change_count; i++) {
        apply(cursor, &history->changes[cursor->next_change++]);
    }
    return true;
}

void history_cursor_close(struct history_cursor *cursor) {
    free(cursor->blocks);
    cursor->blocks = NULL;
}
