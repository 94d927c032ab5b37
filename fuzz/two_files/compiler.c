/* What a compiler calls whether a program does or not, where there is no library. Whatever else is linked is
 * preferred to these. */
#include "fuzz/two_files/port.h"

#include <stdbool.h>
#include <stddef.h>

#if !__STDC_HOSTED__

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((weak)) void *memcpy(void *to, const void *from, size_t size);
__attribute__((weak)) void *memmove(void *to, const void *from, size_t size);
__attribute__((weak)) void *memset(void *at, int value, size_t size);
__attribute__((weak)) int memcmp(const void *left, const void *right, size_t size);

__attribute__((weak)) void *memmove(void *to, const void *from, size_t size) {
    unsigned char *const target = (unsigned char *)to;
    const unsigned char *const source = (const unsigned char *)from;
    const bool up = target < source;
    for (size_t i = 0; i < size; i++) {
        const size_t index = up ? i : size - 1 - i;
        target[index] = source[index];
        __asm__ volatile(
            "" ::
                : "memory"); /* or a compiler would see what this is, and make it a call of memmove */
    }
    return to;
}

__attribute__((weak)) void *memcpy(void *to, const void *from, size_t size) {
    return memmove(to, from, size);
}

__attribute__((weak)) void *memset(void *at, int value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((unsigned char *)at)[i] = (unsigned char)value;
        __asm__ volatile("" ::: "memory");
    }
    return at;
}

__attribute__((weak)) int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *const lefts = (const unsigned char *)left;
    const unsigned char *const rights = (const unsigned char *)right;
    size_t i = 0;
    while (i < size && lefts[i] == rights[i]) {
        i++;
    }
    return i == size ? 0 : lefts[i] - rights[i];
}

#ifdef __cplusplus
}
#endif

#endif
