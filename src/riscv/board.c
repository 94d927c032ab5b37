/* The console and the power switch. board.h is the contract. */
#include "board.h"

#define UART_DATA           0 /* register offsets, bytes */
#define UART_LINE_STATUS    5
#define UART_TRANSMIT_READY 0x20 /* in the line status */

#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x3333u /* the exit code in the upper half */

void board_print(const char *text) {
    volatile uint8_t *const uart = (volatile uint8_t *)BOARD_UART;
    for (; *text != '\0'; text++) {
        while ((uart[UART_LINE_STATUS] & UART_TRANSMIT_READY) == 0) {
            /* the device sends at its own pace, and always does */
        }
        uart[UART_DATA] = (uint8_t)*text;
    }
}

_Noreturn void board_power_off(unsigned exit_code) {
    *(volatile uint32_t *)BOARD_FINISHER = exit_code == 0 ? FINISHER_PASS : exit_code << 16 | FINISHER_FAIL;
    for (;;) {
        /* off in a moment */
    }
}
