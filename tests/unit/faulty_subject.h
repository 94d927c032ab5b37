/* A subject that is this project's heap but for one fault, at one call: what the oracles' negative tests run
 * against.
 *
 * After every call the whole arena is accessible, so that no sanitizer speaks before the oracle does. */
#ifndef KMEM_FAULTY_SUBJECT_H
#define KMEM_FAULTY_SUBJECT_H

#include "fuzz/execute/subject.h"

enum fault_action {
    FAULT_NONE,
    FAULT_START,         /* start() says it cannot */
    FAULT_START_WRITE,   /* start() writes the byte `value` at base + offset */
    FAULT_START_BADLY,   /* a heap starts in bad region number `value` */
    FAULT_SHIFT_POINTER, /* do the call, answer `offset` bytes behind its result */
    FAULT_ANSWER,        /* do the call, answer base + offset */
    FAULT_ANSWER_NULL,   /* do the call, answer NULL */
    FAULT_ACCEPT,        /* do not call; answer base + offset and no refusal (free: just no refusal) */
    FAULT_REFUSE,        /* do not call; answer NULL and the refusal `value` */
    FAULT_REPORT,        /* do the call, report the refusal `value` */
    FAULT_RETURN,        /* do the call, return the refusal `value`, report the right one */
    FAULT_WRITE_BYTE,    /* do the call, then write the byte `value` at base + offset */
    FAULT_WRITE_HEADER,  /* do the call, then write the header `value` at base + offset */
    FAULT_RESIZE,        /* do the call, then resize the payload at base + offset to `value` bytes as well */
    FAULT_TAKE,          /* do the call, then take a block for `value` bytes that nobody asked for */
    FAULT_TAKEN_COUNT,   /* do the call, then add `value` to the heap's count of taken blocks */
    FAULT_TAKEN_SIZE,    /* the same, of taken bytes */
    FAULT_PAGE_SIZE,     /* the same, of the page size */
    FAULT_PAGE_COUNT,    /* the same, of the pages */
    FAULT_BASE,          /* the same, of the base */
    FAULT_HEAD,          /* from the call on, answer a head `offset` bytes behind it */
    FAULT_TOLD_PAGES,    /* the same, `value` pages too many; the heap itself counts right */
    FAULT_USABLE_SIZE,   /* from the call on, report usable sizes `value` bytes too large */
    FAULT_ASK_MORE,      /* in the call, ask for `value` pages more than needed */
    FAULT_ASK_NOBODY,    /* in the call, do as if the page source had refused, without asking */
    FAULT_ASK_AS_WELL,   /* do the call, then ask the page source for `value` pages and drop the answer */
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

extern const struct subject subject_faulty;

#endif
