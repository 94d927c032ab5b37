/* Payload patterns. pattern.h is the contract. Word i of tag t is t + i * PATTERN_STEP: cheap for a processor
 * to make several of at once. */
#include "fuzz/execute/pattern.h"

#include "src/require.h"

#define HEADER_EVERY 4u /* tags, one of which looks like a block's header */

/* The first word is then a small size, by turns with and without the lowest bit, which in many heaps is the
 * taken one: a heap that mistakes a payload for a header is not stopped at once by an impossible size. */
uint64_t pattern_tag(uint64_t serial) {
    if (serial % HEADER_EVERY == HEADER_EVERY - 1) {
        return (serial & UINT64_C(0xffffffff)) * 4 + 4 +
               (serial / HEADER_EVERY & 1); /* 16, 33, 48, 65, ... */
    }
    return (serial + 1) * UINT64_C(0x9e3779b97f4a7c15); /* odd, so no two serials share a tag */
}

void pattern_write(unsigned char *payload, uint64_t tag, size_t from, size_t to) {
    REQUIRE(from <= to);
    size_t index = from;
    for (; index < to && index % PATTERN_WORD_SIZE != 0; index++) {
        payload[index] = pattern_byte(tag, index);
    }
    pattern_whole *const words = (pattern_whole *)(void *)payload;
    const bool aligned = (uintptr_t)payload % PATTERN_WORD_SIZE == 0;
    for (; aligned && to - index >= PATTERN_WORD_SIZE; index += PATTERN_WORD_SIZE) {
        words[index / PATTERN_WORD_SIZE] = little_64(pattern_word(tag, index / PATTERN_WORD_SIZE));
    }
    struct pattern_anywhere *const others = (struct pattern_anywhere *)(void *)payload;
    for (; !aligned && to - index >= PATTERN_WORD_SIZE; index += PATTERN_WORD_SIZE) {
        others[index / PATTERN_WORD_SIZE].word = little_64(pattern_word(tag, index / PATTERN_WORD_SIZE));
    }
    for (; index < to; index++) {
        payload[index] = pattern_byte(tag, index);
    }
}

size_t pattern_first_difference(const unsigned char *payload, uint64_t tag, size_t size) {
    size_t index = pattern_holds(payload, tag, size) ? size : 0;
    while (index < size && payload[index] == pattern_byte(tag, index)) {
        index++;
    }
    return index;
}
