/* What a heap keeps outside its memory: the writable data of the objects that kmem_foreign_heap (CMake)
 * makes, put back before every start, so that no program sees what the one before it left there. */
#ifndef KMEM_GLOBALS_H
#define KMEM_GLOBALS_H

/* A function that makes that data what it is now. NULL: there is none, or no memory to keep a copy in. Called
 * once, before the subject is. Cost of a call of the function: that of a copy. */
void (*globals_keep(void))(void);

#endif
