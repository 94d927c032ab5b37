/* What heaps of this folder's parent use of the C library, which a board does not have. */
#ifndef KMEM_BOARD_STRING_H
#define KMEM_BOARD_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

#endif
