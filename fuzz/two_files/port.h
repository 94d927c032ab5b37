/* The hooks of src/port.h that are others in the one file. */
#ifndef KMEMFUZZ_PORT_H
#define KMEMFUZZ_PORT_H

/* A loop over poisoned memory has to stay a loop: AddressSanitizer checks the memset that a compiler makes of
 * it. */
#if defined(__clang__)
#define PORT_UNCHECKED __attribute__((no_sanitize("address", "kernel-address"), no_builtin))
#elif defined(__SANITIZE_ADDRESS__)
#define PORT_UNCHECKED __attribute__((no_sanitize_address, optimize("no-tree-loop-distribute-patterns")))
#endif

#endif
