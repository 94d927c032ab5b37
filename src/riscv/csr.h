/* Control and status registers: access by name, and the bits this project uses. */
#ifndef KMEM_RISCV_CSR_H
#define KMEM_RISCV_CSR_H

#include <stdint.h>

#define CSR_READ(name)                                                                                       \
    ({                                                                                                       \
        uintptr_t csr_value;                                                                                 \
        __asm__ volatile("csrr %0, " #name : "=r"(csr_value));                                               \
        csr_value;                                                                                           \
    })
#define CSR_WRITE(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uintptr_t)(value)) : "memory")
#define CSR_SET(name, bits)    __asm__ volatile("csrs " #name ", %0" ::"r"((uintptr_t)(bits)) : "memory")
#define CSR_CLEAR(name, bits)  __asm__ volatile("csrc " #name ", %0" ::"r"((uintptr_t)(bits)) : "memory")

#define MSTATUS_MIE  ((uintptr_t)1 << 3)  /* interrupts on */
#define MSTATUS_MPP  ((uintptr_t)3 << 11) /* the mode a trap came from; 0: user mode */
#define MSTATUS_MPRV ((uintptr_t)1 << 17) /* loads and stores are made as in that mode */
#define MIE_MTIE     ((uintptr_t)1 << 7)  /* the timer's among them */

#endif
