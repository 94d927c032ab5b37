/* Starts the board's other harts. hart.h is the contract. */
#include "hart.h"

#include "board.h"

/* Layout known to start.S, which defines it. */
struct hart_order {
    void *trap_stack_top;
    void *stack_top;
    void (*function)(uintptr_t hart);
};

extern volatile struct hart_order hart_order;

void hart_start(unsigned hart, void (*function)(uintptr_t hart), void *stack_top, void *trap_stack_top) {
    volatile uint32_t *const software_interrupt = (volatile uint32_t *)BOARD_CLINT + hart;
    hart_order.trap_stack_top = trap_stack_top;
    hart_order.stack_top = stack_top;
    hart_order.function = function;
    __asm__ volatile("fence" ::: "memory"); /* devices too */
    *software_interrupt = 1;
    while (*software_interrupt != 0) {
        /* the hart clears it once it has read the order */
    }
}
