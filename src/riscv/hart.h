/* The board's other harts. Only hart 0 runs an image; the others wait in start.S until they are started. */
#ifndef KMEM_RISCV_HART_H
#define KMEM_RISCV_HART_H

#include <stdint.h>

#define HART_STACK_ALIGNMENT 16 /* bytes */

/* Starts a hart that waits, 1 <= hart < harts of the board: it calls function(hart) on a stack that ends at
 * stack_top, and waits again when that returns. Its traps have the stack that ends at trap_stack_top. What
 * the caller wrote before is visible to it. Called by one hart at a time. Returns once the hart is on its
 * way; never, if there is no such hart. */
void hart_start(unsigned hart, void (*function)(uintptr_t hart), void *stack_top, void *trap_stack_top);

#endif
