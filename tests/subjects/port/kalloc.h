/* The heap of a hobby kernel, written with nothing of this project in mind. */
#ifndef KALLOC_H
#define KALLOC_H

#include <stddef.h>

extern int kalloc_bug; /* which of its bugs it has; 0: none */

int kalloc_init(void *memory, size_t size);
void *kmalloc(size_t size);
void kfree(void *pointer);
void coalesce(void);

/* The kernel's C library. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);
size_t malloc_usable_size(void *pointer);

#endif
