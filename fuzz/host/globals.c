/* Keeping a heap's globals. globals.h is the contract. */
#include "fuzz/host/globals.h"

#include <stdint.h>
#include <stdlib.h>

#include "src/port.h"

/* The linker's names for where its sections of these names begin and end; all NULL when it has none. */
#define SECTION(name)                                                                                        \
    extern unsigned char __start_##name[] __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */  \
    extern unsigned char __stop_##name[] __attribute__((weak))   /* NOLINT(bugprone-reserved-identifier) */
SECTION(kmem_subject_data);
SECTION(kmem_subject_bss);

static struct {
    unsigned char *start;
    size_t size; /* bytes */
    unsigned char *copy;
} kept[GLOBALS_PARTS];

/* Byte by byte, and no call of memcpy: between globals AddressSanitizer has bytes that none may touch. */
PORT_UNCHECKED static void copy(unsigned char *to, const unsigned char *from, size_t size) {
    typedef uint64_t __attribute__((may_alias)) word;
    size_t i = 0;
    if (((uintptr_t)to | (uintptr_t)from) % sizeof(word) == 0) {
        for (; i + sizeof(word) <= size; i += sizeof(word)) {
            *(volatile word *)(void *)(to + i) = *(const word *)(const void *)(from + i);
        }
    }
    for (; i < size; i++) {
        ((volatile unsigned char *)to)[i] = from[i];
    }
}

static void restore(void) {
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        copy(kept[i].start, kept[i].copy, kept[i].size);
    }
}

static int keep(size_t index, unsigned char *start, const unsigned char *stop) {
    const size_t size = (size_t)((uintptr_t)stop - (uintptr_t)start);
    kept[index].start = start;
    kept[index].size = size;
    kept[index].copy = size == 0 ? NULL : malloc(size);
    if (kept[index].copy == NULL) {
        kept[index].size = 0;
        return 0;
    }
    copy(kept[index].copy, start, size);
    return 1;
}

const unsigned char *globals_part(size_t index, size_t *size) {
    const unsigned char *const start = index == 0 ? __start_kmem_subject_data : __start_kmem_subject_bss;
    const unsigned char *const stop = index == 0 ? __stop_kmem_subject_data : __stop_kmem_subject_bss;
    *size = (size_t)((uintptr_t)stop - (uintptr_t)start);
    return start;
}

void (*globals_keep(void))(void) {
    const int data = keep(0, __start_kmem_subject_data, __stop_kmem_subject_data);
    const int bss = keep(1, __start_kmem_subject_bss, __stop_kmem_subject_bss);
    return data + bss != 0 ? restore : NULL;
}
