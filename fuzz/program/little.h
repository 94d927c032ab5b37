/* Numbers as a little-endian machine stores them, so that blobs and payload patterns have the same bytes on
 * every machine. */
#ifndef KMEM_LITTLE_H
#define KMEM_LITTLE_H

#include <stdint.h>

/* Converts between a number and one with its bytes in little-endian order, either way. Cost on a
 * little-endian machine: nothing. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint64_t little_64(uint64_t number) {
    return number;
}

static inline uint32_t little_32(uint32_t number) {
    return number;
}

static inline uint16_t little_16(uint16_t number) {
    return number;
}
#else
static inline uint64_t little_64(uint64_t number) {
    return __builtin_bswap64(number);
}

static inline uint32_t little_32(uint32_t number) {
    return __builtin_bswap32(number);
}

static inline uint16_t little_16(uint16_t number) {
    return __builtin_bswap16(number);
}
#endif

#endif
