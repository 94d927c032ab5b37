/* How the entry points run a program: in static memory, on the one executor of this file. */
#ifndef KMEMFUZZ_RUN_H
#define KMEMFUZZ_RUN_H

#include "fuzz/execute/executor.h"
#include "fuzz/two_files/entry.h"

/* What a program needs of memory, of slots, or of alignment, and how much less there is. */
struct run_lack {
    uint64_t needed; /* 0: there is enough */
    uint64_t available;
};

#ifndef KMEMFUZZ_PROGRAM
#define KMEMFUZZ_PROGRAM 1024
#endif

/* Where programs are made. */
extern uint8_t run_program_bytes[KMEMFUZZ_PROGRAM];

/* The executor, ready. NULL: it cannot be, and *fault says why. */
struct executor *run_prepare(const char **fault);

struct run_lack run_find_lack(const struct executor *executor, const struct program *program);

/* After a program that did not return: what is left of the memory is unknown. */
void run_abandon(struct executor *executor);

/* What the public header says of a program that accuses the heap. */
struct kmemfuzz_failure run_describe(size_t index, struct verdict verdict, const uint8_t *program,
                                     size_t size);

/* Where what is said while a program runs goes; NULL: nowhere. */
void run_set_put(kmemfuzz_put *put);

#endif
