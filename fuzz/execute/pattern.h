/* What the harness writes into payloads to recognise its bytes: every allocation has a tag of its own, and
 * every word of a payload a value made of the tag and the word's position. Overlap, a shifted copy and a
 * stray store all show. Payloads are accessed as ordinary, accessible memory. */
#ifndef KMEM_PATTERN_H
#define KMEM_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/program/little.h"

#define PATTERN_WORD_SIZE sizeof(uint64_t)
#define PATTERN_STEP      UINT64_C(0x0101010101010101) /* every byte of a word changes from word to word */

/* A word of a payload, and parts of one for payloads that end within: a payload may hold objects of any
 * type. */
typedef uint64_t __attribute__((may_alias)) pattern_whole;
typedef uint32_t __attribute__((may_alias)) pattern_half;
typedef uint16_t __attribute__((may_alias)) pattern_quarter;

/* One that is not 8-aligned: a machine that cannot load it at once loads its bytes. */
struct pattern_anywhere {
    uint64_t word;
} __attribute__((packed, may_alias));

/* The tag of allocation number serial. One in four makes a payload begin as a small block would. */
uint64_t pattern_tag(uint64_t serial);

/* Word number index of the pattern. */
static inline uint64_t pattern_word(uint64_t tag, size_t index) {
    return tag + index * PATTERN_STEP;
}

/* The byte the pattern has at index: that of a little-endian word, on every machine. */
static inline unsigned char pattern_byte(uint64_t tag, size_t index) {
    return (unsigned char)(pattern_word(tag, index / PATTERN_WORD_SIZE) >> (index % PATTERN_WORD_SIZE * 8));
}

/* Do the first word_count words of a payload hold the pattern? Four at a time, added up instead of
 * multiplied, and judged at the end, since nearly all do: a fuzzer spends most of its time here, and an
 * emulator pays for every branch. */
static inline bool pattern_words_hold(const pattern_whole *words, uint64_t tag, size_t word_count) {
    const pattern_whole *const end = words + word_count;
    uint64_t expected = tag;
    uint64_t different = 0; /* the bits that are not the pattern's anywhere */
    for (; end - words >= 4; words += 4, expected += 4 * PATTERN_STEP) {
        const uint64_t even =
            (little_64(words[0]) ^ expected) | (little_64(words[2]) ^ (expected + 2 * PATTERN_STEP));
        const uint64_t odd = (little_64(words[1]) ^ (expected + PATTERN_STEP)) |
                             (little_64(words[3]) ^ (expected + 3 * PATTERN_STEP));
        different |= even | odd;
    }
    for (; words < end; words++, expected += PATTERN_STEP) {
        different |= little_64(*words) ^ expected;
    }
    return different == 0;
}

/* The same of the bytes of a payload that is not 8-aligned. */
static inline bool pattern_bytes_hold(const unsigned char *payload, uint64_t tag, size_t size) {
    const struct pattern_anywhere *const words = (const struct pattern_anywhere *)(const void *)payload;
    const size_t word_count = size / PATTERN_WORD_SIZE;
    uint64_t different = 0;
    for (size_t i = 0; i < word_count; i++) {
        different |= little_64(words[i].word) ^ pattern_word(tag, i);
    }
    for (size_t i = word_count * PATTERN_WORD_SIZE; i < size; i++) {
        different |= payload[i] ^ pattern_byte(tag, i);
    }
    return different == 0;
}

/* Do the first size bytes of a payload hold the pattern? Cost: a load per 8 bytes, where the machine has one.
 */
static inline bool pattern_holds(const unsigned char *payload, uint64_t tag, size_t size) {
    if ((uintptr_t)payload % PATTERN_WORD_SIZE != 0) {
        return pattern_bytes_hold(payload, tag, size);
    }
    const size_t word_count = size / PATTERN_WORD_SIZE;
    uint64_t different = 0;
    if (size % PATTERN_WORD_SIZE != 0) {
        const unsigned char *tail = payload + word_count * PATTERN_WORD_SIZE;
        uint64_t rest = pattern_word(tag, word_count); /* less what is compared, lowest first */
        if ((size & 4) != 0) {
            different |= little_32(*(const pattern_half *)(const void *)tail) ^ (uint32_t)rest;
            tail += 4;
            rest >>= 32;
        }
        if ((size & 2) != 0) {
            different |= little_16(*(const pattern_quarter *)(const void *)tail) ^ (uint16_t)rest;
            tail += 2;
            rest >>= 16;
        }
        if ((size & 1) != 0) {
            different |= *tail ^ (unsigned char)rest;
        }
    }
    return different == 0 &&
           pattern_words_hold((const pattern_whole *)(const void *)payload, tag, word_count);
}

/* Writes the pattern of tag to bytes from..to of a payload; from is at most to. */
void pattern_write(unsigned char *payload, uint64_t tag, size_t from, size_t to);

/* The first of size payload bytes that does not hold the pattern; size when all do. */
size_t pattern_first_difference(const unsigned char *payload, uint64_t tag, size_t size);

#endif
