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
    li      t0, 1 << 13         # mstatus.FS = initial: compiled for a machine with floating point, C may use its
    csrs    mstatus, t0         #   registers, which are off after a reset
    csrr    t0, mhartid         # hart 0 runs the image
    bnez    t0, park

    la      t0, trap_stack_top  # the trap's stack is found in mscratch: before mtvec, so that a trap from here
    csrw    mscratch, t0        #   on has one
    la      t0, trap_entry
    csrw    mtvec, t0

    la      sp, stack_top       # grows down; multiple of 16, as the calling convention asks

    la      t0, bss_start       # C expects zeros, and RAM may hold anything after a reset
    la      t1, bss_end         # both are multiples of 16: the linker script sees to it
1:  bgeu    t0, t1, 2f
    REG_S   zero, 0(t0)
    addi    t0, t0, REG_SIZE
    j       1b

2:  call    main                # which ends with the board powered off
park:
    csrwi   mie, 1 << 3         # a software interrupt ends wfi, and is not taken: mstatus.MIE is 0
1:  wfi                         # may wake up for no reason
    csrr    t0, mip
    andi    t0, t0, 1 << 3
    beqz    t0, 1b
    csrw    mie, zero

    la      t1, hart_order      # hart_start (hart.c) wrote it before it sent the interrupt
    fence
    REG_L   t0, 0 * REG_SIZE(t1)
    csrw    mscratch, t0
    la      t0, trap_entry
    csrw    mtvec, t0
    REG_L   sp, 1 * REG_SIZE(t1)
    REG_L   t2, 2 * REG_SIZE(t1)
    csrr    a0, mhartid
    slli    t0, a0, 2
    li      t1, 0x02000000      # BOARD_CLINT, which begins with a word for each hart: its software interrupt
    add     t0, t0, t1
    fence
    sw      zero, 0(t0)         # the order has been read
    jalr    t2
    j       park
    .size   _start, . - _start
    .type   _start, @function

    .bss
    .balign REG_SIZE
    .global hart_order
hart_order:                     # top of the trap's stack, top of the stack, function
    .zero   3 * REG_SIZE
    .size   hart_order, . - hart_order
    .type   hart_order, @object
