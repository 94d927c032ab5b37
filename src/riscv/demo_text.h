/* What the demos print with: text to the board's console, and the end of a demo. */
#ifndef KMEM_RISCV_DEMO_TEXT_H
#define KMEM_RISCV_DEMO_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Ends the demo unless the condition holds. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            demo_end_broken("not true: " #condition);                                                        \
        }                                                                                                    \
    } while (0)

/* Powers off with exit code 1, after a line that says why. */
_Noreturn void demo_end_broken(const char *why);

void demo_print_decimal(size_t value);
void demo_print_hexadecimal(uint64_t value); /* with 0x */

#endif
