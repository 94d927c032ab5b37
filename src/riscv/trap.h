/* Traps: exceptions and interrupts, all of them in machine mode. Every image defines its own trap_handle. */
#ifndef KMEM_RISCV_TRAP_H
#define KMEM_RISCV_TRAP_H

#include <stdint.h>

/* The interrupted program. Layout known to trap.S. */
struct trap_frame {
    uintptr_t program_counter; /* mepc: the instruction that trapped, or the one to continue with */
    uintptr_t registers[31];   /* x1 to x31; x0 is always 0 */
};

#define TRAP_REGISTER_RA 0 /* indices into registers */
#define TRAP_REGISTER_SP 1

/* mcause: an interrupt has the highest bit set. */
#define TRAP_INTERRUPT        ((uintptr_t)1 << (__riscv_xlen - 1))
#define TRAP_CAUSE_TIMER      (TRAP_INTERRUPT | 7)
#define TRAP_CAUSE_BREAKPOINT ((uintptr_t)3)
#define TRAP_CAUSE_LOAD_PAGE  ((uintptr_t)13) /* nothing is mapped at mtval, or not for this access */
#define TRAP_CAUSE_STORE_PAGE ((uintptr_t)15)

/* Defined by the image; called by trap.S, on the trap's stack, with interrupts off. Returns to continue the
 * program at frame->program_counter, or leaves by context_leave. A trap while it runs calls it again. */
void trap_handle(struct trap_frame *frame);

#endif
