/* Numbers as a little-endian machine stores them: what blobs and payload patterns are made of, so that their
 * bytes are the same on every machine. */
#ifndef KMEM_LITTLE_H
#define KMEM_LITTLE_H

#include <stdint.h>

/* Between a number and one whose bytes lie lowest first; either way round. Cost on a little-endian machine:
 * nothing. */
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
