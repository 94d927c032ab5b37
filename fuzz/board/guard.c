/* Who may touch what while inputs run: all that link.ld draws, and of the devices the timer alone. */
#include "fuzz/board/image.h"
#include "fuzz/program/blob.h"
#include "src/port.h"
#include "src/riscv/board.h"
#include "src/riscv/protection.h"

extern char constants_start[], constants_end[], data_end[], stack_bottom[], stack_top[], arena_start[],
    arena_end[], control_words[], blob_start[], shadow_end[];

#define SHADOW_ACCESS (PORT_ADDRESS_SANITIZER ? PROTECTION_READ | PROTECTION_WRITE : PROTECTION_NONE)

void guard_memory(void) {
    const struct protection_range ranges[] = {
        {BOARD_CLINT, PROTECTION_NONE}, /* NULL, and every device below the timer */
        {BOARD_CLINT + BOARD_CLINT_SIZE, PROTECTION_READ | PROTECTION_WRITE},
        {BOARD_RAM, PROTECTION_NONE}, /* every other device */
        {(uintptr_t)constants_start, PROTECTION_READ | PROTECTION_EXECUTE},
        {(uintptr_t)constants_end, PROTECTION_READ},
        {(uintptr_t)data_end, PROTECTION_READ | PROTECTION_WRITE},
        {(uintptr_t)stack_bottom, PROTECTION_NONE},
        {(uintptr_t)stack_top, PROTECTION_READ | PROTECTION_WRITE},
        {(uintptr_t)arena_start, PROTECTION_NONE},
        {(uintptr_t)arena_end, PROTECTION_READ | PROTECTION_WRITE},
        {(uintptr_t)control_words, PROTECTION_NONE},
        {(uintptr_t)blob_start + BLOB_CAPACITY, PROTECTION_READ},
        {(uintptr_t)shadow_end, SHADOW_ACCESS}, /* starts where the blob ends: link.ld sees to it */
        {UINTPTR_MAX, PROTECTION_NONE},
    };
    protection_lock(ranges, sizeof ranges / sizeof ranges[0]);
}
