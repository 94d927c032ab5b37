/* The kernel layer on pages of a page allocator, as a kernel without page tables starts it. */
#ifndef KMEM_KERNEL_PAGES_H
#define KMEM_KERNEL_PAGES_H

#include <stdbool.h>

/* Starts the layer on pages of the harness's own, too few, just enough and more than it needs; lets the heap
 * grow as far as it can, and meet damaged descriptors. Returns whether all of it came out as kernel.h says.
 * The layer's heap and fault hook are then whatever they are: start it again. Cost: some MiB are zeroed. */
bool kernel_pages_work(void);

#endif
