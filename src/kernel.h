/* The kernel's single heap: a thin layer that owns one struct kmem, locks around every operation on it, and
 * hands misuse and corruption to one fault hook. The names are those of the notes.
 *
 * kmem.h says what each operation does; here is only what differs. Before kmem_kernel_init has succeeded
 * every allocation is refused (NULL), every non-NULL free is a fault, and the getters answer NULL and 0.
 *
 * May be here: the one heap, its lock, its fault hook. May not: any allocation logic. */
#ifndef KMEM_KERNEL_H
#define KMEM_KERNEL_H

#include <stddef.h>

#include "kmem.h"
#include "page.h"

#define KMEM_KERNEL_PAGE_COUNT ((size_t)512) /* pages the heap starts with: 2 MiB */

/* Called with every misuse and corruption: what it was, and the pointer the caller passed (NULL when the
 * operation takes none). Called after the lock is released, so it may use the heap or not return at all.
 * Running out of memory is an answer, NULL, and not a fault. */
typedef void kmem_fault_hook(enum kmem_error error, const void *pointer);

/* Takes KMEM_KERNEL_PAGE_COUNT zeroed pages and one zeroed page for the root page table from pages, and makes
 * the heap one free block that covers the former. The heap grows by the pages that follow it, while they are
 * free. Keeps pages, which the caller keeps alive. Returns KMEM_OK, or KMEM_EXHAUSTED iff pages cannot give
 * them: then it has given none. Called again it starts a new heap; the old one's pages stay taken. */
enum kmem_error kmem_kernel_init(struct page_allocator *pages);

/* The same with memory that the caller has made ready, wherever its pages lie in physical memory: the heap is
 * page_count pages of PAGE_SIZE at base, and grows as source, of which a copy is kept, says; NULL: never.
 * They need not be zeroed. page_table is the root page table that maps them. All stay the caller's, who keeps
 * them alive. Returns KMEM_OK, or, and then the heap is the one there was, KMEM_BAD_REGION as kmem_init. */
enum kmem_error kmem_kernel_init_at(void *page_table, void *base, size_t page_count,
                                    const struct kmem_page_source *source);

/* Sets the fault hook; NULL restores the default, the platform's PORT_FAULT. */
void kmem_kernel_set_fault_hook(kmem_fault_hook *hook);

void *kmalloc(size_t size);
void *kzmalloc(size_t size);
void *kcalloc(size_t count, size_t size);
void *kmalloc_aligned(size_t alignment, size_t size);
void *krealloc(void *pointer, size_t size);
void kfree(void *pointer);

/* Merges all adjacent free blocks. kfree does so by itself; this is for a heap that something else has
 * written. */
void coalesce(void);

const void *kmem_kernel_head(void);  /* the first block's header (KMEM_HEAD in the notes) */
size_t kmem_kernel_page_count(void); /* pages in the heap, growth included (KMEM_ALLOC in the notes) */
void *kmem_kernel_page_table(void);  /* the root page table, a zeroed page (KMEM_PAGE_TABLE in the notes) */

/* Prints the block table; see kmem_print. */
void kmem_kernel_print(void (*output)(void *context, const char *text), void *context);

#endif
