/* The picture of a run as a page for a browser: one file, with everything in it, that loads nothing.
 *
 * May be here: the run as data, and putting it into the page (fuzz/report/page). May not: how it looks or
 * what it does, which the page's own files say. */
#ifndef KMEM_HTML_H
#define KMEM_HTML_H

#include <stdio.h>

#include "fuzz/host/recording.h"

/* Writes the page to stream. name is what the page calls the program: its file. */
void html_write(const struct recording *recording, const char *name, FILE *stream);

#endif
