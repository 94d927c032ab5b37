/* Counting instructions: what the parts of the bench image share.
 *
 * A count covers one call: the instructions that put the arguments in registers, the call itself, the
 * function called, and the return. Each kind of call is counted in a function of its own, so that a change
 * elsewhere in the image moves no instruction into or out of the count. */
#ifndef KMEM_BENCH_H
#define KMEM_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "src/riscv/csr.h"

/* Defines a function that executes the statement and returns how many instructions it took, without the one
 * that reads the counter. */
#define BENCH_COUNTED(name, parameters, statement)                                                           \
    __attribute__((noinline)) static uint32_t name parameters {                                              \
        const uintptr_t before = CSR_READ(minstret);                                                         \
        statement;                                                                                           \
        return (uint32_t)(CSR_READ(minstret) - before - 1);                                                  \
    }

#define BENCH_NO_NUMBER UINT32_MAX

/* Sends the host a count, as the line "I name count", or "I name-number count". */
void bench_report(const char *name, uint32_t number, uint32_t count);

/* Ends the image with an error that says what should be true, unless it is. */
void bench_require(bool is_true, const char *what);

/* All that the image counts. Defined by each image, as is trap_handle. */
void bench_run(void);

/* The parts of the bench image. */
void bench_heap(void);
void bench_realloc(void);
void bench_check(void);
void bench_pages(void);
void bench_faults(void);

/* For the trap handler: maps the page of a measured access that faulted. False: no measured one has. */
bool bench_map(uintptr_t cause, uintptr_t value);

#endif
