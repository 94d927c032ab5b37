/* What watches the calls of a subject without a view while they run. A host has such a guard
 * (fuzz/host/guard.h); without one, as on boards, calls are just made. */
#ifndef KMEM_GUARD_H
#define KMEM_GUARD_H

#include "fuzz/execute/state.h"

typedef void guarded_call(void *context);

struct guard {
    /* A new heap is about to start: nothing is live. */
    void (*restart)(void);

    /* These bytes from the region's base on now are a live payload's, or no longer are. */
    void (*mark)(size_t offset, size_t size, bool live);

    /* Makes the call, of step, which is NULL for one that no program asks for. Returns sound, or one of the
     * verdicts bounded, assertion and stray-store: then the call was ended where that happened. */
    struct verdict (*watch)(const struct executor *executor, const struct step *step, guarded_call *call,
                            void *context);

    /* Was the last call ended with this verdict at that place, such as "heap.c:120"? */
    bool (*is_at)(struct verdict verdict, const char *place);
};

/* Makes a call of the subject, guarded if that can be. Returns the verdict on how it went. Ended by an
 * assertion that is the heap's way to refuse, it is sound, if refusable; and so is one ended by what no
 * oracle that is on objects to. */
__attribute__((warn_unused_result)) struct verdict guard_call(const struct executor *executor,
                                                              const struct step *step, bool refusable,
                                                              guarded_call *call, void *context);

/* As the functions of struct guard, where there is one. */
void guard_restart(const struct executor *executor);
void guard_mark(const struct executor *executor, size_t offset, size_t size, bool live);
bool guard_is_at(const struct executor *executor, struct verdict verdict, const char *place);

#endif
