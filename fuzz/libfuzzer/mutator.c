/* Mutation for engines. mutator.h is the contract. */
#include "fuzz/libfuzzer/mutator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/generate/generate.h"
#include "fuzz/generate/mutate.h"
#include "fuzz/generate/random.h"

#define SHARES         16u /* of `both`: one bytes, then the fresh ones, then those of operations */
#define SHARES_FRESH   8u
#define CROSSED_ONCE   8u  /* of the engine's attempts to cross, which are as many as those to mutate */
#define REPEATED_EVERY 16u /* inputs, one of which is run again */

enum mutation {
    MUTATION_UNKNOWN,
    MUTATION_BYTES,
    MUTATION_GENERATOR,
    MUTATION_MUTATOR,
    MUTATION_BOTH,
    MUTATION_COUNT
};

static enum mutation mutation;
static mutator_read *reader;

void mutator_begin(int argument_count, char **arguments, mutator_read *read) {
    static const char *const words[MUTATION_COUNT] = {"", "bytes", "generator", "mutator", "both"};
    const char *const word = getenv("KMEMFUZZ_MUTATION");
    reader = read;
    mutation = word == NULL ? MUTATION_BOTH : MUTATION_COUNT;
    for (unsigned i = MUTATION_BYTES; i < MUTATION_COUNT && mutation == MUTATION_COUNT; i++) {
        mutation = strcmp(word, words[i]) == 0 ? (enum mutation)i : MUTATION_COUNT;
    }
    if (mutation == MUTATION_COUNT) {
        fprintf(stderr, "kmem: error: KMEMFUZZ_MUTATION is none of bytes, generator, mutator and both\n");
        _Exit(2);
    }
    for (int i = 1; i < argument_count && mutation == MUTATION_BOTH; i++) {
        if (strncmp(arguments[i], "-minimize_crash", 15) == 0) { /* and -minimize_crash_internal_step */
            mutation = MUTATION_MUTATOR;
        }
    }
}

static enum mutation current_mutation(void) {
    if (mutation == MUTATION_UNKNOWN) {
        mutator_begin(0, NULL, NULL);
    }
    return mutation;
}

static size_t mutate_bytes(struct random *random, uint8_t *data, size_t size, size_t max_size) {
    const size_t made = LLVMFuzzerMutate == NULL ? 0 : LLVMFuzzerMutate(data, size, max_size);
    if (made != 0 || max_size == 0) {
        return made;
    }
    const size_t index = random_below(random, (uint32_t)(size < max_size ? size + 1 : max_size));
    data[index] = (uint8_t)random_next(random);
    return index < size ? size : index + 1;
}

/* Puts the program in place of an input that is none, such as text. Returns the new size. */
static size_t read_in_place(uint8_t *data, size_t size, size_t max_size) {
    uint8_t *bytes;
    size_t read_size;
    if (reader == NULL || !reader(data, size, &bytes, &read_size)) {
        return size;
    }
    size = read_size < max_size ? read_size : max_size;
    memcpy(data, bytes, size);
    free(bytes);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    const enum mutation how = max_size < GENERATE_SIZE_MINIMUM ? MUTATION_BYTES : current_mutation();
    struct random random = {seed};
    const uint32_t share = how == MUTATION_BOTH ? random_below(&random, SHARES) : SHARES;
    size = size < max_size ? size : max_size;
    if (how == MUTATION_BYTES || share == 0) {
        return mutate_bytes(&random, data, size, max_size);
    }
    if (how == MUTATION_GENERATOR || share <= SHARES_FRESH) {
        return generate_program(random_next(&random), data, max_size);
    }
    return mutate_program(random_next(&random), data, read_in_place(data, size, max_size), max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                 uint8_t *out, size_t max_out_size, unsigned seed) {
    const enum mutation how = current_mutation();
    struct random random = {seed};
    if (max_out_size < GENERATE_SIZE_MINIMUM || how == MUTATION_BYTES || how == MUTATION_GENERATOR ||
        !random_once_in(&random, CROSSED_ONCE)) {
        return 0; /* libFuzzer: to be mutated instead */
    }
    uint8_t *read1 = NULL;
    uint8_t *read2 = NULL;
    (void)(reader != NULL && reader(data1, size1, &read1, &size1));
    (void)(reader != NULL && reader(data2, size2, &read2, &size2));
    const size_t size = mutate_cross(random_next(&random), read1 == NULL ? data1 : read1, size1,
                                     read2 == NULL ? data2 : read2, size2, out, max_out_size);
    free(read1);
    free(read2);
    return size;
}

bool mutator_is_repeated(const uint8_t *data, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += data[i];
    }
    return sum % REPEATED_EVERY == 0;
}
