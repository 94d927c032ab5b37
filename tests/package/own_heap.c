/* A heap of somebody else's, for test_own_board.py: a first fit whose headers hold pointers, and whose
 * globals must be at every start what they were at first. DEFECT says what is wrong with it on a board. */
#define KMEMFUZZ_SUBJECT 1
#include "kmemfuzz.h"

#ifndef DEFECT
#define DEFECT 0
#endif
#ifdef __riscv
#define HERE DEFECT
#else
#define HERE 0
#endif

enum {
    SOUND,
    OVERLAPS_ON_32_BITS,
    WASTES,
    LOADS_THROUGH_NULL,
    LOOPS,
    WRITES_PAST_ITS_GLOBAL
};

struct header {
    struct header *next; /* by address */
    size_t size;         /* of the payload */
    size_t taken;
};

static struct header *first;
static unsigned start_count = 7;
static unsigned char names[8];

static bool start(void *memory, size_t size) {
    if (first != NULL || start_count++ != 7 || size < 256) {
        return false;
    }
    first = memory;
    *first = (struct header){.size = size / 16 * 16 - 2 * sizeof *first};
    return true;
}

static void misuse(size_t size) {
    if (HERE == LOADS_THROUGH_NULL && size == 112) {
        (void)*(volatile unsigned char *)24;
    }
    for (volatile unsigned i = 0; HERE == LOOPS && size == 112; i++) {
    }
    volatile size_t index = size / 14;
    if (HERE == WRITES_PAST_ITS_GLOBAL && size == 112) {
        names[index] = 1;
    }
}

static void split(struct header *at, size_t size) {
    const size_t rest_offset = HERE == OVERLAPS_ON_32_BITS && sizeof(void *) == 4 ? size - 16 : size;
    struct header *const rest = (struct header *)((unsigned char *)(at + 1) + rest_offset);
    *rest = (struct header){.next = at->next, .size = at->size - size - sizeof *at};
    at->next = rest;
    at->size = size;
}

static void *alloc(size_t request) {
    const size_t size = (request + 15) / 16 * 16 + (HERE == WASTES && request == 40 ? 16 : 0);
    misuse(size);
    for (struct header *at = first; at != NULL && request != 0; at = at->next) {
        if (at->taken == 0 && at->size >= size) {
            if (at->size >= size + sizeof *at + 16) {
                split(at, size);
            }
            at->taken = 1;
            return at + 1;
        }
    }
    return NULL;
}

static void call_free(void *pointer) {
    ((struct header *)pointer - 1)->taken = 0;
    for (struct header *at = first; at != NULL; at = at->next) {
        while (at->taken == 0 && at->next != NULL && at->next->taken == 0) {
            at->size += sizeof *at + at->next->size;
            at->next = at->next->next;
        }
    }
}

static const struct subject table = {.name = "own_heap",
                                     .start = start,
                                     .alloc = alloc,
                                     .free = call_free,
                                     .facts = {.alignment = sizeof(size_t)}};
const struct subject *const subject_under_test = &table;
