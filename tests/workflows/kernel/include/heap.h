/* A small kernel's heap. */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>

int heap_start(void *memory, size_t size);
void *heap_alloc(size_t size);
void heap_free(void *payload);

#endif
