/* What a subject shows of itself, so that the exact model and the invariants can judge every address it
 * returns, every header and every refusal. For heaps whose policy is in facts.first_fit, and whose layout
 * a checker of invariants/ knows; any other has no view.
 *
 * Pointers passed to the subject's free, realloc and usable_size may then be any value: it reports the misuse
 * and leaves the heap unchanged. */
#ifndef KMEM_VIEW_H
#define KMEM_VIEW_H

#include "fuzz/execute/refusal.h"
#include "fuzz/execute/subject.h"
#include "invariants/invariant.h"

#define VIEW_HEAP_SIZE ((size_t)256) /* bytes: a heap's structure has no more */

/* Where to make a heap. */
struct subject_region {
    unsigned char *base; /* a page past a multiple of ARENA_ALIGNMENT */
    size_t page_size;    /* bytes; a power of two */
    size_t page_count;   /* pages to start with */
    struct kmem_page_source source;
};

/* view.walk calls it for every block, from the lowest on. */
typedef void subject_visit(void *context, size_t offset, uint64_t size, bool taken);

struct subject_view {
    /* The heap's structure: zeroed before every start, and put back after a call on a damaged heap. */
    void *heap;
    size_t heap_size; /* bytes; at most VIEW_HEAP_SIZE */

    /* Besides the headers of its blocks, it may store here at any time: variables of its own, or
     * metadata in front of its payloads, which check judges. May be none. */
    const void *own;
    size_t own_size; /* bytes */

    /* The structure and the region are all that it keeps from call to call, so that it can be put back into
     * a state. */
    bool is_whole;

    size_t page_size; /* bytes of a page, whatever a program says; 0: what it says */
    bool fixed;       /* it never grows */

    /* It keeps headers, slack and free memory poisoned by port.h's hooks: the poison oracle checks that. */
    bool poisons;

    /* It promises to report a damaged header: the damage operations and their oracles are for such subjects.
     */
    bool answers_damage;

    /* The byte that describes the grain at this offset, in the metadata in front of the first payload, and
     * whether no sound heap has this value there, among the others as they are: what is damaged. is_of_run:
     * the call that follows looks at the whole run of grains. NULL: block.h's headers are. */
    unsigned char *(*descriptor)(size_t offset);
    bool (*is_impossible)(unsigned char value, bool is_of_run);

    /* Makes an empty heap in the region. Returns false iff the subject cannot. */
    bool (*start)(const struct subject_region *region);

    /* Tries to make another heap in an impossible region: any member may be wrong. Returns whether it did,
     * or was refused without being told why, and leaves the heap there is as it was. NULL: start takes good
     * regions only. */
    bool (*start_badly)(const struct subject_region *region);

    /* Cuts free blocks into several side by side, as no operation leaves them, within 64 bytes of where each
     * starts: the next call is coalesce, which must undo it. NULL: coalesce is called on the heap as it is.
     */
    void (*shatter)(void);

    /* Why the last call failed or was refused; REFUSAL_NONE if it was not. And what the last free or coalesce
     * returned to its caller. */
    enum refusal (*last_refusal)(void);
    enum refusal (*last_returned)(void);

    /* Where the first block starts, and the pages of the region, growth included, as reported to its callers.
     * NULL: it does not. */
    const void *(*head)(void);
    size_t (*page_count)(void);

    /* Checks the invariants in mask and fills *census; as invariant_check. Other bits of mask are those of
     * the oracles that are on, for what it finds beyond them. */
    struct verdict (*check)(const struct expectation *expectation, uint64_t mask, struct census *census);

    /* The same of what needs no walk: the region, and the counters, which have to be of live_count blocks and
     * taken_size bytes. NULL: its blocks are always walked. */
    struct verdict (*check_briefly)(const struct expectation *expectation, size_t taken_size, uint64_t mask);

    /* Visits every block of the size bytes at base, for the picture of a heap that may be corrupt: stops at
     * an impossible header, and returns false. */
    bool (*walk)(const unsigned char *base, size_t size, subject_visit *visit, void *context);

    /* Makes the heap, just started, hold exactly these blocks, sorted by offset, and no others, each payload
     * wholly accessible; every gap between them is one free block. To start from a given state. */
    void (*arrange)(const struct live_block *live, size_t live_count);
};

#endif
