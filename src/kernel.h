/* The kernel's single heap: a thin layer that owns one struct kmem, locks around every operation on it, and
 * passes misuse and corruption to one fault hook. It has no allocation logic. The names are those of the
 * notes.
 *
 * kmem.h says what each operation does; this header says only what differs. Before kmem_kernel_init or
 * kmem_kernel_init_at has started a heap, every allocation is refused (NULL), every non-NULL free is a
 * fault, and the getters return NULL and 0.
 *
 * The lock. There is one, PORT_LOCK of port.h. It guards the heap, this layer's variables, and the page
 * allocator given to kmem_kernel_init.
 *
 *   - Every function of this header takes it, and releases it before it returns: call none while you hold it.
 *   - To call page_* on that page allocator, or anything that takes its pages (sv39_*, virtual_heap_*), hold
 *     the lock from before the call until after you last read page_last_error or a member.
 *   - A page source is called with the lock held. It may call page_* directly, but no function of this
 *     header. If it has a lock of its own, that is always taken after PORT_LOCK.
 *   - A fault hook, PORT_FAULT and the output function of kmem_kernel_print are called without the lock, and
 *     may call every function of this header.
 *
 * A payload belongs to its owner alone and needs no lock. */
#ifndef KMEM_KERNEL_H
#define KMEM_KERNEL_H

#include <stddef.h>

#include "kmem.h"
#include "page.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KMEM_KERNEL_PAGE_COUNT ((size_t)512) /* pages the heap starts with: 2 MiB */

/* Called with every misuse and corruption: what it was, and the pointer the caller passed (NULL when the
 * operation takes none). It may use the heap, or not return at all. Running out of memory is not a fault: the
 * call returns NULL. But if the heap could not grow because the page allocator's records are damaged, that is
 * KMEM_CORRUPT_PAGES. */
typedef void kmem_fault_hook(enum kmem_error error, const void *pointer);

/* Takes KMEM_KERNEL_PAGE_COUNT zeroed pages and one zeroed page for the root page table from pages, and makes
 * the former the heap, as one free block. The heap grows by the pages that follow it, while they are free.
 * Keeps pages, which the caller keeps alive. Called again it starts a new heap; the old one's pages stay
 * taken. Returns KMEM_OK; or, leaving the previous heap in place and taking no page: KMEM_EXHAUSTED iff no
 * run of free pages is that long, KMEM_CORRUPT_PAGES iff pages found one of its descriptors impossible.
 * Neither is passed to the fault hook. Cost: two page_zalloc, with the lock held. */
enum kmem_error kmem_kernel_init(struct page_allocator *pages);

/* The same with memory that the caller has prepared, wherever its pages are in physical memory: the heap is
 * page_count pages of PAGE_SIZE at base, and grows by source, of which a copy is kept, or never if that is
 * NULL. The pages need not be zeroed. page_table is the root page table that maps them. All of it stays the
 * caller's, who keeps it alive. Returns KMEM_OK; or, leaving the previous heap in place, KMEM_BAD_REGION as
 * kmem_init. */
enum kmem_error kmem_kernel_init_at(void *page_table, void *base, size_t page_count,
                                    const struct kmem_page_source *source);

/* Sets the fault hook; NULL restores the default, the platform's PORT_FAULT. */
void kmem_kernel_set_fault_hook(kmem_fault_hook *hook);

void *kmalloc(size_t size);                           /* kmem_alloc */
void *kzmalloc(size_t size);                          /* kmem_zalloc */
void *kcalloc(size_t count, size_t size);             /* kmem_calloc */
void *kmalloc_aligned(size_t alignment, size_t size); /* kmem_alloc_aligned */
void *krealloc(void *pointer, size_t size);           /* kmem_realloc */
void kfree(void *pointer);                            /* kmem_free */

/* Merges all adjacent free blocks. kfree already does that; this is for a heap that something else has
 * written to. */
void coalesce(void);

/* The heap itself, for what kmem.h asks of one and for invariants/invariant.h. Always the same; its members
 * change under the lock: hold it while you look. */
const struct kmem *kmem_kernel_heap(void);

/* The first block's header (KMEM_HEAD in the notes). Blocks change under the lock: hold it while you walk
 * them. */
const void *kmem_kernel_head(void);

size_t kmem_kernel_page_count(void); /* pages in the heap, growth included (KMEM_ALLOC in the notes) */
void *kmem_kernel_page_table(void);  /* the root page table: a page that was zeroed, or the one given to
                                        kmem_kernel_init_at (KMEM_PAGE_TABLE in the notes) */

/* As kmem_usable_size: no fault, whatever pointer is. */
size_t kmem_kernel_usable_size(const void *pointer);

/* Prints the block table as kmem_print_shared does, holding the lock for one block at a time. */
void kmem_kernel_print(void (*output)(void *context, const char *text), void *context);

#ifdef __cplusplus
}
#endif

#endif
