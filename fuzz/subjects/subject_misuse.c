/* kmem as a subject that misuses memory when it is asked to. Not instrumented, as no subject is: its frames
 * have no poison of their own, so what an abandoned frame left there would still be seen. */
#include "fuzz/subjects/misuse.h"

static unsigned char scratch[MISUSE_SCRATCH_SIZE];

/* Its frame takes the stack that the frames of other kinds have. */
__attribute__((noinline)) static void use_stack(struct kmem *heap) {
    unsigned char array[MISUSE_SCRATCH_SIZE];
    misuse(heap, MISUSE_STACK_SCRATCH, array);
}

static void *alloc(size_t size) {
    struct kmem *const heap = subject_kmem.view->heap;
    if (size == MISUSE_REQUEST + MISUSE_STACK_SCRATCH) {
        use_stack(heap);
    } else if (size >= MISUSE_REQUEST && size < MISUSE_REQUEST + MISUSE_COUNT) {
        misuse(heap, (enum misuse_kind)(size - MISUSE_REQUEST), scratch);
    }
    return subject_kmem.alloc(size);
}

/* A copy of kmem's table but for alloc, made at run time: a constant cannot be copied in an initialiser. */
static struct subject misusing;

const struct subject *subject_misuse(void) {
    misusing = subject_kmem;
    misusing.alloc = alloc;
    return &misusing;
}
