/* A place to return to from anywhere, including a trap: setjmp and longjmp, without a function that returns
 * twice. */
#ifndef KMEM_RISCV_CONTEXT_H
#define KMEM_RISCV_CONTEXT_H

#include <stdint.h>

/* For context.S alone: ra, sp, s0 to s11. */
struct context {
    uintptr_t registers[14];
};

/* Calls function(argument). Returns 0 when it returns, or the value that context_leave was passed meanwhile.
 */
uintptr_t context_run(struct context *context, void (*function)(void *argument), void *argument);

/* Makes the current context_run with this context return value, which is not 0. A trap handler may call it:
 * interrupts then stay off, as they are in a trap. The abandoned frames are never used again. */
_Noreturn void context_leave(struct context *context, uintptr_t value);

#endif
