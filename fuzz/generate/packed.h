/* The inputs of a blob, whether it holds them or a seed that they are made of. Freestanding. */
#ifndef KMEM_PACKED_H
#define KMEM_PACKED_H

#include "fuzz/program/blob.h"
#include "fuzz/program/program.h"

/* The program of input number index, below blob->input_count. One that is made is written to `bytes`, of
 * BLOB_PROGRAM_SIZE bytes, which then have to stay as long as the program is used. */
struct program packed_program(const struct blob *blob, size_t index, uint8_t *bytes);

#endif
