/* Physical memory protection: who may do what with which addresses, from machine mode itself, until the next
 * reset.
 *
 * May be here: how ranges become registers. May not: which ranges; that is the image's to say. */
#ifndef KMEM_RISCV_PROTECTION_H
#define KMEM_RISCV_PROTECTION_H

#include <stddef.h>
#include <stdint.h>

#define PROTECTION_NONE    0u
#define PROTECTION_READ    1u
#define PROTECTION_WRITE   2u
#define PROTECTION_EXECUTE 4u

#define PROTECTION_RANGE_MAXIMUM 16u

/* From the end of the range before it, the first from 0, up to `end`. */
struct protection_range {
    uintptr_t end; /* a multiple of 4096: QEMU is slow at what shares a page; UINTPTR_MAX: everything above */
    unsigned access; /* PROTECTION_ bits */
};

/* Puts the ranges, in ascending order, 1 to PROTECTION_RANGE_MAXIMUM of them, in force, locked. An access
 * they do not allow is an access fault. What lies above the last is free to all. */
void protection_lock(const struct protection_range *ranges, size_t count);

#endif
