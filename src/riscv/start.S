# The first instructions of an image, from power on to main.
#
# `-bios none` makes the board's boot code jump to the start of RAM, whatever the entry of the ELF file says: so this
# section is linked there, and in front of all others. The processor is in machine mode, with no interrupt enabled,
# no stack, and nothing in its registers that is of use but a0 (its number, also in mhartid).
#include "assembly.h"

    .section .boot, "ax", @progbits
    .global _start
_start:
    csrw    mie, zero           # no interrupt until the timer is asked for
    csrr    t0, mhartid         # one processor runs the image; others wait for ever
    bnez    t0, park

    la      t0, trap_stack_top  # the trap's stack is found in mscratch: before mtvec, so that a trap from here
    csrw    mscratch, t0        #   on has one
    la      t0, trap_entry
    csrw    mtvec, t0

    li      t0, 1 << 13         # mstatus.FS = initial: compiled for a machine with floating point, C may use its
    csrs    mstatus, t0         #   registers, which are off after a reset

    la      sp, stack_top       # grows down; multiple of 16, as the calling convention asks

    la      t0, bss_start       # C expects zeros, and RAM may hold anything after a reset
    la      t1, bss_end         # both are multiples of 16: the linker script sees to it
1:  bgeu    t0, t1, 2f
    REG_S   zero, 0(t0)
    addi    t0, t0, REG_SIZE
    j       1b

2:  call    main                # which ends with the board powered off
park:
    wfi                         # may wake up for no reason
    j       park
    .size   _start, . - _start
    .type   _start, @function
