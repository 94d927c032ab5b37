/* What the tool and the fuzz target of a heap of the user's find in their environment
 * (fuzz/kmemfuzz/heap.py). */
#ifndef KMEM_OWN_HEAP_H
#define KMEM_OWN_HEAP_H

#define OWN_HEAP_FILE   "KMEMFUZZ_SUBJECT" /* the heap's file, as it was typed */
#define OWN_HEAP_FOLDER "KMEMFUZZ_FOLDER"  /* the folder beside it, with its corpus */

#endif
