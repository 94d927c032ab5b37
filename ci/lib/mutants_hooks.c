/* What the hooks of mutants_port.h do while mutants run: poison is AddressSanitizer's, of aligned places only
 * as port.h says, and the lock is watched, so that a kernel layer which forgets it, takes it twice or gives
 * it back unasked ends the process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "mutants_port.h"

void __asan_poison_memory_region(const volatile void *address, size_t size);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);

static bool is_locked;

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

void PORT_POISON(const volatile void *address, size_t size) {
    require((uintptr_t)address % 8 == 0);
    __asan_poison_memory_region(address, size);
}

void PORT_UNPOISON(const volatile void *address, size_t size) {
    require((uintptr_t)address % 8 == 0);
    __asan_unpoison_memory_region(address, size);
}

void PORT_LOCK(void) {
    require(!is_locked);
    is_locked = true;
}

void PORT_UNLOCK(void) {
    require(is_locked);
    is_locked = false;
}

/* A default hook: tests that set none expect nothing of it. */
void PORT_FAULT(int error, const void *pointer) {
    require(!is_locked);
    (void)error, (void)pointer;
}
