/* A subject that is this project's heap but for one fault, at one call: what the oracles' negative tests run
 * against.
 *
 * After every call the whole arena is accessible, so that no sanitizer speaks before the oracle does. */
#ifndef KMEM_FAULTY_SUBJECT_H
#define KMEM_FAULTY_SUBJECT_H

#include "fuzz/execute/subject.h"

/* Each action, and the arguments it takes: o, an offset; v, a value. */
#define FAULT_ACTIONS(X)                                                                                     \
    X(START, "")          /* start() says it cannot */                                                       \
    X(START_WRITE, "ov")  /* start() writes the byte `value` at base + offset */                             \
    X(START_BADLY, "v")   /* a heap starts in bad region number `value` */                                   \
    X(SHIFT_POINTER, "o") /* do the call, answer `offset` bytes after its result */                          \
    X(ANSWER, "o")        /* do the call, answer base + offset */                                            \
    X(ANSWER_NULL, "")    /* do the call, answer NULL */                                                     \
    X(ACCEPT, "o")        /* do not call; answer base + offset (free: nothing) and no refusal */             \
    X(REFUSE, "v")        /* do not call; answer NULL and the refusal `value` */                             \
    X(REPORT, "v")        /* do the call, report the refusal `value` */                                      \
    X(RETURN, "v")        /* do the call, return the refusal `value`, report the right one */                \
    X(WRITE_BYTE, "ov")   /* do the call, then write the byte `value` at base + offset */                    \
    X(WRITE_HEADER, "ov") /* do the call, then write the header `value` at base + offset */                  \
    X(RESIZE, "ov")       /* do the call, then resize the payload at base + offset to `value` bytes */       \
    X(TAKE, "v")          /* do the call, then take a block for `value` bytes that no one asked for */       \
    X(TAKEN_COUNT, "v")   /* do the call, then add `value` to the heap's count of taken blocks */            \
    X(TAKEN_SIZE, "v")    /* the same, of taken bytes */                                                     \
    X(PAGE_SIZE, "v")     /* the same, of the page size */                                                   \
    X(PAGE_COUNT, "v")    /* the same, of the pages */                                                       \
    X(BASE, "v")          /* the same, of the base */                                                        \
    X(HEAD, "o")          /* from the call on, answer a head `offset` bytes after it */                      \
    X(SAID_PAGES, "v")    /* the same, `value` pages too many; the heap itself counts right */               \
    X(USABLE_SIZE, "v")   /* from the call on, report usable sizes `value` bytes too large */                \
    X(ASK_MORE, "v")      /* in the call, ask for `value` pages more than needed */                          \
    X(ASK_NO_ONE, "")     /* in the call, do as if the page source had refused, without asking */            \
    X(ASK_AS_WELL, "v")   /* do the call, then ask the page source for `value` pages and drop the answer */

#define FAULT_ENUMERATOR(name, arguments) FAULT_##name,
enum fault_action {
    FAULT_NONE,
    FAULT_ACTIONS(FAULT_ENUMERATOR)
};

#define FAULT_TAKEN (UINT64_C(1) << 63) /* in the value of FAULT_WRITE_HEADER: a taken block */

struct fault {
    enum fault_action action;
    size_t call;      /* which of the calls that can change the heap is struck, from 0 */
    ptrdiff_t offset; /* bytes */
    uint64_t value;
};

/* The subject's one fault. Set before executor_start, which starts counting calls. */
extern struct fault faulty_subject_fault;

/* A fault as tests write it: "call 2: WORD ARGUMENTS", with the word of the action in lower case and "-", and
 * as arguments the offset, the value or "OFFSET = VALUE", as the action takes them. A value is a number, the
 * name of a refusal, or "taken NUMBER" for a header. NULL and "" are no fault. */
struct fault fault_of(const char *text);

/* Made before any test runs. */
extern struct subject subject_faulty;

#endif
