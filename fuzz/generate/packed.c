/* Finding or making the inputs of a blob. packed.h is the contract. */
#include "fuzz/generate/packed.h"

#include "fuzz/generate/generate.h"

#define SAMPLE_COUNT 64 /* programs by which a generator is known */
#define SAMPLE_SIZE  ((size_t)256)

static uint64_t add(uint64_t sum, uint8_t byte) { /* FNV-1a */
    return (sum ^ byte) * UINT64_C(0x100000001b3);
}

uint64_t packed_generator(void) {
    uint8_t bytes[SAMPLE_SIZE];
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (const struct generate_weight *weight = generate_weights; weight->group != NULL; weight++) {
        sum = add(sum, weight->weight);
    }
    for (uint64_t i = 0; i < SAMPLE_COUNT; i++) {
        const size_t size = generate_program(generate_seed(0, i), bytes, sizeof bytes);
        for (size_t j = 0; j < size; j++) {
            sum = add(sum, bytes[j]);
        }
    }
    return sum;
}

enum blob_error packed_open(const unsigned char *bytes, size_t available, struct blob *blob) {
    const enum blob_error error = blob_open(bytes, available, blob);
    return error == BLOB_OK && blob->is_made && blob->generator != packed_generator() ? BLOB_GENERATOR
                                                                                      : error;
}

struct program packed_program(const struct blob *blob, size_t index, uint8_t *bytes) {
    if (blob->is_made) {
        return program_decode(bytes,
                              generate_program(generate_seed(blob->seed, index), bytes, BLOB_PROGRAM_SIZE));
    }
    const struct blob_input input = blob_find(blob, index);
    return program_decode(blob->bytes + input.offset, input.size);
}
