/* For the .S files: what differs between 64-bit and 32-bit boards. How wide a register is, and which
 * instructions load and store one. */
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
