/* The operations of the page allocator's fuzz target: how bytes become one, and how one is printed.
 *
 * The bytes of an operation. Any three are one:
 *
 *     byte 0, bits 3..0   0 to 3 alloc        13 free, misused
 *                         4 to 5 zalloc       14 extend, misused
 *                         6 to 8 extend       15 scribble, or repair; init elsewhere
 *                         9 to 12 free
 *     byte 0, bits 7..4   the misuse, modulo 5: 0 a free page, 1 an interior page, 2 a misaligned pointer,
 *                         3 a foreign pointer, 4 NULL
 *                         scribble: 0 to 7; init elsewhere: 8 to 15, of which kind (decode_init)
 *     byte 1              extend, free: which live run, modulo their number
 *                         misuse, scribble: which page, modulo their number
 *                         foreign pointer: which way it is foreign, modulo 6
 *     byte 2              alloc, zalloc, extend: how many pages, on a scale of its own (decode_count)
 *                         misaligned and foreign pointer: how far off
 *                         scribble: the descriptor (0 is PAGE_LAST; 1 and 3 have 4 added)
 *                         init elsewhere: bytes 1 and 2 place and measure its memory
 *
 * An operand that names nothing becomes the next possible one: extend and free with nothing live are alloc; a
 * free page where there is none is an interior page, and that, where there is none, a misaligned pointer.
 *
 * Scribble overwrites one descriptor with an impossible one; while one is overwritten, the same bytes repair
 * it. In between the allocator must report it as corrupt when it meets it, and serve everything else as
 * usual.
 *
 * Init elsewhere makes another allocator, of good or bad memory, and drops it after checking it. */
#ifndef KMEM_PAGE_OPERATION_H
#define KMEM_PAGE_OPERATION_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz/page/page_model.h"

#define PAGE_OPERATION_SIZE      3  /* bytes an operation is decoded from */
#define PAGE_OPERATION_TEXT_SIZE 96 /* bytes of an operation's text, the final 0 included */
#define PAGE_POINTER_TEXT_SIZE   56 /* bytes of a pointer's text, the final 0 included */
#define PAGE_ELSEWHERE_COUNT     4  /* pages that init elsewhere makes, give or take one */

enum page_operation_kind {
    PAGE_OPERATION_INIT, /* never decoded: the first of every run */
    PAGE_OPERATION_INIT_ELSEWHERE,
    PAGE_OPERATION_ALLOC,
    PAGE_OPERATION_ZALLOC,
    PAGE_OPERATION_EXTEND,
    PAGE_OPERATION_FREE,
    PAGE_OPERATION_SCRIBBLE,
    PAGE_OPERATION_REPAIR,
};

struct page_operation {
    enum page_operation_kind kind;
    int64_t offset;           /* extend, free: the pointer's distance from page 0; PAGE_MODEL_NULL.
                                 init elsewhere: the memory's distance from a page boundary, or, below 0, from
                                 the end of all addresses; PAGE_MODEL_NULL */
    size_t count;             /* alloc, zalloc, extend, init: pages. init elsewhere: bytes */
    size_t page_index;        /* scribble, repair */
    unsigned char descriptor; /* scribble: the new one */
};

/* The operation that bytes stand for when the allocator is as model says. Cost: at most one walk over the
 * pages. */
struct page_operation page_operation_decode(const struct page_model *model,
                                            const unsigned char bytes[PAGE_OPERATION_SIZE]);

/* An operation as text, such as "page_extend(page 3, 2)", and a pointer by its distance from page 0: "NULL",
 * "page 3", "page 3 + 17 bytes", "page 0 - 1 bytes". */
void page_operation_describe(const struct page_operation *operation, char text[PAGE_OPERATION_TEXT_SIZE]);
void page_operation_describe_pointer(int64_t offset, char text[PAGE_POINTER_TEXT_SIZE]);

#endif
