/* Payload patterns. Word i of tag t is t + i * STEP: cheap for a processor to make several of at once. */
#include "fuzz/execute/pattern.h"

#define WORD_SIZE sizeof(uint64_t)
#define STEP      UINT64_C(0x0101010101010101) /* every byte of a word changes from word to word */

uint64_t pattern_tag(uint64_t serial) {
    return (serial + 1) * UINT64_C(0x9e3779b97f4a7c15); /* odd, so no two serials share a tag */
}

static uint64_t pattern_word(uint64_t tag, size_t index) {
    return tag + index * STEP;
}

unsigned char pattern_byte(uint64_t tag, size_t index) {
    return (unsigned char)(pattern_word(tag, index / WORD_SIZE) >> (index % WORD_SIZE * 8));
}

void pattern_write(unsigned char *payload, uint64_t tag, size_t from, size_t to) {
    size_t index = from;
    for (; index < to && index % WORD_SIZE != 0; index++) {
        payload[index] = pattern_byte(tag, index);
    }
    uint64_t *const words = (uint64_t *)(void *)payload;
    for (; to - index >= WORD_SIZE; index += WORD_SIZE) {
        words[index / WORD_SIZE] = pattern_word(tag, index / WORD_SIZE);
    }
    for (; index < to; index++) {
        payload[index] = pattern_byte(tag, index);
    }
}

size_t pattern_first_difference(const unsigned char *payload, uint64_t tag, size_t size) {
    const uint64_t *const words = (const uint64_t *)(const void *)payload;
    const size_t word_count = size / WORD_SIZE;
    uint64_t difference = 0;
    for (size_t i = 0; i < word_count; i++) { /* no way out in the middle: so it can be vectorised */
        difference |= words[i] ^ pattern_word(tag, i);
    }
    size_t index = difference == 0 ? word_count * WORD_SIZE : 0;
    while (index < size && payload[index] == pattern_byte(tag, index)) {
        index++;
    }
    return index;
}
