/* The timer (CLINT): one alarm, which comes as an interrupt.
 *
 * Starting and stopping it is as good as free: an alarm once set in the device is left there while it comes
 * no later than the time asked for, and set on when it comes too early. (On an emulator each write to the
 * device wakes another thread.)
 *
 * May be here: the clock, the alarm. May not: what it is for. */
#ifndef KMEM_RISCV_TIMER_H
#define KMEM_RISCV_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICKS_PER_MILLISECOND 10000u /* on this board */

/* Ticks since some time before the start. Under -icount a tick is a number of instructions. */
uint64_t timer_now(void);

/* From now on: a trap with TRAP_CAUSE_TIMER after this many milliseconds, unless it is started again or
 * stopped before; and possibly such traps earlier, of which timer_has_expired says that they are none.
 * Switches interrupts on. Returns timer_now(). */
uint64_t timer_start(uint32_t milliseconds);

/* For a trap with TRAP_CAUSE_TIMER: are the milliseconds over? If not, the alarm is set to when they are, and
 * what the trap has interrupted is to go on. */
bool timer_has_expired(void);

/* Switches interrupts off. */
void timer_stop(void);

#endif
