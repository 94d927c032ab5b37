/* What the demos print with. demo_text.h is the contract. */
#include "demo_text.h"

#include "board.h"

#define EXIT_BROKEN 1u

_Noreturn void demo_end_broken(const char *why) {
    board_print("\n");
    board_print(why);
    board_print("\n");
    board_power_off(EXIT_BROKEN);
}

void demo_print_decimal(size_t value) {
    char text[sizeof "18446744073709551615"];
    char *first = text + sizeof text - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    board_print(first);
}

void demo_print_hexadecimal(uint64_t value) {
    char text[sizeof "0x0123456789abcdef"];
    char *first = text + sizeof text - 1;
    *first = '\0';
    do {
        *--first = "0123456789abcdef"[value % 16];
        value /= 16;
    } while (value != 0);
    *--first = 'x';
    *--first = '0';
    board_print(first);
}
