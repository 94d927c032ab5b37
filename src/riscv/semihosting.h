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

/* Copies what the host was told to pass to the image, "arg=" of QEMU's -semihosting-config, and a zero byte.
 * Where it was told nothing, QEMU passes the image's own file name instead. Returns false iff there is more
 * than size bytes.
 */
bool semihosting_arguments(char *text, size_t size);

/* A file of the host's that is being written. */
struct semihosting_file {
    uintptr_t handle;
};

/* Makes a file of this name, a path as the emulator sees it, or empties the one there is. Returns false iff
 * the host refuses. */
bool semihosting_file_create(const char *name, struct semihosting_file *file);

/* Appends size bytes. Returns false when semihosting_write would. */
bool semihosting_file_write(const struct semihosting_file *file, const void *bytes, size_t size);

/* Ends the writing; file is of no more use. Returns false iff the host says that it has failed. */
bool semihosting_file_close(const struct semihosting_file *file);

/* Ends the emulator with this exit code, 0 to 255. */
_Noreturn void semihosting_exit(unsigned exit_code);

#endif
