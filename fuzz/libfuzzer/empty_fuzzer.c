/* libFuzzer target that does nothing: the ceiling that the benchmark measures heap_fuzzer against. Built the
 * same way, with the same instrumented core linked in, which is never called. */
#include <stddef.h>
#include <stdint.h>

#include "src/kmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Keeps the linker from dropping the core, whose counters libFuzzer reads after every input. */

__attribute__((used)) static enum kmem_error (*const core)(struct kmem *, void *, size_t, size_t,
                                                           const struct kmem_page_source *) = kmem_init;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)data;
    (void)size;
    return 0;
}
