/* The state of a run: what the executor keeps, what its parts read, and what observers see. */
#ifndef KMEM_STATE_H
#define KMEM_STATE_H

#include "fuzz/execute/arena.h"
#include "fuzz/execute/model.h"
#include "fuzz/execute/oracle.h"
#include "fuzz/execute/step.h"
#include "fuzz/execute/view.h"
#include "fuzz/program/program.h"

/* A place for one allocation, as operations name it. */
struct slot {
    size_t offset;       /* bytes from base, of its live payload; meaningless while the slot is empty */
    size_t size;         /* bytes asked for */
    uint64_t tag;        /* of the pattern in it */
    size_t stale_offset; /* of the last payload freed from it; meaningless while it has none */
    bool resized;        /* what it holds is not as it was first granted */
    uint32_t drawn;      /* where executor_draw puts its payload */
};

#define KNOWN_MET_MAXIMUM 64u

/* What is known of a heap that shows nothing of itself, in bytes: where it has not happened yet, 0. */
struct seen {
    size_t live_size;       /* of all live payloads, as asked for */
    size_t largest_granted; /* request */
    size_t least_refused;   /* request */
    size_t freed_size;      /* of the payload freed last */
    size_t refit_size;      /* the same, if nothing was granted since and it may be had again */
    size_t cut_size;        /* of what a resize cut off last, likewise */
    size_t free_bytes;      /* as the heap says, after the last step */
    size_t size;            /* bytes in all regions then */
};

/* The tables an executor works on; the caller's memory, which needs no preparation. */
struct executor_tables {
    struct slot *slots;
    struct live_block *live; /* one more than slots: a payload that moves is live twice for a moment */
    uint64_t *live_bits;     /* one bit a slot: it holds a live payload */
    uint64_t *stale_bits;    /* one bit a slot: it has a stale pointer */
    size_t slot_capacity;    /* slots there is room for; a multiple of 64 */
};

