/* What Rust cannot see of the core: the lock and the poison, which are macros, and whether src/ffi.rs has the
 * members where they are. */
#include "invariants/invariant.h"
#include "src/kernel.h"
#include "src/port.h"

#define WORD sizeof(void *)

_Static_assert(sizeof(struct kmem) == 10 * WORD && offsetof(struct kmem, source) == 5 * WORD &&
                   offsetof(struct kmem, error) == 8 * WORD && sizeof(enum kmem_error) == 4,
               "src/ffi.rs: Kmem");
_Static_assert(sizeof(struct page_allocator) == 5 * WORD && sizeof(enum page_error) == 4,
               "src/ffi.rs: PageAllocator");
_Static_assert(sizeof(struct verdict) == 32 && sizeof(struct expectation) == 5 * WORD, "src/ffi.rs: Verdict");
_Static_assert(offsetof(struct census, taken_size) == (2 * WORD + 7) / 8 * 8 && sizeof(bool) == 1 &&
                   offsetof(struct census, layout) == offsetof(struct census, taken_size) + 16 &&
                   sizeof(struct census) == offsetof(struct census, layout) + 8,
               "src/ffi.rs: Census");
_Static_assert(KMEM_EXHAUSTED == 1 && KMEM_BAD_ALIGNMENT == 2 && KMEM_BAD_REGION == 3 &&
                   KMEM_FOREIGN_POINTER == 4 && KMEM_MISALIGNED_POINTER == 5 && KMEM_INTERIOR_POINTER == 6 &&
                   KMEM_DOUBLE_FREE == 7 && KMEM_CORRUPT == 8 && KMEM_CORRUPT_PAGES == 9,
               "src/error.rs: Error");
_Static_assert(INVARIANT_STRUCTURE == 0x13e, "src/ffi.rs: INVARIANT_STRUCTURE");

void kmem_rust_lock(void) {
    PORT_LOCK();
}

void kmem_rust_unlock(void) {
    PORT_UNLOCK();
}

/* What a heap leaves behind is its owner's to use again. */
void kmem_rust_unpoison(void *base, size_t size) {
    PORT_UNPOISON(base, size);
}
