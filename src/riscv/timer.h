/* The timer (CLINT): a clock, and one alarm, which comes as an interrupt.
 *
 * Starting and stopping it is almost free: an alarm in the device is left there while it comes no later than
 * the time asked for, and moved on when it comes too early. (On an emulator each write to the device wakes
 * another thread.) */
#ifndef KMEM_RISCV_TIMER_H
#define KMEM_RISCV_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICKS_PER_MILLISECOND 10000u /* on this board */

/* Ticks since some time before the start. Under -icount a tick is a number of instructions. */
uint64_t timer_now(void);

/* From now on: a trap with TRAP_CAUSE_TIMER after this many milliseconds, unless it is restarted or stopped
 * before. Such traps may also come earlier; timer_has_expired then returns false. Switches interrupts on.
 * Returns timer_now(). */
uint64_t timer_start(uint32_t milliseconds);

/* For a trap with TRAP_CAUSE_TIMER: are the milliseconds over? If not, sets the alarm to when they are, and
 * the interrupted code must continue. */
bool timer_has_expired(void);

/* Switches interrupts off. */
void timer_stop(void);

#endif
