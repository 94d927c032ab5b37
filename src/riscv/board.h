/* The QEMU virt board, as far as this project uses it: the addresses of its devices, and the two that need no
 * driver, the console and the power switch. The layout of RAM is in the linker script. */
#ifndef KMEM_RISCV_BOARD_H
#define KMEM_RISCV_BOARD_H

#include <stdint.h>

#define BOARD_FINISHER   ((uintptr_t)0x00100000) /* the power switch */
#define BOARD_CLINT      ((uintptr_t)0x02000000) /* the timer */
#define BOARD_CLINT_SIZE ((uintptr_t)0x00010000) /* bytes */
#define BOARD_UART       ((uintptr_t)0x10000000) /* the console, a 16550 */
#define BOARD_RAM        ((uintptr_t)0x80000000)
#define BOARD_TIMER_RATE 10000000u /* ticks a second */

/* Writes text to the console, byte by byte, waiting for each: slow, but needs no setup. */
void board_print(const char *text);

/* Powers the board off; the emulator ends with this exit code, 0 to 255. Needs no setup either. */
_Noreturn void board_power_off(unsigned exit_code);

#endif
