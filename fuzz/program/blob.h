/* The blob: a corpus as one file, which a loader puts into a board's memory as it is.
 *
 *     offset  size
 *          0     8  "KMEMBLOB"
 *          8     4  format version, 1
 *         12     4  number of inputs
 *         16     8  size of the blob, a multiple of 8
 *         24     8  checksum over all words but this one
 *         32     8  for each input: offset from the blob's start, a multiple of 8; size in bytes (4 each)
 *               ..  the inputs, each from a multiple of 8 on, zeros between them
 *     size-8     8  "KMEMTAIL", which a truncated file does not have
 *
 * In version 3 the inputs are not there, but what makes them: from 32 on the seed and the number of the
 * generator, 8 bytes each, and then the tail. Input number index is generate_program's of
 * generate_seed(seed, index), in BLOB_PROGRAM_SIZE bytes (fuzz/generate/packed.h). Version 2 was the same
 * without the generator's number, and is refused.
 *
 * All numbers are little-endian, on every machine. The target and the host use the same code; the tool reads
 * and writes the files. */
#ifndef KMEM_BLOB_H
#define KMEM_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOB_MAGIC        "KMEMBLOB"
#define BLOB_TAIL         "KMEMTAIL"
#define BLOB_FORMAT       1u
#define BLOB_FORMAT_MADE  3u                 /* the inputs are made of a seed */
#define BLOB_CAPACITY     ((size_t)32 << 20) /* bytes: the most a board has room for */
#define BLOB_GRAIN        ((size_t)8)        /* bytes; everything starts at a multiple of it */
#define BLOB_HEADER_SIZE  ((size_t)32)       /* bytes */
#define BLOB_MADE_SIZE    ((size_t)56)       /* bytes of a blob of BLOB_FORMAT_MADE */
#define BLOB_PROGRAM_SIZE ((size_t)2048)     /* bytes; the most that an input of one has */

/* What is wrong with a blob: its name in C and its message. */
#define BLOB_ERROR_LIST(X)                                                                                   \
    X(OK, "a blob")                                                                                          \
    X(MISSING, "there is no blob: the first bytes are zero, as if nothing had been loaded")                  \
    X(FOREIGN, "this is no blob: it does not begin with KMEMBLOB")                                           \
    X(VERSION, "this blob is of another format version; pack the corpus again with this tree's kmemfuzz")    \
    X(TOO_LARGE, "the blob is larger than the 32 MiB a board has room for; pack fewer inputs")               \
    X(TRUNCATED, "the blob was cut short: its last 8 bytes are not where its size says")                     \
    X(DAMAGED, "the blob is damaged: its checksum is wrong")                                                 \
    X(INDEX, "the blob is damaged: an input lies outside it")                                                \
    X(GENERATOR, "the seed in this blob is for another generator; pack it again with this tree's kmemfuzz")

enum blob_error {
#define BLOB_ENUMERATOR(name, text) BLOB_##name,
    BLOB_ERROR_LIST(BLOB_ENUMERATOR)
#undef BLOB_ENUMERATOR
    BLOB_ERROR_COUNT
};

/* As stored in a blob: numbers are little_32's and little_64's (fuzz/program/little.h). */
struct blob_header {
    char magic[8];
    uint32_t version;
    uint32_t input_count;
    uint64_t size; /* bytes */
    uint64_t checksum;
};

struct blob_input {
    uint32_t offset; /* bytes from the blob's start */
    uint32_t size;   /* bytes */
};

/* A blob that blob_open has checked, in memory it does not own. */
struct blob {
    const unsigned char *bytes;
    size_t size; /* bytes */
    uint32_t input_count;
    bool is_made; /* of the seed */
    uint64_t seed;
    uint64_t generator; /* which makes them: packed_generator's of the kmemfuzz that packed it */
};

/* Looks for a blob at bytes, a multiple of 8, of which `available` may be read, and checks all of it but the
 * generator (packed_open does). Returns BLOB_OK and fills *blob, or what is wrong, the first of the list
 * above that applies. Cost: a load and a multiplication per 8 bytes. */
__attribute__((warn_unused_result)) enum blob_error blob_open(const unsigned char *bytes, size_t available,
                                                              struct blob *blob);

/* Where input number index, below blob->input_count, is in a blob whose inputs are not made. */
struct blob_input blob_find(const struct blob *blob, size_t index);

/* The checksum of a blob of size bytes, a multiple of 8 and more than the header's, at bytes. */
uint64_t blob_checksum(const unsigned char *bytes, uint64_t size);

/* The message of an error below BLOB_ERROR_COUNT. */
const char *blob_error_text(enum blob_error error);

#endif
