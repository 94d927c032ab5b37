/* The inputs of a blob, whether it holds them or a seed that they are made of. Freestanding. */
#ifndef KMEM_PACKED_H
#define KMEM_PACKED_H

#include "fuzz/program/blob.h"
#include "fuzz/program/program.h"

/* The number of the generator: a hash of its weights and of 64 programs that it makes. A change of its code
 * that shows in none of these keeps the number. Costs as much as making them, 16 KiB at most. */
uint64_t packed_generator(void);

/* As blob_open, but refuses a seed for another generator with BLOB_GENERATOR. */
__attribute__((warn_unused_result)) enum blob_error packed_open(const unsigned char *bytes, size_t available,
                                                                struct blob *blob);

/* The program of input number index, below blob->input_count. One that is made is written to `bytes`, of
 * BLOB_PROGRAM_SIZE bytes, which then have to stay as long as the program is used. */
struct program packed_program(const struct blob *blob, size_t index, uint8_t *bytes);

#endif
