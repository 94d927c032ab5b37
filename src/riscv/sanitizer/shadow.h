/* The shadow: one byte for each granule of 8 bytes of RAM, which says which bytes of it may be accessed.
 *
 *     shadow address = address / 8 + shadow_offset        (link.ld; the compiler gets the same offset)
 *
 *     0        all 8 bytes
 *     1 to 7   only the first so many
 *     others   none, and why */
#ifndef KMEM_RISCV_SHADOW_H
#define KMEM_RISCV_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHADOW_GRANULE ((size_t)8) /* bytes */

/* Why nothing may be accessed. The compiler writes those of the stack. */
#define SHADOW_STACK_LEFT  0xf1 /* below the first variable of a frame */
#define SHADOW_STACK_MID   0xf2 /* between two */
#define SHADOW_STACK_RIGHT 0xf3 /* above the last */
#define SHADOW_STACK_SCOPE 0xf8 /* a variable out of its scope */
#define SHADOW_POISON      0xf7 /* the core's: a header, free memory, or bytes beyond the request */
#define SHADOW_GLOBAL      0xf9 /* between global variables */

#define SHADOW_NONE 0xff /* never in the shadow: stands for a byte past its ends */

/* Is all of it RAM that has a shadow? */
bool shadow_covers(uintptr_t address, size_t size);

/* The shadow byte of address's granule; address is covered. */
unsigned char *shadow_of(uintptr_t address);

/* Sets size bytes of shadow, starting at a shadow byte. Cost: a store per register's width. */
void shadow_fill(unsigned char *shadow, unsigned char value, size_t size);

/* The first of size bytes at address, all covered, that may not be accessed; address + size when all may. */
uintptr_t shadow_first_bad(uintptr_t address, size_t size);

#endif
