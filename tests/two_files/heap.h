/* The heap of a small kernel, which the two files are tried on. It knows nothing of them. */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel's own way to end. */
__attribute__((noreturn)) void panic(const char *text, const char *file, int line);

bool kinit(void *start, size_t size);
void *kalloc(size_t size);
void kfree(void *pointer);

/* As if the kernel had just started. */
void kforget(void);

#endif
