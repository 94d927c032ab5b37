/* The timer (CLINT): one alarm, which comes as an interrupt.
 *
 * May be here: the alarm. May not: what it is for. */
#ifndef KMEM_RISCV_TIMER_H
#define KMEM_RISCV_TIMER_H

#include <stdint.h>

/* From now on: a trap with TRAP_CAUSE_TIMER after this many milliseconds, unless it is set again or stopped
 * before. Switches interrupts on. Under -icount a millisecond is a number of instructions. */
void timer_start(uint32_t milliseconds);

/* Switches interrupts and the alarm off. */
void timer_stop(void);

#endif
