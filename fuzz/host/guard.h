/* The guard of a host's executor (fuzz/execute/guard.h): it counts the steps of every call, looks at each
 * store before it is made, and hears failed assertions. Steps and stores are seen in code compiled with
 * -fsanitize-coverage=trace-pc,trace-stores (cmake/options.cmake), assertions and calls of abort in any. */
#ifndef KMEM_HOST_GUARD_H
#define KMEM_HOST_GUARD_H

#include <stdbool.h>

#include "fuzz/execute/guard.h"
#include "fuzz/execute/stores.h"
#include "fuzz/host/abort.h"

extern const struct guard host_guard;

/* What the subject with a view that is called has stored, where its code is compiled so. */
extern struct stores host_stores;

/* Where in the sources the last call ended, if the guard has ended it with this verdict, or made the store
 * that it is about: source.line is 0 when that is unknown, text empty when it was no assertion. Cost: a
 * symbolizer's. */
void guard_find_place(struct verdict verdict, struct assertion *place);

/* From a handler of SIGABRT or in place of it, and when an assertion fails: ends the guarded call that is
 * under way. Returns iff there is none. */
void guard_end_aborted(void);
void guard_end_failed(const char *text, const char *file, unsigned line);

#endif
