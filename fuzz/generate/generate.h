/* Programs worth running, made of a seed: whole heaps and histories instead of bytes that mean little. No
 * corpus, no coverage, no heap: what is made depends on the seed alone. Freestanding.
 *
 * A program is a header that is never degenerate, and a list of edits: runs of one kind over slots at a
 * stride, slots filled and then combed into holes, random runs, runs repeated with their slots moved on, one
 * slot used again and again, frees and resizes of what is live.
 *
 * The weights are data: generate_weights tabulates them. */
#ifndef KMEM_GENERATE_H
#define KMEM_GENERATE_H

#include <stddef.h>
#include <stdint.h>

/* The seed of program number index of those made of one seed. */
uint64_t generate_seed(uint64_t seed, uint64_t index);

/* Bytes that generate_program needs at least: a header and an operation. */
#define GENERATE_SIZE_MINIMUM ((size_t)24)

/* Writes a program, canonical and in the latest format, to the capacity bytes at bytes, at least
 * GENERATE_SIZE_MINIMUM. Returns its size. The same seed and capacity give the same program everywhere. */
size_t generate_program(uint64_t seed, uint8_t *bytes, size_t capacity);

/* One of several choices, and how often it is made in comparison with the others of its group; in the group
 * "percent", in a hundred. */
struct generate_weight {
    const char *group; /* such as "kind" */
    const char *name;
    uint8_t weight;
};

/* All of them, those of a group together, with a NULL group after the last. */
extern const struct generate_weight generate_weights[];

#endif
