/* Semihosting: the host's files and exit code, for an image under a debugger or an emulator. */
#ifndef KMEM_RISCV_SEMIHOSTING_H
#define KMEM_RISCV_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the host's standard output. Returns false iff the host refuses. Without semihosting a request's
 * ebreak is a trap with TRAP_CAUSE_BREAKPOINT; as this is the first request, an image learns it here. */
bool semihosting_open(void);

/* Writes all of size bytes to standard output. Returns false iff the host takes none of the rest, several
 * times in a row. The bytes must be in mapped memory: a request is not a load, and causes no page fault. */
bool semihosting_write(const char *bytes, size_t size);

/* Copies the argument passed to the image, "arg=" of QEMU's -semihosting-config, and a zero byte. Without
 * one, QEMU passes the image's own file name. Returns false iff there is more than size bytes. */
bool semihosting_arguments(char *text, size_t size);

/* A file on the host that is being written. */
struct semihosting_file {
    uintptr_t handle;
};

/* Creates a file of this name, a path as the emulator sees it, or empties the existing one. Returns false iff
 * the host refuses. */
bool semihosting_file_create(const char *name, struct semihosting_file *file);

/* Appends size bytes. Returns false when semihosting_write would. */
bool semihosting_file_write(const struct semihosting_file *file, const void *bytes, size_t size);

/* Closes file, which cannot be used any more. Returns false iff the host reports an error. */
bool semihosting_file_close(const struct semihosting_file *file);

/* Ends the emulator with this exit code, 0 to 255. */
_Noreturn void semihosting_exit(unsigned exit_code);

#endif
