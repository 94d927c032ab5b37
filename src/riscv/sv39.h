/* Sv39 page tables: which physical page a virtual address of RISC-V's 39-bit address space stands for.
 *
 *     virtual address    63 ... 39 | 38 ... 30 | 29 ... 21 | 20 ... 12 | 11 ... 0
 *                        as bit 38 |  index 2  |  index 1  |  index 0  | offset in the page
 *
 *     entry              63 ... 54 | 53 ... 10            | 9 8 | 7 6 5 4 3 2 1 0
 *                         always 0 | physical page number | 0 0 | D A G U X W R V
 *
 * A tree has three levels of tables; a table is one page of 512 entries. Index 2 selects an entry of the
 * root, the only table of level 2; that names a table of level 1, and an entry of that one of level 0, whose
 * entries, the leaves, name the pages mapped, 4 KiB each.
 *
 * An entry is 0, or a leaf (level 0 only: V, A and D, and permissions), or names a table (levels 1 and 2
 * only: V alone). A and D are preset, so no hart ever has to set them; G and larger leaves are not offered.
 * Tables are single pages of a page allocator, taken zeroed when a mapping first needs them and given back,
 * all 0 again, with the last mapping that does. So the tables are exactly those the mappings need, and the
 * root.
 *
 * Tables are found by address arithmetic over the allocator's one stretch of memory:
 *
 *     physical address == address of the pointer + physical_offset       (modulo 2^64)
 *
 * The offset is 0 where memory has its physical address: on the target before or without translation, and on
 * a host, whose pointers then stand for physical addresses. Any other offset serves a kernel that maps all
 * memory at a fixed distance, and a test that wants the same physical addresses in every run.
 *
 * Entries are checked before use. An entry is impossible when it is none of the three above, or names as a
 * table something that is not a taken run of exactly one page of the allocator, or a table that the walk has
 * come through. Every walk takes at most three steps and reads no byte outside those tables, whatever they
 * say. A walk to one address cannot see a table named twice, or a taken page that is not a table;
 * invariants/sv39_invariant.h sees both.
 *
 * Nothing here uses registers or locks, executes sfence.vma or orders stores for another hart. The caller
 * does that, after sv39_map and sv39_unmap; after the latter before taking pages of the allocator and before
 * reusing the unmapped page.
 *
 * After "The RISC-V Instruction Set Manual, Volume II: Privileged Architecture", section Sv39. */
#ifndef KMEM_SV39_H
#define KMEM_SV39_H

#include <stddef.h>
#include <stdint.h>

#include "../page.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SV39_LEVEL_COUNT ((unsigned)3)
#define SV39_ENTRY_COUNT ((size_t)512) /* entries in a table */

/* Bits of an entry. */
#define SV39_VALID            (UINT64_C(1) << 0)
#define SV39_READ             (UINT64_C(1) << 1)
#define SV39_WRITE            (UINT64_C(1) << 2)
#define SV39_EXECUTE          (UINT64_C(1) << 3)
#define SV39_USER             (UINT64_C(1) << 4)
#define SV39_GLOBAL           (UINT64_C(1) << 5) /* always 0 here */
#define SV39_ACCESSED         (UINT64_C(1) << 6)
#define SV39_DIRTY            (UINT64_C(1) << 7)
#define SV39_PAGE_NUMBER_MASK UINT64_C(0x003ffffffffffc00) /* the physical page number, from this bit on: */
#define SV39_PAGE_NUMBER_BIT  10

#define SV39_PRESET       (SV39_VALID | SV39_ACCESSED | SV39_DIRTY)           /* in every leaf */
#define SV39_FLAGS        (SV39_READ | SV39_WRITE | SV39_EXECUTE | SV39_USER) /* the caller's */
#define SV39_PHYSICAL_END (UINT64_C(1) << 56) /* one more than the highest physical address */

/* How an operation ended. sv39_error_name() gives the name printed for each. */
enum sv39_error {
    SV39_OK = 0,
    SV39_BAD_OFFSET, /* sv39_init: the physical addresses are not those of pages below 2^56 */
    SV39_BAD_ROOT,   /* sv39_init: the root is not a taken run of one page, all 0; later: there is no root */
    SV39_NOT_CANONICAL, /* bits 63 to 39 of the virtual address do not all equal bit 38 */
    SV39_MISALIGNED,    /* the virtual or the physical address is not a multiple of PAGE_SIZE */
    SV39_BAD_PHYSICAL,  /* the physical address is 2^56 or more */
    SV39_BAD_FLAGS,     /* no permission, write without read, or a bit that is not in SV39_FLAGS */
    SV39_ALREADY_MAPPED,
    SV39_NOT_MAPPED,
    SV39_OUT_OF_PAGES, /* the page allocator has too few free pages for the tables needed */
    SV39_CORRUPT, /* an entry on the way is impossible, the root is no longer a taken run of one page, or a
                     counter is impossible */
    SV39_CORRUPT_PAGES, /* the page allocator found its descriptors impossible when asked for a page */
};

