/* The picture of a run for a terminal: a line for each operation, addresses from left to right, one character
 * for each few bytes.
 *
 *     [000000~[111...........[2222.....
 *
 * [ a block's header, the digit or letter of its slot modulo 36 for the payload, ~ slack, . free, ? taken by
 * no live allocation, blank where the heap has not grown yet. A character shows what most of its bytes are,
 * but each live allocation has one: + is that of several.
 */
#ifndef KMEM_MAP_H
#define KMEM_MAP_H

#include <stdio.h>

#include "fuzz/host/recording.h"

#define MAP_WIDTH_MINIMUM ((size_t)30)   /* characters a line has at least */
#define MAP_WIDTH_MAXIMUM ((size_t)1024) /* and at most */

/* Prints the summary of a run and its map to stream, in lines of at most `width` characters; with `colour`,
 * in the colours of ANSI terminals. */
void map_print(const struct recording *recording, size_t width, bool colour, FILE *stream);

#endif
