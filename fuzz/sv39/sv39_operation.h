/* The operations of the page tables' fuzz target: how bytes become one, and how one is printed.
 *
 * The bytes of an operation. Any four are one:
 *
 *     byte 0, bits 3..0   0 to 4 map           12 take pages for something other than tables
 *                         5 to 8 unmap         13 give some of those back
 *                         9 to 11 translate    14, 15 scribble, or repair
 *     byte 0, bits 7..4   map, unmap, translate: the address
 *                             0 to 6 out of the grid, 7 to 10 live; for unmap the other way round
 *                             11, 12 one bit from a live one, 13 out of all, 14 misaligned, 15 not canonical
 *                         scribble: the level, modulo 3
 *     byte 1              grid: bits 2..0 index 2, bits 5..3 index 1, bits 7..6 index 0, each out of a few
 *                         live: which mapping, modulo their number; scribble: the same; while an entry is
 *                         overwritten, from 0x80 on an address whose walk meets it
 *                         take: one page or two; give back: which, modulo their number
 *     byte 2              map, bits 3..0: R, W, X and U, corrected to be legal
 *                         map, bits 7..4: all 1 means not corrected, and byte 3 says which bit is added, if
 * any which bit, how far misaligned; translate, with byte 3: the offset in the page byte 3              map:
 * the physical page; scribble: what is wrong with the entry
 *
 * An operand that names nothing becomes the next possible one: a live mapping where there is none is one out
 * of the grid, unmap a map then, a scribble a map; giving back what was not taken takes it. A map beyond the
 * model's limit is an unmap.
 *
 * Scribble overwrites an entry on the way to a live mapping with an impossible one; while one is overwritten,
 * the same bytes repair it. In between the tree must report it as corrupt when it meets it, and serve
 * everything else as usual. */
#ifndef KMEM_SV39_OPERATION_H
#define KMEM_SV39_OPERATION_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz/sv39/sv39_model.h"

#define SV39_OPERATION_SIZE      4           /* bytes an operation is decoded from */
#define SV39_OPERATION_TEXT_SIZE 128         /* bytes of an operation's text, the final 0 included */
#define SV39_OTHER_RUN_LIMIT     ((size_t)8) /* runs taken for something else at a time */

enum sv39_operation_kind {
    SV39_OPERATION_INIT, /* never decoded: the first of every run */
    SV39_OPERATION_MAP,
    SV39_OPERATION_UNMAP,
    SV39_OPERATION_TRANSLATE,
    SV39_OPERATION_TAKE, /* pages for something other than tables */
    SV39_OPERATION_GIVE_BACK,
    SV39_OPERATION_SCRIBBLE,
    SV39_OPERATION_REPAIR,
};

struct sv39_operation {
    enum sv39_operation_kind kind;
    uint64_t virtual_address;  /* map, unmap, translate; scribble: of the mapping whose way it is on */
    uint64_t physical_address; /* map; init: of page 0 */
    uint64_t flags;            /* map */
    size_t count;              /* take: pages; give back: which of those taken; init: pages */
    unsigned level;            /* scribble */
    unsigned char damage;      /* scribble: what is wrong with the entry */
};

/* The operation that bytes stand for when the tree is as model says, page 0 has the physical address
 * `start`, and other_run_count runs of pages are taken for something else. Cost: constant. */
struct sv39_operation sv39_operation_decode(const struct sv39_model *model, uint64_t start,
                                            size_t other_run_count,
                                            const unsigned char bytes[SV39_OPERATION_SIZE]);

/* Addresses that an entry of this level stands for, in bytes. */
uint64_t sv39_operation_span(unsigned level);

/* An operation as text, such as "sv39_unmap(0x40000000)". */
void sv39_operation_describe(const struct sv39_operation *operation, char text[SV39_OPERATION_TEXT_SIZE]);

#endif
