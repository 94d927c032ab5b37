/* The still picture of a run, for a bug tracker: a line for each of its last operations. */
#ifndef KMEM_SVG_H
#define KMEM_SVG_H

#include <stdio.h>

#include "fuzz/host/recording.h"

#define SVG_LINES  ((size_t)12)   /* heaps drawn at most: up to the operation that failed, or the run's end */
#define SVG_BLOCKS ((size_t)3000) /* blocks drawn at most, unless the last two heaps alone have more */

/* Which operations of a run are drawn, by number: the heap before the first, and the heap after each. */
struct svg_range {
    bool chosen; /* false: the last ones, as many as SVG_LINES and SVG_BLOCKS allow; the two below are not
                    read */
    size_t first;
    size_t last; /* first or more, below the history's step_count */
};

/* Writes the picture to stream; name is the program's name in it: its file. Every block is one element `rect`
 * with the class `block`. The verdict and the facts stand above the heaps, unless operations were chosen and
 * none of them failed. */
void svg_write(const struct recording *recording, const char *name, struct svg_range range, FILE *stream);

#endif
