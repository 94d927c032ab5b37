/* Semihosting. semihosting.h is the contract; the requests are those of Arm's semihosting specification,
 * which RISC-V takes over. */
#include "semihosting.h"

#define SYS_OPEN          0x01u
#define SYS_CLOSE         0x02u
#define SYS_WRITE         0x05u
#define SYS_GET_CMDLINE   0x15u
#define SYS_EXIT_EXTENDED 0x20u

#define MODE_WRITE       4u /* of ":tt": standard output */
#define MODE_WRITE_BYTES 5u
#define APPLICATION_EXIT 0x20026u

#define REFUSED_MAXIMUM                                                                                      \
    1000000u /* writes in a row that took nothing: a pipe whose reader sleeps is waited for */

uintptr_t semihosting_call(uintptr_t request, const uintptr_t *parameters);

static uintptr_t output; /* the host's handle */

static uintptr_t open_file(const char *name, size_t name_size, uintptr_t mode) {
    const uintptr_t parameters[] = {(uintptr_t)name, mode, name_size};
    return semihosting_call(SYS_OPEN, parameters);
}

static bool write_bytes(uintptr_t file, const void *bytes, size_t size) {
    uintptr_t place = (uintptr_t)bytes;
    unsigned refused = 0;
    while (size != 0 && refused < REFUSED_MAXIMUM) { /* either counter moves at every step */
        const uintptr_t parameters[] = {file, place, size};
        const size_t left = semihosting_call(SYS_WRITE, parameters); /* bytes not written */
        const size_t written = left > size ? 0 : size - left;
        refused = written == 0 ? refused + 1 : 0;
        place += written;
        size -= written;
    }
    return size == 0;
}

bool semihosting_open(void) {
    static const char name[] = ":tt";
    output = open_file(name, sizeof name - 1, MODE_WRITE);
    return output != UINTPTR_MAX;
}

bool semihosting_write(const char *bytes, size_t size) {
    return write_bytes(output, bytes, size);
}

bool semihosting_arguments(char *text, size_t size) {
    uintptr_t parameters[] = {(uintptr_t)text, size}; /* the host puts the text's size in the second */
    return semihosting_call(SYS_GET_CMDLINE, parameters) == 0;
}

bool semihosting_file_create(const char *name, struct semihosting_file *file) {
    size_t size = 0;
    while (name[size] != '\0') {
        size++;
    }
    file->handle = open_file(name, size, MODE_WRITE_BYTES);
    return file->handle != UINTPTR_MAX;
}

bool semihosting_file_write(const struct semihosting_file *file, const void *bytes, size_t size) {
    return write_bytes(file->handle, bytes, size);
}

bool semihosting_file_close(const struct semihosting_file *file) {
    const uintptr_t parameters[] = {file->handle};
    return semihosting_call(SYS_CLOSE, parameters) == 0;
}

_Noreturn void semihosting_exit(unsigned exit_code) {
    const uintptr_t parameters[] = {APPLICATION_EXIT, exit_code};
    for (;;) { /* it does not return */
        (void)semihosting_call(SYS_EXIT_EXTENDED, parameters);
    }
}
