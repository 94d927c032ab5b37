# The instruction sequence a debugger, or QEMU in its place, takes for a request: three uncompressed instructions that
# otherwise do nothing, in one page, so that a debugger or an emulator can read them around the ebreak.
    .text
    .option norvc
    .balign 16                  # the three take 12 bytes: so they never cross a page
    .global semihosting_call
    .type   semihosting_call, @function
semihosting_call:               # a0: the request, a1: its parameters; a0: its result
    slli    zero, zero, 0x1f
    ebreak
    srai    zero, zero, 7
    ret
    .size   semihosting_call, . - semihosting_call
