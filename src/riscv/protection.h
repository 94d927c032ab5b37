/* Physical memory protection: which accesses each range of addresses allows, also in machine mode, until the
 * next reset. The image says which ranges. */
#ifndef KMEM_RISCV_PROTECTION_H
#define KMEM_RISCV_PROTECTION_H

#include <stddef.h>
#include <stdint.h>

#define PROTECTION_NONE    0u
#define PROTECTION_READ    1u
#define PROTECTION_WRITE   2u
#define PROTECTION_EXECUTE 4u

#define PROTECTION_RANGE_MAXIMUM 16u

/* From the end of the previous range, or 0 for the first, up to `end`. */
struct protection_range {
    uintptr_t
        end; /* a multiple of 4096, since QEMU is slow within shared pages; UINTPTR_MAX: everything above */
    unsigned access; /* PROTECTION_ bits */
};

/* Puts 1 to PROTECTION_RANGE_MAXIMUM ranges, in ascending order, in force, locked. Any other access is an
 * access fault. Everything above the last range stays accessible. */
void protection_lock(const struct protection_range *ranges, size_t count);

#endif
