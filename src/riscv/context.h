/* A place to come back to from anywhere, a trap included: setjmp and longjmp, without a function that returns
 * twice.
 *
 * May be here: the processor's state across a call. May not: what it is used for. */
#ifndef KMEM_RISCV_CONTEXT_H
#define KMEM_RISCV_CONTEXT_H

#include <stdint.h>

/* For context.S alone: ra, sp, s0 to s11. */
struct context {
    uintptr_t registers[14];
};

/* Calls function(argument). Returns 0 when it returns, or the value that context_leave was given while it
 * ran. */
uintptr_t context_run(struct context *context, void (*function)(void *argument), void *argument);

/* Makes the context_run under way with this context return value, which is not 0. May be called by a trap
 * handler: interrupts stay off then, as they are in a trap. The frames given up are never looked at again. */
_Noreturn void context_leave(struct context *context, uintptr_t value);

#endif
