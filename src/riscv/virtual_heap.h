/* The memory of a growing heap: a reserved range of virtual addresses, with physical pages of a page
 * allocator mapped into it one after another, from its start on.
 *
 *     base
 *      | page | page | page |  ................................... |
 *      |<---- granted ----->|<------- reserved, never mapped ----->|
 *
 * Neighbours in the range need not be neighbours in memory: any free page serves. Growth moves the granted
 * end; an access past it is a page fault. There are two modes:
 *
 *   - mapped: a granted page is mapped at once. Running out of pages, of those or of tables, is a refusal.
 *   - lazy: a granted page is mapped when it is first touched, by the handler of that page fault.
 *
 * In lazy mode pages would run out at a touch, when it is too late to refuse. So a page is granted only when
 * one for it, and for every table that it could need, is free on top of everything already owed:
 *
 *     owed == granted pages not yet mapped + tables the granted range may need - tables already taken for it
 *
 * The tables are counted as if no other mapping shared them, which is never too few. A grant is refused when
 * it would make the owed pages more than the free ones; and since single pages are taken, every free page is
 * usable. Anyone else who takes pages of the same allocator must leave as many free as
 * virtual_heap_owed_count says; a touch that still finds none reports it, and maps nothing.
 *
 * Nothing here locks: every call is made with the lock of the page allocator held (kernel.h). In lazy mode
 * the first to touch a page may be the kernel's heap itself, with that lock held, or the owner of a payload,
 * without it: the page fault's handler takes the lock iff its own hart does not hold it. No call here or of
 * page_* can be interrupted by such a fault, since it touches no page of the range.
 *
 * A page's old contents never show: every byte is set to `fill` before the page is mapped.
 *
 * Sv39 is for 64-bit machines: on a 32-bit one this compiles, but no processor can use the result. The caller
 * executes sfence.vma after every call that maps or unmaps, including refused ones, and ensures that pages
 * and tables are accessible where sv39.h says they are. */
#ifndef KMEM_VIRTUAL_HEAP_H
#define KMEM_VIRTUAL_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "sv39.h"

#ifdef __cplusplus
extern "C" {
#endif

enum virtual_heap_mode {
    VIRTUAL_HEAP_MAPPED,
    VIRTUAL_HEAP_LAZY,
};

/* How an operation ended. virtual_heap_error_name() gives the name printed for each. */
enum virtual_heap_error {
    VIRTUAL_HEAP_OK = 0,
    VIRTUAL_HEAP_BAD_RANGE,      /* init: the range is empty, misaligned, not canonical, or has no tables */
    VIRTUAL_HEAP_BAD_FLAGS,      /* init: not readable and writable, or a bit that is not in SV39_FLAGS */
    VIRTUAL_HEAP_FULL,           /* extend: fewer pages of the range are left */
    VIRTUAL_HEAP_OUT_OF_PAGES,   /* the page allocator has too few free pages */
    VIRTUAL_HEAP_FOREIGN,        /* touch: the address is outside the reserved range */
    VIRTUAL_HEAP_PAST_END,       /* touch: the address is reserved, but past the granted end */
    VIRTUAL_HEAP_ALREADY_MAPPED, /* the page is mapped, by someone else unless it was touched before */
    VIRTUAL_HEAP_CORRUPT,        /* the tables or the page allocator's descriptors are impossible */
};

/* Where a heap is placed. */
struct virtual_heap_range {
    uint64_t base;         /* virtual address of the first page; a multiple of PAGE_SIZE */
    size_t reserved_count; /* pages; 1 or more */
    uint64_t flags;        /* of every mapping: SV39_READ, SV39_WRITE, and what else sv39_map takes */
    enum virtual_heap_mode mode;
    unsigned char fill; /* what every byte of a page holds when it is mapped; a kernel's is 0 */
};

/* One range. Owned by the caller, filled by virtual_heap_init; only virtual_heap.c writes its members. */
struct virtual_heap {
    struct sv39 *tables; /* the caller's; pages come from the same allocator as its tables */
    struct virtual_heap_range range;
    size_t granted_count; /* pages, from the base on, that may be touched */
    size_t mapped_count;  /* pages mapped */
    size_t table_count;   /* tables taken for them; of use in lazy mode */
};

/* Makes heap an empty one, nothing granted, in a range in which nothing is mapped and nothing else maps.
 * tables stays the caller's, who keeps it alive and may map and unmap other addresses in it. Returns
 * VIRTUAL_HEAP_OK; or, making heap unusable: VIRTUAL_HEAP_BAD_RANGE iff tables has no root, reserved_count is
 * 0, base is not a multiple of PAGE_SIZE, or the range is not all on one side of the canonical hole;
 * otherwise VIRTUAL_HEAP_BAD_FLAGS. Cost: constant. */
enum virtual_heap_error virtual_heap_init(struct virtual_heap *heap, struct sv39 *tables,
                                          const struct virtual_heap_range *range);

/* Grants the page_count pages that follow the granted ones. Returns VIRTUAL_HEAP_OK; or, having changed
 * nothing but the contents of free pages: VIRTUAL_HEAP_FULL, VIRTUAL_HEAP_OUT_OF_PAGES, and in mapped mode
 * also VIRTUAL_HEAP_ALREADY_MAPPED and VIRTUAL_HEAP_CORRUPT. Cost: in mapped mode, for each page one
 * page_alloc, one sv39_map and PAGE_SIZE / 8 stores; in lazy mode constant. */
enum virtual_heap_error virtual_heap_extend(struct virtual_heap *heap, size_t page_count);

/* For the handler of a page fault at address: maps the page there when it is granted and not yet mapped.
 * VIRTUAL_HEAP_OK: the access can be repeated. Otherwise nothing changed. Either the access was wrong:
 * VIRTUAL_HEAP_FOREIGN, VIRTUAL_HEAP_PAST_END, VIRTUAL_HEAP_ALREADY_MAPPED (the flags forbid it); or there is
 * no page: VIRTUAL_HEAP_OUT_OF_PAGES only when others have taken what was owed, VIRTUAL_HEAP_CORRUPT.
 * Cost: as one page in mapped mode. */
enum virtual_heap_error virtual_heap_touch(struct virtual_heap *heap, uint64_t address);

/* Unmaps everything and gives all pages back; heap is then as after virtual_heap_init. Returns
 * VIRTUAL_HEAP_OK, or VIRTUAL_HEAP_CORRUPT when a mapping has become impossible: all others are given back.
 * Cost: for each granted page one sv39_translate; for each mapped one sv39_unmap and one page_free. */
enum virtual_heap_error virtual_heap_release(struct virtual_heap *heap);

/* Pages of the allocator that granted pages may still need: 0 in mapped mode. Cost: constant. */
size_t virtual_heap_owed_count(const struct virtual_heap *heap);

/* The name of an error, such as "out-of-pages"; "unknown" for any other value. Static storage. */
const char *virtual_heap_error_name(enum virtual_heap_error error);

#ifdef __cplusplus
}
#endif

#endif
