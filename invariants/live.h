/* A block that should be taken: how the model and others pass the checker what is live. Nothing else belongs
 * here, so that the model can share it without seeing the core. */
#ifndef KMEM_LIVE_H
#define KMEM_LIVE_H

#include <stddef.h>

struct live_block {
    size_t offset; /* bytes from the region's base, of the header */
    size_t size;   /* bytes, header included */
};

#endif
