/* The four functions a C compiler may call whether the program does or not. Compiled with -fno-builtin, or a
 * compiler would see what the loops do and make them calls to themselves. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *at, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    unsigned char *const target = to;
    const unsigned char *const source = from;
    for (size_t i = 0; i < size; i++) {
        target[i] = source[i];
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    unsigned char *const target = to;
    const unsigned char *const source = from;
    if ((uintptr_t)target - (uintptr_t)source >=
        size) { /* modulo 2^N: also true when target lies below source */
        return memcpy(to, from, size);
    }
    for (size_t i = size; i > 0; i--) { /* from the end: the target's start overlaps the source's end */
        target[i - 1] = source[i - 1];
    }
    return to;
}

void *memset(void *at, int value, size_t size) {
    unsigned char *const target = at;
    for (size_t i = 0; i < size; i++) {
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
