/* Random numbers that depend on a seed alone: splitmix64 (Steele, Lea and Flood, OOPSLA 2014). Freestanding.
 */
#ifndef KMEM_RANDOM_H
#define KMEM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random) {
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t value = random->state;
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* A number below count, which is not 0. */
static inline uint32_t random_below(struct random *random, uint32_t count) {
    return (uint32_t)((random_next(random) >> 32) * count >> 32);
}

/* True once in count times. */
static inline bool random_once_in(struct random *random, uint32_t count) {
    return random_below(random, count) == 0;
}

#endif
