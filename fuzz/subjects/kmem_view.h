/* What the subjects that are a struct kmem, or have one inside, show of it: parts of a struct subject_view.
 */
#ifndef KMEM_KMEM_VIEW_H
#define KMEM_KMEM_VIEW_H

#include "fuzz/execute/view.h"
#include "src/kmem.h"

/* view.shatter, view.walk and view.arrange, of this heap. */
void kmem_view_shatter(struct kmem *kmem);
bool kmem_view_walk(const unsigned char *base, size_t size, subject_visit *visit, void *context);
void kmem_view_arrange(struct kmem *kmem, const struct live_block *live, size_t live_count);

/* view.last_refusal, of this heap. Damage is reported only together with its place: a damaged heap that names
 * another, or calls it something else, counts as one that reports nothing. */
enum refusal kmem_view_last_refusal(const struct kmem *kmem);

static inline enum refusal kmem_view_refusal(enum kmem_error error) {
    switch (error) {
    case KMEM_OK:
        return REFUSAL_NONE;
    case KMEM_EXHAUSTED:
        return REFUSAL_EXHAUSTED;
    case KMEM_BAD_ALIGNMENT:
        return REFUSAL_BAD_ALIGNMENT;
    case KMEM_FOREIGN_POINTER:
        return REFUSAL_FOREIGN;
    case KMEM_MISALIGNED_POINTER:
        return REFUSAL_MISALIGNED;
    case KMEM_INTERIOR_POINTER:
        return REFUSAL_INTERIOR;
    case KMEM_DOUBLE_FREE:
        return REFUSAL_DOUBLE_FREE;
    case KMEM_BAD_REGION:
    case KMEM_CORRUPT:
    case KMEM_CORRUPT_PAGES:
        break;
    }
    return REFUSAL_CORRUPT;
}

#endif