/* Declares tables for `capacity` slots (a multiple of 64) as static storage. */
#define EXECUTOR_TABLES(name, capacity)                                                                      \
    static struct slot name##_slots[capacity];                                                               \
    static struct live_block name##_live[(capacity) + 1];                                                    \
    static uint64_t name##_live_bits[(capacity) / 64];                                                       \
    static uint64_t name##_stale_bits[(capacity) / 64];                                                      \
    static const struct executor_tables name = {name##_slots, name##_live, name##_live_bits,                 \
                                                name##_stale_bits, (capacity)}

/* Sees each step; either function may be NULL. before gets the step resolved and predicted, and the heap
 * before it; after gets the whole step, the heap after it, and the verdict. */
struct executor;
struct observer {
    void (*before)(void *context, const struct executor *executor, const struct step *step);
    void (*after)(void *context, const struct executor *executor, const struct step *step,
                  struct verdict verdict);
    void *context;
};

/* Those of an executor, called in this order. Copy it to put it back later. */
#define OBSERVER_MAXIMUM ((size_t)4)
struct observers {
    const struct observer *list[OBSERVER_MAXIMUM];
    size_t count;
};

/* Memory of a heap without a view. Between two regions is a guard. */
struct region {
    size_t offset; /* bytes from base */
    size_t size;
};
#define GROWTH_REGIONS ((size_t)8) /* that a heap has at most */

struct executor {
    /* Set by the caller before executor_prepare. */
    const struct subject *subject;
    struct arena arena;
    struct executor_tables tables;
    uint64_t oracles; /* ORACLE_BITs of those to check */
    struct observers observers;
    void (*restore)(
        void);    /* makes the subject's globals what they were at first; NULL: unknown where they are */
    bool repeats; /* executor_run does all once more from a new start, which must give the same answers */
    const struct guard *guard; /* watches calls of a subject without a view (guard.h); NULL: none does */
    struct stores *stores; /* where what a subject with a view stores is noted (stores.h); NULL: nowhere */
    /* Is every byte that a walk and the comparison of payloads and guards would read as it was when they last
     * did? Then a step that must change nothing is not judged by them. NULL: that is not known. */
    bool (*is_as_judged)(const struct executor *executor);
    bool repeats_steps;  /* starts and steps have been judged before: they are only done, and neither the heap
                          * nor what payloads keep is looked at */
    unsigned char *copy; /* as many bytes as the arena has, for what the region holds (copy.h): what it shows
                          * to be as it was is compared every 64 steps only. Not with AddressSanitizer, whose
                          * memcmp asks for poison. NULL: all payloads are compared after every step */
    bool trusts_stores;  /* what they explain is not compared after every step. Digests then lack some
                          * layouts, and the census those of large heaps */

    /* The run. For observers and judges to read. */
    struct arena region; /* the arena from the region's base on: a page further in, so that offsets and
                          * addresses are not aligned alike */
    struct model model;
    bool exact;             /* the subject has a policy, and the model still agrees with it */
    size_t slot_count;      /* of the program */
    size_t operation_count; /* steps done since executor_start */
    enum refusal refusal;   /* as the subject last reported it */
    size_t asked_pages;     /* asked for in the current step, by all its asks */
    size_t ask_count;       /* times the page source was asked in it */
    bool grant;             /* the page source grants the next ask of the current step */
    size_t grant_count;     /* payloads returned since the start, or the start of the second run */
    size_t given_pages;     /* pages of the region, growth included */
    size_t touched_size;    /* bytes of the arena the run may have written */
    bool started;           /* false: the subject cannot make a heap of this region, and no step is made */
    struct seen seen;       /* without a view, as the next three */
    struct region regions[GROWTH_REGIONS];
    size_t region_count;
    unsigned relied;          /* bits of enum reliance: by all calls of the run so far */
    enum call last_call;      /* of the last step; CALL_NONE before the first */
    uint64_t known_met;       /* bit i: a run, of all so far, met entry i of the first KNOWN_MET_MAXIMUM that
                               * the subject knows */
    struct verdict set_aside; /* the violation the run ended with, if the subject knows it */
    size_t copied_size;       /* bytes from base that copy holds */
    uint64_t digest;          /* over results and layouts of all steps done */
    struct census census;     /* of the heap after the last step at which it was walked */
    bool is_walked;           /* that was the last step */
    bool is_compared;         /* all payloads were compared after it */
    bool is_unchanged;        /* is_as_judged was true after it, or it was a damage, which is undone */
};

/* Adds an observer, which must outlive its use, after those there are; at most OBSERVER_MAXIMUM in all. */
void executor_observe(struct executor *executor, const struct observer *observer);

/* Slots: whether one is live, and the next live one from `from` on, wrapping around; slot_count when none is.
 */
bool executor_slot_is_live(const struct executor *executor, size_t slot);
size_t executor_next_live(const struct executor *executor, size_t from);

/* The header of a run, as the subject's heap has it: without a view the region is the program's moved into
 * the range that the subject declares, in pages of 8 bytes or the grain of its policy; memory of its own has
 * its size. With one the pages are as large as it says. */
struct program_header executor_geometry(const struct executor *executor, const struct program_header *header);

/* Does the model agree with a subject that shows its headers and refusals? */
static inline bool executor_is_shown(const struct executor *executor) {
    return executor->exact && executor->subject->view != NULL;
}

/* Is the heap's memory anywhere? Then its addresses differ from run to run, and no picture has them: live
 * payloads are drawn in the order of their addresses and with their sizes, with EXECUTOR_GAP bytes between
 * each two, however much there is. */
static inline bool executor_is_anywhere(const struct executor *executor) {
    return executor->subject->facts.memory == SUBJECT_MEMORY_UNKNOWN;
}
#define EXECUTOR_GAP ((size_t)16)

/* Chooses where such a heap's payloads are drawn, before anything below is asked about it. Cost: the square
 * of the live payloads. */
void executor_draw(const struct executor *executor);

/* The offset at which a slot's payload, or an address in one at an offset from base, is drawn; UINT64_MAX:
 * nowhere. And the live slot that is drawn at an offset; slot_count when none is. */
size_t executor_drawn(const struct executor *executor, size_t slot);
uint64_t executor_drawn_byte(const struct executor *executor, uint64_t offset);
size_t executor_slot_drawn_at(const struct executor *executor, size_t offset);

/* Pages that a picture of the heap has. */
size_t executor_drawn_pages(const struct executor *executor);

/* Bytes of a block in front of its payload; 0 when only payloads are known. */
size_t executor_header_size(const struct executor *executor);

/* Visits every block from the lowest on, and returns false after an impossible header, as view.walk does.
 * Without a view: every live payload, and what lies between them as if it were free. Cost then: the square of
 * the live payloads. */
bool executor_walk(const struct executor *executor, subject_visit *visit, void *context);

/* The payload at an offset from base. */
static inline unsigned char *executor_pointer(const struct executor *executor, size_t offset) {
    return (unsigned char *)((uintptr_t)executor->region.base + offset); /* may be outside the arena */
}

#endif
