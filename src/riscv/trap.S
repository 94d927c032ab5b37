# Traps: saves the interrupted program's registers on a stack of the trap's own, since its stack pointer may be what
# is wrong with it, and calls trap_handle (trap.h), which returns only when the program is to go on.
#
#     trap_stack_top    <- mscratch, except between the two swaps below
#       x31
#       ...
#       x3              (x2, the stack pointer, comes from mscratch)
#       x1
#       mepc            <- sp, a struct trap_frame
#       trap_handle's frames
#     trap_stack_bottom
#
# A trap in the handler itself starts again at the top: it is fatal, and trap_handle has to notice.
#include "assembly.h"

#define FRAME_SIZE (32 * REG_SIZE)

    .text
    .balign 4                   # mtvec's lowest two bits are its mode: direct
    .global trap_entry
    .type   trap_entry, @function
trap_entry:
    csrrw   sp, mscratch, sp    # sp is the trap's stack now, mscratch the program's
    addi    sp, sp, -FRAME_SIZE
    REG_S   x1, 1 * REG_SIZE(sp)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    REG_S   x\n, \n * REG_SIZE(sp)
    .endr
    csrr    t0, mscratch
    REG_S   t0, 2 * REG_SIZE(sp)
    csrr    t0, mepc
    REG_S   t0, 0(sp)
    addi    t0, sp, FRAME_SIZE  # before the call: the handler may leave without coming back here
    csrw    mscratch, t0

    mv      a0, sp
    call    trap_handle

    REG_L   t0, 0(sp)           # the handler may have moved it
    csrw    mepc, t0
    REG_L   x1, 1 * REG_SIZE(sp)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    REG_L   x\n, \n * REG_SIZE(sp)
    .endr
    REG_L   sp, 2 * REG_SIZE(sp) # last: it is what the others were found by
    mret
    .size   trap_entry, . - trap_entry
