/* The four functions a C compiler may call whether the program does or not. Compiled with -fno-builtin, or a
 * compiler would see what the loops do and make them calls to themselves. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *at, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);

#define WORD_SIZE sizeof(uintptr_t)

/* A word that may lie over objects of any type. */
typedef uintptr_t __attribute__((may_alias)) word;

/* From the start on. The target may overlap the source's start. */
static inline void copy_up(unsigned char *target, const unsigned char *source, size_t size) {
    size_t i = 0;
    if (((uintptr_t)target | (uintptr_t)source) % WORD_SIZE ==
        0) { /* as with every structure the compiler copies */
        for (; size - i >= WORD_SIZE; i += WORD_SIZE) {
            *(word *)(void *)(target + i) = *(const word *)(const void *)(source + i);
        }
    }
    for (; i < size; i++) {
        target[i] = source[i];
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    copy_up(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    unsigned char *const target = to;
    const unsigned char *const source = from;
    if ((uintptr_t)target - (uintptr_t)source >=
        size) { /* modulo 2^N: also true when target is below source */
        copy_up(target, source, size);
        return to;
    }
    for (size_t i = size; i > 0; i--) { /* from the end: the target's start overlaps the source's end */
        target[i - 1] = source[i - 1];
    }
    return to;
}

void *memset(void *at, int value, size_t size) {
    unsigned char *const target = at;
    const uintptr_t pattern = (uintptr_t)-1 / 0xff * (unsigned char)value; /* the byte in every byte */
    size_t i = 0;
    if ((uintptr_t)target % WORD_SIZE == 0) {
        for (; size - i >= WORD_SIZE; i += WORD_SIZE) {
            *(word *)(void *)(target + i) = pattern;
        }
    }
    for (; i < size; i++) {
        target[i] = (unsigned char)value;
    }
    return at;
}

int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *const first = left;
    const unsigned char *const second = right;
    for (size_t i = 0; i < size; i++) {
        if (first[i] != second[i]) {
            return first[i] < second[i] ? -1 : 1;
        }
    }
    return 0;
}
