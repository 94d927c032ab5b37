/* The kinds of damage that the fault-injection image does on demand, when a program allocates FAULT_REQUEST +
 * kind bytes, which no heap grants; faults.c does them. On the host, and in the replay image, such an input
 * is sound. The tests read this list too. */
#ifndef KMEM_FAULTS_H
#define KMEM_FAULTS_H

#define FAULT_REQUEST 0xfa0000u /* bytes */

/* A kind: its name in C, its name in words. New ones go at the end. */
#define FAULT_LIST(X)                                                                                        \
    X(LOAD_NULL, "a load through NULL")                                                                      \
    X(STORE_NULL, "a store through NULL")                                                                    \
    X(LOAD_UNMAPPED, "a load from past the end of RAM")                                                      \
    X(STORE_UNMAPPED, "a store past the end of RAM")                                                         \
    X(CALL_NULL, "a call of NULL")                                                                           \
    X(JUMP_HEAP, "a jump into the heap")                                                                     \
    X(ATOMIC_MISALIGNED, "an atomic operation at a misaligned address")                                      \
    X(ILLEGAL_INSTRUCTION, "an illegal instruction")                                                         \
    X(ECALL, "an environment call")                                                                          \
    X(EBREAK, "a breakpoint")                                                                                \
    X(LOOP, "an endless loop")                                                                               \
    X(LOOP_DEAF, "an endless loop with interrupts off")                                                      \
    X(STACK_POINTER, "a smashed stack pointer")                                                              \
    X(STACK_OVERRUN, "a recursion without end")                                                              \
    X(RETURN_ADDRESS, "a smashed return address")                                                            \
    X(STORE_BEFORE, "a store in front of the arena's page")                                                  \
    X(STORE_PAST, "a store past the arena")                                                                  \
    X(STORE_TEXT, "a store to text")                                                                         \
    X(STORE_CONSTANT, "a store to a constant")                                                               \
    X(STORE_CORPUS, "a store to the corpus")                                                                 \
    X(STORE_DEVICE, "a store to an unused device register")                                                  \
    X(HEADER_ZERO, "a header of size zero, for the core's walk to meet")                                     \
    X(GUARD_BYTE, "a byte written in front of the region")                                                   \
    X(PAYLOAD_BYTE, "a byte written into another payload")                                                   \
    X(TRAP_VECTOR, "a lost trap vector, and then a trap")                                                    \
    X(SEMIHOSTING, "an exit the image did not ask for")                                                      \
    X(STORE_RESERVED, "a store of dirt to the page after the heap's, which only virtual memory sees")        \
    X(LOAD_RESERVED, "a load from there")

enum fault_kind {
#define FAULT_ENUMERATOR(name, text) FAULT_##name,
    FAULT_LIST(FAULT_ENUMERATOR)
#undef FAULT_ENUMERATOR
    FAULT_COUNT
};

#endif
