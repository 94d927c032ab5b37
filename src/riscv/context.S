# A place to come back to: context.h is the contract. A context holds what the calling convention says a call keeps,
# in this order: ra, sp, s0 to s11.
#include "assembly.h"

    .macro  each_saved, instruction, base
    \instruction ra, 0 * REG_SIZE(\base)
    \instruction sp, 1 * REG_SIZE(\base)
    \instruction s0, 2 * REG_SIZE(\base)
    \instruction s1, 3 * REG_SIZE(\base)
    \instruction s2, 4 * REG_SIZE(\base)
    \instruction s3, 5 * REG_SIZE(\base)
    \instruction s4, 6 * REG_SIZE(\base)
    \instruction s5, 7 * REG_SIZE(\base)
    \instruction s6, 8 * REG_SIZE(\base)
    \instruction s7, 9 * REG_SIZE(\base)
    \instruction s8, 10 * REG_SIZE(\base)
    \instruction s9, 11 * REG_SIZE(\base)
    \instruction s10, 12 * REG_SIZE(\base)
    \instruction s11, 13 * REG_SIZE(\base)
    .endm

    .text
    .global context_run
    .type   context_run, @function
context_run:                    # a0: context, a1: function, a2: its argument
    each_saved REG_S, a0
    mv      s0, a0              # kept by the function called; our caller's is in the context
    mv      a0, a2
    jalr    a1
    mv      t0, s0
    li      a0, 0
    j       restore
    .size   context_run, . - context_run

    .global context_leave
    .type   context_leave, @function
context_leave:                  # a0: context, a1: what context_run is to return
    mv      t0, a0
    mv      a0, a1
restore:
    each_saved REG_L, t0
    ret                         # from context_run
    .size   context_leave, . - context_leave
