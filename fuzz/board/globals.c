/* Keeps what a heap of another author has in globals, as fuzz/host/globals.c does on the host. Such a heap's
 * data lie in sections of their own (cmake/join_heap.cmake), and link.ld leaves room for a copy. */
#include <stddef.h>
#include <stdint.h>

#include "fuzz/board/image.h"

extern unsigned char subject_data_start[], subject_data_end[], subject_data_copy[];
extern unsigned char subject_bss_start[], subject_bss_end[];

/* Byte by byte, and no call of memcpy: the sanitizers have poisoned what lies between globals. */
static void copy(volatile unsigned char *to, const unsigned char *from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = from == NULL ? 0 : from[i];
    }
}

static size_t size_between(const unsigned char *start, const unsigned char *end) {
    return (size_t)((uintptr_t)end - (uintptr_t)start);
}

static void restore(void) {
    copy(subject_data_start, subject_data_copy, size_between(subject_data_start, subject_data_end));
    copy(subject_bss_start, NULL, size_between(subject_bss_start, subject_bss_end));
}

void (*image_keep_globals(void))(void) {
    const size_t data_size = size_between(subject_data_start, subject_data_end);
    copy(subject_data_copy, subject_data_start, data_size);
    return data_size + size_between(subject_bss_start, subject_bss_end) == 0 ? NULL : restore;
}
