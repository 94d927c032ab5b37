/* Semihosting. semihosting.h is the contract; the requests are those of Arm's semihosting specification,
 * which RISC-V takes over. */
#include "semihosting.h"

#define SYS_OPEN          0x01u
#define SYS_WRITE         0x05u
#define SYS_EXIT_EXTENDED 0x20u

#define MODE_WRITE       4u /* of ":tt": standard output */
#define APPLICATION_EXIT 0x20026u

#define REFUSED_MAXIMUM                                                                                      \
    1000000u /* writes in a row that took nothing: a pipe whose reader sleeps is waited for */

uintptr_t semihosting_call(uintptr_t request, const uintptr_t *parameters);

static uintptr_t output; /* the host's handle */

bool semihosting_open(void) {
    static const char name[] = ":tt";
    const uintptr_t parameters[] = {(uintptr_t)name, MODE_WRITE, sizeof name - 1};
    output = semihosting_call(SYS_OPEN, parameters);
    return output != UINTPTR_MAX;
}

bool semihosting_write(const char *bytes, size_t size) {
    unsigned refused = 0;
    while (size != 0 && refused < REFUSED_MAXIMUM) { /* either counter moves at every step */
        const uintptr_t parameters[] = {output, (uintptr_t)bytes, size};
        const size_t left = semihosting_call(SYS_WRITE, parameters); /* bytes not written */
        const size_t written = left > size ? 0 : size - left;
        refused = written == 0 ? refused + 1 : 0;
        bytes += written;
        size -= written;
    }
    return size == 0;
}

_Noreturn void semihosting_exit(unsigned exit_code) {
    const uintptr_t parameters[] = {APPLICATION_EXIT, exit_code};
    for (;;) { /* it does not return */
        (void)semihosting_call(SYS_EXIT_EXTENDED, parameters);
    }
}
