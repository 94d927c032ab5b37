/* How an engine's next input is made of those it keeps: instead of changing bytes, the fuzz targets that run
 * programs make programs. The environment variable KMEMFUZZ_MUTATION says how:
 *
 *     both       about half of them fresh ones out of a seed (generate.h); as many with some operations
 *                changed (mutate.h), of those kept or the one just made; one in 16 with bytes changed;
 *                the default
 *     generator  fresh ones only
 *     mutator    changed operations only
 *     bytes      changed bytes only, as without all this
 *
 * With a capacity below GENERATE_SIZE_MINIMUM it is bytes always. What is made depends on the seed that the
 * engine gives, and on nothing else. */
#ifndef KMEM_MUTATOR_H
#define KMEM_MUTATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The engine's own change of bytes. Some engines have none. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                 uint8_t *out, size_t max_out_size, unsigned seed);

#ifdef __cplusplus
}
#endif

/* Reads the program that bytes other than a program's own mean, such as text: true, with it in *bytes, from
 * malloc; false, when they mean none. */
typedef bool mutator_read(const uint8_t *data, size_t size, uint8_t **bytes, size_t *bytes_size);

/* Takes what says how to mutate: the environment, and the engine's arguments, since a crash is to be made
 * smaller and not another. With a KMEMFUZZ_MUTATION that means nothing the process ends here, with code 2.
 * read: how inputs are read that are not a program's bytes; NULL: there are none. Without a call, the first
 * mutation takes the environment. */
void mutator_begin(int argument_count, char **arguments, mutator_read *read);

/* Whether an input is one of those, about one in 16, that a fuzz target runs again from a new start. It
 * depends on nothing else, so that an input always covers the same code. */
bool mutator_is_repeated(const uint8_t *data, size_t size);

#endif
