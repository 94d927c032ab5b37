/* Semihosting: the host's files and exit code, for an image under a debugger or an emulator.
 *
 * May be here: the requests this project makes. May not: what is written. */
#ifndef KMEM_RISCV_SEMIHOSTING_H
#define KMEM_RISCV_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the host's standard output. Returns false iff the host refuses. Where no one answers requests, their
 * ebreak is a trap with TRAP_CAUSE_BREAKPOINT: this being the first request, an image learns it here. */
bool semihosting_open(void);

/* Writes all of size bytes to standard output. Returns false iff the host takes none of what is left, several
 * times in a row. The bytes must lie in memory that is there: a request is not a load, and faults nothing in.
 */
bool semihosting_write(const char *bytes, size_t size);

/* Ends the emulator with this exit code, 0 to 255. */
_Noreturn void semihosting_exit(unsigned exit_code);

#endif