/* One tree of tables. Owned by the caller, filled by sv39_init; only sv39.c writes its members. */
struct sv39 {
    struct page_allocator *pages; /* where tables come from and go back to */
    uint64_t *root;               /* the table of level 2; NULL when sv39_init failed */
    uint64_t physical_offset;     /* physical address - address of the pointer, modulo 2^64 */
    size_t table_count;           /* tables, the root included: pages of the allocator */
    size_t mapped_count;          /* pages mapped: leaves */
};

/* What a virtual address stands for. */
struct sv39_translation {
    uint64_t physical_address; /* of the byte asked for */
    uint64_t flags;            /* those given to sv39_map */
};

/* Makes tree an empty one over root, a page of pages that the caller took (page_zalloc(pages, 1)) and keeps
 * taken; only the caller gives it back, after tree's last use. pages stays the caller's, who keeps it alive
 * and may take and free other pages of it at any time. Returns SV39_OK; or, making tree a tree without a
 * root, which refuses everything: SV39_BAD_OFFSET iff physical_offset is not a multiple of PAGE_SIZE or puts
 * the start or the end of pages above 2^56; otherwise SV39_BAD_ROOT iff root is not the start of a taken run
 * of exactly one page of pages, or not all of it is 0. Cost: 512 loads. */
enum sv39_error sv39_init(struct sv39 *tree, struct page_allocator *pages, void *root,
                          uint64_t physical_offset);

/* Maps the page at virtual_address to the one at physical_address, with flags: at least one of SV39_READ,
 * SV39_WRITE (only with SV39_READ) and SV39_EXECUTE, and SV39_USER if wanted. The physical page need not
 * belong to the page allocator, and stays the caller's. Returns SV39_OK; or, having changed nothing but the
 * contents of free pages and page_last_error(), one of these, checked in this order: no root SV39_BAD_ROOT,
 * SV39_NOT_CANONICAL, either address SV39_MISALIGNED, SV39_BAD_PHYSICAL, SV39_BAD_FLAGS, SV39_CORRUPT or
 * SV39_ALREADY_MAPPED as the walk meets them; and, when tables are missing, SV39_OUT_OF_PAGES or
 * SV39_CORRUPT_PAGES as page_zalloc says. Cost: three steps, each with one lookup in the allocator; for each
 * missing table, two at most, page_zalloc, and page_free when there is no page for the second. */
enum sv39_error sv39_map(struct sv39 *tree, uint64_t virtual_address, uint64_t physical_address,
                         uint64_t flags);

/* Unmaps the page at virtual_address, and gives back the tables that are then empty, except the root. An
 * entry that is not 0, even an impossible one, keeps its table. Returns SV39_OK; or, having changed nothing,
 * one of these, checked in this order: no root SV39_BAD_ROOT, SV39_NOT_CANONICAL, SV39_MISALIGNED,
 * SV39_CORRUPT or SV39_NOT_MAPPED as the walk meets them, SV39_CORRUPT when the counters say that nothing is
 * mapped, that no table is left when the empty ones go, or that fewer pages of the allocator are taken than
 * there are tables. Cost: three steps as sv39_map, up to 512 loads for each of two tables, and page_free for
 * each given back. */
enum sv39_error sv39_unmap(struct sv39 *tree, uint64_t virtual_address);

/* Looks up what the byte at virtual_address stands for, and stores it in *translation. Returns SV39_OK; or,
 * leaving *translation unchanged, checked in this order: no root SV39_BAD_ROOT, SV39_NOT_CANONICAL,
 * SV39_CORRUPT or SV39_NOT_MAPPED as the walk meets them. Cost: three steps as sv39_map. */
enum sv39_error sv39_translate(const struct sv39 *tree, uint64_t virtual_address,
                               struct sv39_translation *translation);

/* The value of the register satp that makes a hart translate by tree, which has a root: mode Sv39, address
 * space 0, the root's physical page number. */
uint64_t sv39_satp(const struct sv39 *tree);

/* The name of an error, such as "not-canonical"; "unknown" for any other value. Static storage. */
const char *sv39_error_name(enum sv39_error error);

#ifdef __cplusplus
}
#endif

#endif
