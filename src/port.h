/* What a platform may define, and the default for each.
 *
 * This is the only file of the core that knows about compilers, sanitizers and locks. A platform overrides
 * any of the hooks by defining the macro before this header is read: compile the core with
 * -DKMEM_PORT_HEADER='"my_port.h"' and define them there. Every hook is optional. */
#ifndef KMEM_PORT_H
#define KMEM_PORT_H

#include <stddef.h>

#ifdef KMEM_PORT_HEADER
#include KMEM_PORT_HEADER
#endif

/* 1 when AddressSanitizer's runtime is linked in, so that poison can be set. A build may define it, also for
 * code that it does not instrument; otherwise the compiler says whether this code is instrumented. */
#if !defined(PORT_ADDRESS_SANITIZER) && defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PORT_ADDRESS_SANITIZER 1
#endif
#endif
#if !defined(PORT_ADDRESS_SANITIZER) && defined(__SANITIZE_ADDRESS__)
#define PORT_ADDRESS_SANITIZER 1
#endif
#ifndef PORT_ADDRESS_SANITIZER
#define PORT_ADDRESS_SANITIZER 0
#endif

/* On a function: its own reads and writes are not checked, so it may touch poisoned memory. Only the block
 * header accessors of the core, and the readers of the checker and the harness, have it. */
#ifndef PORT_UNCHECKED
#if defined(__clang__)
#define PORT_UNCHECKED __attribute__((no_sanitize("address", "kernel-address")))
#elif defined(__GNUC__)
#define PORT_UNCHECKED __attribute__((no_sanitize_address))
#else
#define PORT_UNCHECKED
#endif
#endif

/* PORT_POISON(address, size): from now on any access to these bytes is an error.
 * PORT_UNPOISON(address, size): from now on accesses to these bytes are allowed.
 * address is 8-aligned; size is in bytes. Cost under AddressSanitizer: one byte written per 8 bytes of size.
 */
#ifndef PORT_POISON
#if PORT_ADDRESS_SANITIZER
#ifdef __cplusplus
extern "C" {
#endif
void __asan_poison_memory_region(const volatile void *address, size_t size);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
#ifdef __cplusplus
}
#endif
#define PORT_POISON(address, size)   __asan_poison_memory_region((address), (size))
#define PORT_UNPOISON(address, size) __asan_unpoison_memory_region((address), (size))
#else
#define PORT_POISON(address, size)   ((void)(address), (void)(size))
#define PORT_UNPOISON(address, size) ((void)(address), (void)(size))
#endif
#endif

/* PORT_LOCK() / PORT_UNLOCK(): the one lock of the kernel layer; kernel.h says what it guards and when to
 * take it. A kernel with interrupts or several harts defines both; the default suits a single thread of
 * control. PORT_LOCK() returns when no one else holds the lock and the last holder's writes are visible, with
 * interrupts off if their handlers allocate. The core never takes it twice, and may release it in another
 * function. */
#ifndef PORT_LOCK
#define PORT_LOCK()   ((void)0)
#define PORT_UNLOCK() ((void)0)
#endif

/* PORT_FAULT(error, pointer): what the kernel layer does with a misuse or a corruption while no fault hook is
 * set: error is the enum kmem_error, pointer what the caller passed. A kernel may define it as a panic. */
#ifndef PORT_FAULT
#define PORT_FAULT(error, pointer) ((void)(error), (void)(pointer))
#endif

#endif
