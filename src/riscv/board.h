/* The QEMU virt board, as far as this project uses it: where its devices are. RAM, and what lies where in it,
 * is the linker script's to say.
 *
 * May be here: addresses of devices, and the two that need no driver: the console and the power switch. */
#ifndef KMEM_RISCV_BOARD_H
#define KMEM_RISCV_BOARD_H

#include <stdint.h>

#define BOARD_FINISHER   ((uintptr_t)0x00100000) /* the power switch */
#define BOARD_CLINT      ((uintptr_t)0x02000000) /* the timer */
#define BOARD_CLINT_SIZE ((uintptr_t)0x00010000) /* bytes */
#define BOARD_UART       ((uintptr_t)0x10000000) /* the console, a 16550 */
#define BOARD_RAM        ((uintptr_t)0x80000000)
#define BOARD_TIMER_RATE 10000000u /* ticks a second */

/* Writes text to the console, byte by byte, waiting for each: slow, and in need of nothing. */
void board_print(const char *text);

/* Powers the board off; the emulator ends with this exit code, 0 to 255. Needs nothing either. */
_Noreturn void board_power_off(unsigned exit_code);

#endif
