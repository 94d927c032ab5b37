/* Kinds of misuse of memory and of C, on demand, for tests of the sanitizers: an allocation of MISUSE_REQUEST
 * + kind bytes, which no heap grants, commits one (misuse.c). The same code runs on the host and on a board,
 * under the sanitizers that watch the core there. In every other image and tool such an input is sound. The
 * tests read this list too. */
#ifndef KMEM_MISUSE_H
#define KMEM_MISUSE_H

#include "fuzz/execute/view.h"
#include "src/kmem.h"

#define MISUSE_REQUEST      0xfb0000u /* bytes */
#define MISUSE_SCRATCH_SIZE ((size_t)2048)

/* A kind: its name in C, its name in words. */
#define MISUSE_LIST(X)                                                                                       \
    X(HEAP_WRITE_PAST, "a write of a byte past what was asked for, in the block's slack")                    \
    X(HEAP_READ_PAST, "a read of a byte past what was asked for")                                            \
    X(HEAP_WRITE_PAST_SLACK, "a write past the block, to the next header")                                   \
    X(HEAP_WRITE_HEADER, "a write in front of the payload, to its header")                                   \
    X(HEAP_READ_HEADER, "a read of a payload's header")                                                      \
    X(HEAP_WRITE_TWO, "a write of two bytes past the payload")                                               \
    X(HEAP_READ_TWO, "a read of two bytes of which the second is past the payload")                          \
    X(HEAP_WRITE_STRADDLING, "an unaligned write of four bytes of which the last is past the payload")       \
    X(HEAP_READ_STRADDLING, "an unaligned read of four bytes of which the last is past the payload")         \
    X(HEAP_WRITE_FREED, "a write after free")                                                                \
    X(HEAP_READ_FREED, "a read after free")                                                                  \
    X(HEAP_WRITE_MOVED, "a write where a payload was before it was moved")                                   \
    X(HEAP_WRITE_SHRUNK, "a write past what a payload was shrunk to")                                        \
    X(HEAP_WRITE_FREE_SPACE, "a write to memory that was never handed out")                                  \
    X(HEAP_FREE_TWICE, "a double free: the heap answers it, and no sanitizer has to")                        \
    X(MEMSET_PAST, "a memset that writes a byte too many")                                                   \
    X(MEMCPY_TO_PAST, "a memcpy that writes a byte too many")                                                \
    X(MEMCPY_FROM_PAST, "a memcpy that reads a byte too many")                                               \
    X(MEMMOVE_PAST, "a memmove that writes a byte too many")                                                 \
    X(STACK_WRITE_PAST, "a write past a local array")                                                        \
    X(STACK_READ_PAST, "a read past a local array")                                                          \
    X(STACK_WRITE_BEFORE, "a write in front of a local array")                                               \
    X(STACK_WRITE_PAST_LARGE, "a write past a local array, in a large frame")                                \
    X(STACK_OUT_OF_SCOPE, "a write to a local variable out of its scope")                                    \
    X(STACK_SCRATCH, "no misuse: a use of a caller's local array")                                           \
    X(GLOBAL_WRITE_PAST, "a write past a global array")                                                      \
    X(GLOBAL_READ_PAST, "a read past a global array")                                                        \
    X(CONSTANT_READ_PAST, "a read past a constant")                                                          \
    X(WILD_READ, "a read of an address where there is nothing")                                              \
    X(WILD_WRITE, "a write to an address where there is nothing")                                            \
    X(WILD_MEMSET, "a memset of an address where there is nothing")                                          \
    X(ADD_OVERFLOW, "a signed addition that overflows")                                                      \
    X(ADD_OVERFLOW_WIDE, "one of 64 bits")                                                                   \
    X(SUB_OVERFLOW, "a signed subtraction that overflows")                                                   \
    X(MUL_OVERFLOW, "a signed multiplication that overflows")                                                \
    X(NEGATE_OVERFLOW, "a negation that overflows")                                                          \
    X(DIVISION_BY_ZERO, "a division by zero")                                                                \
    X(DIVISION_OVERFLOW, "a division that overflows")                                                        \
    X(SHIFT_EXPONENT, "a shift by as many places as there are bits")                                         \
    X(SHIFT_BASE, "a shift into the sign")                                                                   \
    X(ARRAY_INDEX, "an index past an array")                                                                 \
    X(BOOL_VALUE, "a bool that is neither true nor false")                                                   \
    X(NULL_READ, "a read through NULL")                                                                      \
    X(NULL_WRITE, "a write through NULL")                                                                    \
    X(NULL_MEMBER, "the address of a member of nothing")                                                     \
    X(NULL_OFFSET, "an offset from NULL")                                                                    \
    X(MISALIGNED_READ, "a read through a misaligned pointer")                                                \
    X(MISALIGNED_WRITE, "a write through a misaligned pointer")                                              \
    X(OBJECT_TOO_SMALL, "a read of more than the object has")                                                \
    X(POINTER_OVERFLOW, "an offset that wraps the address space")                                            \
    X(ASSUMED_ALIGNMENT, "an alignment promised to the compiler and not kept")                               \
    X(FUNCTION_TYPE, "a call of a function as one of another type")                                          \
    X(NONNULL_ARGUMENT, "NULL passed where the compiler was promised none")                                  \
    X(NONNULL_RETURN, "NULL returned where the compiler was promised none")                                  \
    X(BUILTIN_ZERO, "the leading zeros of 0")                                                                \
    X(UNREACHABLE, "a place that the compiler may assume is never reached")

enum misuse_kind {
#define MISUSE_ENUMERATOR(name, text) MISUSE_##name,
    MISUSE_LIST(MISUSE_ENUMERATOR)
#undef MISUSE_ENUMERATOR
    MISUSE_COUNT
};

/* Commits one kind of misuse on a heap with room for a few small blocks at its start. scratch is
 * MISUSE_SCRATCH_SIZE bytes of the caller's. Returns if nothing stops it; then the heap's list of blocks is
 * as it was. */
void misuse(struct kmem *heap, enum misuse_kind kind, unsigned char *scratch);

/* kmem, except for the requests that ask for misuse. */
const struct subject *subject_misuse(void);

#endif
