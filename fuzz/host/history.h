/* The history of a run: every step, and the blocks of the heap after each, as a list of changes. The pictures
 * of a run are drawn from it.
 *
 * A history is in memory that a child process shares with its parent, so that a run that killed its process
 * can still be drawn. */
#ifndef KMEM_HISTORY_H
#define KMEM_HISTORY_H

#include "fuzz/execute/executor.h"

#define HISTORY_STEP_CAPACITY   ((size_t)1 << 16) /* steps a history has room for */
#define HISTORY_CHANGE_CAPACITY ((size_t)1 << 18)
#define HISTORY_BLOCK_CAPACITY  ((size_t)1 << 21)                  /* blocks inserted, over all changes */
#define HISTORY_REGION_BLOCKS   (PROGRAM_REGION_SIZE_MAXIMUM / 16) /* blocks a heap can have at one moment */

#define HISTORY_FREE   UINT32_MAX       /* the slot of a free block */
#define HISTORY_NOBODY (UINT32_MAX - 1) /* the slot of a taken block that is no live payload's */

/* A block as a walk finds it. Its offset is the sum of the sizes of those before it. */
struct history_block {
    uint64_t size;    /* bytes, header included; anything for the last block of a corrupt heap */
    uint64_t request; /* bytes asked for; 0 when slot is none */
    uint32_t slot;    /* whose live payload it holds; HISTORY_FREE, HISTORY_NOBODY */
    uint32_t made_by; /* index of the step that put or last resized that payload; 0 when slot is none */
};

/* Does it hold a live payload? */
static inline bool history_is_live(const struct history_block *block) {
    return block->slot != HISTORY_FREE && block->slot != HISTORY_NOBODY;
}

/* A change: at index first, removed_count blocks are removed and the next inserted_count of the history's
 * blocks inserted. Each applies to the list as the changes before it left it. */
struct history_change {
    uint32_t first;
    uint32_t removed_count;
    uint32_t inserted_count;
};

struct history_step {
    struct step step;
    uint32_t change_count; /* from the heap before it to the heap after it */
    uint32_t page_count;   /* pages of the region after it */
    bool corrupt;          /* the walk after it ended at an impossible header */
};

/* How a run ended. */
enum history_end {
    HISTORY_CUT_OFF, /* it did not: the process that ran it is gone */
    HISTORY_SOUND,
    HISTORY_VIOLATION,
};

struct history {
    struct program_header header;   /* the program's */
    struct program_header geometry; /* the same with the region that the subject was given, in its pages */
    bool anywhere;      /* blocks are drawn as executor_is_anywhere says, and pages are the drawing's */
    bool shown;         /* blocks are as the heap shows them; false: only payloads are known */
    size_t header_size; /* bytes of a block in front of its payload; 0: only payloads are known */
    enum history_end end;
    struct verdict verdict;   /* sound unless end is HISTORY_VIOLATION */
    uint64_t drawn_offset;    /* its offset, as it is drawn; UINT64_MAX: it is not */
    uint64_t digest;          /* when end is HISTORY_SOUND */
    size_t operation_count;   /* steps done */
    size_t first_block_count; /* blocks of the heap before the first step: the first of all blocks */
    size_t page_limit;        /* pages the region had at most */

    size_t step_count; /* steps recorded, the current one included */
    bool under_way;    /* the last of them has not ended: the subject died in it */
    bool full;         /* there was not room for all: the last steps are missing */

    bool fault_known;      /* the subject died at an address inside the arena */
    uint64_t fault_offset; /* that address's, modulo 2^64 when before base */
    uint64_t fault_size;   /* bytes it tried to access there */

    size_t change_count;
    size_t block_count;
    struct history_step *steps;
    struct history_change *changes;
    struct history_block *blocks;
};

/* A new, empty history; the caller closes it. Its memory is shared with child processes, and costs only what
 * is used of it. Prints why and exits with code 3 when there is none. */
struct history *history_open(void);
void history_close(struct history *history);

/* Runs the program, as executor_run, and records it. Call it once for a history. The executor's observer gets
 * every step too. */
void history_record(struct history *history, struct executor *executor, const struct program *program);

/* Records the heap as it is, in the middle of the current step, and that the process is about to end. For
 * handlers of signals and of sanitizers: takes no lock and allocates nothing. Does nothing outside of a
 * step. */
void history_interrupt(struct history *history);

/* The index of the step that broke the heap or died; step_count when none did. */
size_t history_failed_step(const struct history *history);

/* A place in a history: the blocks after a step. */
struct history_cursor {
    const struct history *history;
    struct history_block *blocks; /* of the heap at this place */
    size_t count;
    size_t step; /* steps done: 0 is the heap before the first */
    size_t next_change;
    size_t next_block;
};

/* A cursor at the heap before the first step; from malloc, and the caller closes it. */
struct history_cursor history_cursor_open(const struct history *history);

/* Does one more step. Returns false, and stays, after the last. Cost: the blocks after the first change. */
bool history_cursor_advance(struct history_cursor *cursor);

void history_cursor_close(struct history_cursor *cursor);

#endif
