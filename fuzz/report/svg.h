/* The still picture of a run, for a bug tracker: a line for each of its last operations. */
#ifndef KMEM_SVG_H
#define KMEM_SVG_H

#include <stdio.h>

#include "fuzz/host/recording.h"

#define SVG_LINES  ((size_t)12)   /* heaps drawn at most: up to the operation that failed, or the run's end */
#define SVG_BLOCKS ((size_t)3000) /* blocks drawn at most, unless the last two heaps alone have more */

/* Writes the picture to stream; name is the program's name in it: its file. Every block is one element `rect`
 * with the class `block`. */
void svg_write(const struct recording *recording, const char *name, FILE *stream);

#endif
