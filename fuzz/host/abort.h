/* How a subject ends its own process: reports failed assertions (assert.h) before they are printed, and where
 * abort was called. */
#ifndef KMEM_ABORT_H
#define KMEM_ABORT_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz/host/sanitizer.h"

/* Called when an assertion has failed, before it is printed and the process aborts. */
typedef void assertion_listener(const char *file, unsigned line);

/* From now on every failed assertion of this process is passed to `listener`; NULL: to no one. */
void assertion_listen(assertion_listener *listener);

/* In a handler of SIGABRT: the program counter of this program's own innermost call that led to it, such as
 * of abort; 0 when it cannot be found. */
uintptr_t abort_caller(void);

#define ASSERTION_TEXT_SIZE 192 /* bytes */

/* A failed assertion, as the C library prints it. */
struct assertion {
    struct sanitizer_source
        source; /* where; its file relative to the tree, or as the compiler was given it */
    char text[ASSERTION_TEXT_SIZE]; /* the condition */
    bool in_adapter;                /* the fault is the adapter's (adapter.h), not the heap's */
};

/* The last failed assertion that a run has printed. Returns false iff there is none. */
bool assertion_find(const char *report, struct assertion *assertion);

#endif
