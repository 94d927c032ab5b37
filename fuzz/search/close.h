/* Closure of a small heap: from every layout that it can have, every operation of an alphabet, through the
 * executor with every oracle; and every short sequence of them.
 *
 *     layouts at depth 0: the empty heap -> all operations -> layouts at depth 1 -> ... until none is new
 *
 * What is looked at next, by how many processes, and where to stop is the caller's: it gives each layout of a
 * depth to close_operations or close_sequences. A layout that no heap reaches at all, although the closed
 * form counts it (layouts.h), is for the caller to find in `depths`.
 *
 * The heap is first fit, and the model knows it: what decides a step is the layout, and what an allocator
 * keeps besides is hidden. close_operations does not see what hides longer than a step; close_sequences does,
 * for as long as a sequence: it goes back only to states of which all is known (subject_view.is_whole), and
 * makes any other again, from a start. */
#ifndef KMEM_CLOSE_H
#define KMEM_CLOSE_H

#include "fuzz/execute/executor.h"
#include "fuzz/search/layouts.h"

#define CLOSE_UNREACHED      UINT8_MAX /* a depth */
#define CLOSE_LENGTH_MAXIMUM ((size_t)8)
#define CLOSE_PROGRAM_SIZE   ((size_t)4096) /* bytes: no program found is larger */

enum close_alphabet {
    CLOSE_PLAIN, /* allocate each size of block, and one that is too large; free each live payload */
    CLOSE_CALLS, /* each call, with each size of block or one of a kind, and one misuse of each kind */
    CLOSE_FULL,  /* each call with everything that a program can say and that can differ */
};

/* How the heap may grow. Layouts of a grown heap are not followed: they are those of a larger one. */
enum close_growth {
    CLOSE_FIXED,
    CLOSE_GROWS,
    CLOSE_REFUSED, /* it asks, and is refused each time */
    CLOSE_GROWTH_COUNT,
};

struct close {
    /* Set by the caller; the executor is prepared, with 64 slots and more. */
    struct executor *executor;
    size_t size;                  /* bytes of the small heap, without metadata */
    enum close_alphabet alphabet; /* of what is done next */
    enum close_alphabet route;    /* by which the depths were found */

    /* By close_open. */
    struct layouts layouts;
    struct program_header header; /* of a heap that does not grow */
    struct live_block front;      /* in front of the small heap, of a region that is larger; or of 0 bytes */
    bool grows;                   /* it can */

    uint8_t *depths; /* the caller's, a byte for each layout: operations from the empty heap, at least */
};

/* Where a closure is: written before each call, so that what ends the process can be found here. */
struct close_place {
    uint64_t layout;
    enum close_growth growth;
    size_t length;                             /* operations */
    uint32_t operations[CLOSE_LENGTH_MAXIMUM]; /* numbers in the alphabet of the layout before each */
};

struct close_worker {
    struct close_place place;
    uint64_t transition_count; /* steps, or sequences */
    struct verdict verdict;    /* unsound: what place came to */
};

/* Chooses a region for the small heap. Returns NULL; or what is wrong with the size, in words. */
const char *close_open(struct close *close);

/* Does every operation from a layout, and sets the depths of those it leads to that are not reached. Adds to
 * the count. Returns false when it has found a violation. */
__attribute__((warn_unused_result)) bool close_operations(const struct close *close, uint64_t layout,
                                                          struct close_worker *worker);

/* Does every sequence of that many operations, in a heap that grows if it can; of the full alphabet, in all
 * that close_operations does. Cost: a step for each; where hidden state has to be made again, also a start
 * and the steps before. */
__attribute__((warn_unused_result)) bool close_sequences(const struct close *close, uint64_t layout,
                                                         size_t length, struct close_worker *worker);

/* Writes the shortest program that leads to a place, whose layout is reached, and does its operations.
 * Returns its size; 0 when no operation leads to the layout again, as of a heap that depends on more than its
 * layout. The last operation is not made here. */
size_t close_program(const struct close *close, const struct close_place *place,
                     uint8_t bytes[CLOSE_PROGRAM_SIZE]);

#endif
