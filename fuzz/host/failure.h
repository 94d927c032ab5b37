/* How a program fails: the name of a failure, and whether two are the same. isolated.h finds failures. */
#ifndef KMEM_FAILURE_H
#define KMEM_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

#include "invariants/verdict.h"

enum failure_kind {
    FAILURE_NONE,      /* the program is sound */
    FAILURE_VERDICT,   /* an oracle objected */
    FAILURE_SANITIZER, /* AddressSanitizer or UBSan ended the process */
    FAILURE_SIGNAL,    /* the process died of a signal, such as SIGSEGV */
    FAILURE_HANG,      /* an operation did not return in time */
    FAILURE_EXIT,      /* the subject ended the process itself */
};

#define FAILURE_NAME_SIZE  ((size_t)64)  /* bytes, with the NUL */
#define FAILURE_PLACE_SIZE ((size_t)128) /* the same */
#define FAILURE_TEXT_SIZE  (FAILURE_NAME_SIZE + FAILURE_PLACE_SIZE + 32)

struct failure {
    enum failure_kind kind;
    struct verdict verdict;         /* of FAILURE_VERDICT; else sound */
    int number;                     /* FAILURE_SIGNAL: the signal; FAILURE_EXIT: the exit status; else 0 */
    char name[FAILURE_NAME_SIZE];   /* FAILURE_SANITIZER: its word, such as "use-after-poison"; else empty */
    char place[FAILURE_PLACE_SIZE]; /* FAILURE_SANITIZER, FAILURE_SIGNAL, a failed assertion: the innermost
                                     * function, or file and line, where it happened; empty when unknown */

    /* Where in its program it failed; not part of the failure's identity. */
    size_t operation_index; /* the current step, from 0; those of the recovery follow the program's own */
};

/* Are these the same failure? Yes if their kinds are equal, and also: the oracle that objected, and an
 * assertion's place; the sanitizer's word and the place; the signal and the place; the exit status. Two hangs
 * are always equal. */
bool failure_is_same(const struct failure *left, const struct failure *right);

/* Writes the failure's name, which distinguishes failures: an oracle's id, "use-after-poison in kmem_free",
 * "SIGSEGV in kmem_alloc", "hang", "exit 3", "sound". Holds no address. Returns buffer. */
const char *failure_text(const struct failure *failure, char buffer[FAILURE_TEXT_SIZE]);

#endif
