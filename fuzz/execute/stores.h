/* What a call of a subject with a view has stored, and whether that explains itself. Code compiled with
 * -fsanitize-coverage=trace-stores tells the host of each store (fuzz/host/guard.c), which notes it here;
 * where nothing is noted, as on boards and with gcc, nothing is explained and everything is compared. */
#ifndef KMEM_STORES_H
#define KMEM_STORES_H

#include "fuzz/execute/state.h"

#define STORES_MAXIMUM     ((size_t)64) /* that are noted of a step; with more nothing is explained */
#define STORES_JUDGE_STEPS 64u          /* steps after which everything is compared, whatever was stored */
#define STORES_WALK_LIVE                                                                                     \
    ((size_t)64) /* live blocks up to which the block list is walked after every step                        \
                  */

/* Where code stores: the return address into it, and of the function that called it; 0: unknown. */
struct store_place {
    uintptr_t pc;
    uintptr_t caller;
};

/* Stores that follow one another in time and in memory are noted as one. */
struct store {
    uintptr_t address;
    size_t size;
    struct store_place first;
    struct store_place last;
};

struct stores {
    bool recording;
    bool traced;         /* the heap's start was seen to store something, so its other calls will be */
    bool overflowed;     /* there were more than STORES_MAXIMUM */
    uintptr_t stack_end; /* the calls' own frames lie below it, and those who note above their own */
    uintptr_t own;       /* the heap's structure, where it may store at any time: that is not noted */
    size_t own_size;     /* bytes */
    size_t count;
    size_t explained; /* how many of them, from the first on, stores_explain has explained */
    struct store list[STORES_MAXIMUM];
    struct store_place stray; /* of the one that stores_judge last found */
};

/* From now on, until stores_end, stores are noted but for those into the frames of functions called from the
 * caller's frame. */
static inline void stores_begin(struct stores *stores, const void *frame) {
    if (stores != NULL) {
        stores->recording = true;
        stores->overflowed = false;
        stores->stack_end = (uintptr_t)frame;
        stores->count = 0;
        stores->explained = 0;
        stores->stray = (struct store_place){0, 0};
    }
}

static inline void stores_end(struct stores *stores) {
    if (stores != NULL) {
        stores->recording = false;
    }
}

/* After the heap's start, which may have chosen where its structure is. */
void stores_note_start(struct stores *stores, const void *own, size_t own_size);

/* Does each store noted since stores_begin lie in a header that now is what the model expects, in the payload
 * that the step returns, or in the subject's own data? Then no other payload and no other header has changed.
 * False where that is not known. Cost: a few binary searches. */
bool stores_explain(const struct executor *executor, const struct step *step);

/* Are the headers of the blocks that the step has placed or freed, and of their neighbours, what the model
 * expects? */
bool stores_headers_hold(const struct executor *executor, const struct step *step);

/* The verdict stray-store on the first store that nothing explains, if there is one and it is known that
 * there is. Call it after stores_explain. */
__attribute__((warn_unused_result)) struct verdict stores_judge(const struct executor *executor,
                                                                const struct step *step);

#endif
