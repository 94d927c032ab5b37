/* Programs made of others: operations inserted, deleted, changed and moved, instead of bytes. No coverage, no
 * heap: what is made depends on the seed and the programs alone. Freestanding. */
#ifndef KMEM_MUTATE_H
#define KMEM_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes the program in the size bytes at bytes by one to four edits, in place, within the capacity, at
 * least GENERATE_SIZE_MINIMUM (generate.h) and size. Any bytes are a program; one without operations is
 * replaced by a fresh one. What is made has at least one operation, is canonical, and of the latest format.
 * Returns its size. Cost: linear in the capacity. */
size_t mutate_program(uint64_t seed, uint8_t *bytes, size_t size, size_t capacity);

/* Writes a program of two to the capacity bytes at bytes, at least GENERATE_SIZE_MINIMUM: the header and the
 * first operations of one, then operations of the other, both cut at operations. It is canonical and of the
 * latest format. Returns its size; 0, when neither has an operation. The three do not overlap. */
size_t mutate_cross(uint64_t seed, const uint8_t *first, size_t first_size, const uint8_t *second,
                    size_t second_size, uint8_t *bytes, size_t capacity);

#endif
