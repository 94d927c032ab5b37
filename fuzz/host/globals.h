/* What a heap keeps outside its memory: the writable data of the objects that kmem_foreign_heap (CMake)
 * makes, put back before every start, so that no program sees what the one before it left there. */
#ifndef KMEM_GLOBALS_H
#define KMEM_GLOBALS_H

#include <stddef.h>

/* A function that makes that data what it is now. NULL: there is none, or no memory to keep a copy in. Called
 * once, before the subject is. Cost of a call of the function: that of a copy. */
void (*globals_keep(void))(void);

/* That data, in two parts, of which either may have 0 bytes. Both do in a program without such an object. */
#define GLOBALS_PARTS ((size_t)2)
const unsigned char *globals_part(size_t index, size_t *size);

#endif
