/* What the harness writes into payloads, so that it can tell whose bytes they are: every allocation has a tag
 * of its own, and every word of a payload a value made of the tag and the word's position. Overlap, a shifted
 * copy and a stray store all show.
 *
 * May be here: writing and comparing patterns in accessible memory. May not: who owns which payload. */
#ifndef KMEM_PATTERN_H
#define KMEM_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_WORD_SIZE sizeof(uint64_t)
#define PATTERN_STEP      UINT64_C(0x0101010101010101) /* every byte of a word changes from word to word */

/* The tag of allocation number serial. */
uint64_t pattern_tag(uint64_t serial);

/* Word number index of the pattern. */
static inline uint64_t pattern_word(uint64_t tag, size_t index) {
    return tag + index * PATTERN_STEP;
}

/* The byte the pattern has at index. */
static inline unsigned char pattern_byte(uint64_t tag, size_t index) {
    return (unsigned char)(pattern_word(tag, index / PATTERN_WORD_SIZE) >> (index % PATTERN_WORD_SIZE * 8));
}

/* Do the first word_count words of a payload hold the pattern? Four at a time, added up and not multiplied:
 * this is where a fuzzer spends most of its time. */
static inline bool pattern_words_hold(const uint64_t *words, uint64_t tag, size_t word_count) {
    const uint64_t *const end = words + word_count;
    uint64_t expected = tag;
    for (; end - words >= 4; words += 4, expected += 4 * PATTERN_STEP) {
        const uint64_t even = (words[0] ^ expected) | (words[2] ^ (expected + 2 * PATTERN_STEP));
        const uint64_t odd =
            (words[1] ^ (expected + PATTERN_STEP)) | (words[3] ^ (expected + 3 * PATTERN_STEP));
        if ((even | odd) != 0) {
            return false;
        }
    }
    for (; words < end; words++, expected += PATTERN_STEP) {
        if (*words != expected) {
            return false;
        }
    }
    return true;
}

/* Do the first size bytes of a payload hold the pattern? Cost: a load per 8 bytes. */
static inline bool pattern_holds(const unsigned char *payload, uint64_t tag, size_t size) {
    const size_t word_count = size / PATTERN_WORD_SIZE;
    uint64_t rest = pattern_word(tag, word_count);
    for (size_t i = word_count * PATTERN_WORD_SIZE; i < size; i++, rest >>= 8) {
        if (payload[i] != (unsigned char)rest) {
            return false;
        }
    }
    return pattern_words_hold((const uint64_t *)(const void *)payload, tag, word_count);
}

/* Writes the pattern of tag to bytes from..to of a payload, which is 8-aligned. */
void pattern_write(unsigned char *payload, uint64_t tag, size_t from, size_t to);

/* The first of size payload bytes that does not hold the pattern; size when all do.
 */
size_t pattern_first_difference(const unsigned char *payload, uint64_t tag, size_t size);

#endif
