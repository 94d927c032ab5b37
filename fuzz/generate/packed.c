/* Finding or making the inputs of a blob. packed.h is the contract. */
#include "fuzz/generate/packed.h"

#include "fuzz/generate/generate.h"

struct program packed_program(const struct blob *blob, size_t index, uint8_t *bytes) {
    if (blob->is_made) {
        return program_decode(bytes,
                              generate_program(generate_seed(blob->seed, index), bytes, BLOB_PROGRAM_SIZE));
    }
    const struct blob_input input = blob_find(blob, index);
    return program_decode(blob->bytes + input.offset, input.size);
}
