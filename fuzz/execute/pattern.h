/* What the harness writes into payloads, so that it can tell whose bytes they are: every allocation has a tag
 * of its own, and every word of a payload a value made of the tag and the word's position. Overlap, a shifted
 * copy and a stray store all show.
 *
 * May be here: writing and comparing patterns in accessible memory. May not: who owns which payload. */
#ifndef KMEM_PATTERN_H
#define KMEM_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The tag of allocation number serial. */
uint64_t pattern_tag(uint64_t serial);

/* Writes the pattern of tag to bytes from..to of a payload, which is 8-aligned. */
void pattern_write(unsigned char *payload, uint64_t tag, size_t from, size_t to);

/* The first of size payload bytes that does not hold the pattern; size when all do. Cost: a load per 8 bytes.
 */
size_t pattern_first_difference(const unsigned char *payload, uint64_t tag, size_t size);

/* The byte the pattern has at index. */
unsigned char pattern_byte(uint64_t tag, size_t index);

#endif
