/* The sanitizers' run time, for an image whose code under test clang has instrumented: kernel
 * AddressSanitizer and UndefinedBehaviorSanitizer, without a library.
 *
 *     instrumented code -> address.c, undefined.c -> sanitizer_stop_...: the image's
 *     port.h's hooks    -> shadow.c
 *
 * The compiler calls address.c and undefined.c. Access errors have the names that the host's AddressSanitizer
 * gives them, so that both can be compared. Every image defines what happens with a report, as it does for
 * traps. */
#ifndef KMEM_RISCV_SANITIZER_H
#define KMEM_RISCV_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../port.h"

/* The code at fault. */
struct sanitizer_place {
    uintptr_t return_address; /* the instruction after the call into the run time */
    uintptr_t caller;         /* the return address of the function at fault; 0: not known */
    uintptr_t stack_pointer;
};

/* An access to bytes that may not be accessed. */
struct sanitizer_access {
    const char *kind;  /* such as use-after-poison */
    bool write;        /* otherwise a read */
    uintptr_t address; /* the access's first byte */
    size_t size;       /* bytes */
    uintptr_t bad;     /* the first byte that may not be accessed */
    struct sanitizer_place place;
};

/* A use of undefined behaviour. undefined.c says what left and right are for each kind. */
struct sanitizer_undefined {
    const char *kind;   /* such as shift-out-of-bounds */
    const char *access; /* for a bad pointer what it was used for, such as load; otherwise "-" */
    const char *file;
    uint32_t line;
    uint32_t column;
    const char *type; /* as clang writes it, in quotes; "-" when there is none */
    int64_t left;
    int64_t right;
    struct sanitizer_place place;
};

/* Defined by the image, which cannot continue: the access is about to happen, or the behaviour is undefined
 * from here on. Called on the stack of the code at fault, with interrupts unchanged. */
_Noreturn void sanitizer_stop_access(const struct sanitizer_access *access);
_Noreturn void sanitizer_stop_undefined(const struct sanitizer_undefined *undefined);

/* Makes all memory from the image's start to the arena's end accessible, except the surroundings of global
 * variables. Call it before the first instrumented code runs, and again after abandoning frames of it, whose
 * poison would be taken for that of the next frames. Clears the arena's poison too. Does nothing in an image
 * without sanitizers. Cost: a byte written per 8 bytes. */
#if PORT_ADDRESS_SANITIZER
void sanitizer_start(void);
#else
static inline void sanitizer_start(void) {
}
#endif

/* The place that called the current function, which must keep a frame pointer, as its caller must. */
#define SANITIZER_PLACE()                                                                                    \
    sanitizer_place_of((uintptr_t)__builtin_return_address(0), (const uintptr_t *)__builtin_frame_address(0))

struct sanitizer_place sanitizer_place_of(uintptr_t return_address, const uintptr_t *frame);

#endif
