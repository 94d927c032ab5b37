/* What the assembly of a 64-bit and of a 32-bit board differ in: how wide a register is, and which
 * instructions load and store one.
 *
 * May be here: macros for the .S files. May not: C. */
#ifndef KMEM_RISCV_ASSEMBLY_H
#define KMEM_RISCV_ASSEMBLY_H

#if __riscv_xlen == 64
#define REG_S    sd
#define REG_L    ld
#define REG_SIZE 8 /* bytes */
#else
#define REG_S    sw
#define REG_L    lw
#define REG_SIZE 4 /* bytes */
#endif

#endif
