/* The picture of a run as a page for a browser: one self-contained file that loads nothing. The files of
 * fuzz/report/page say how it looks and what it does; this puts the run into them as data. */
#ifndef KMEM_HTML_H
#define KMEM_HTML_H

#include <stdio.h>

#include "fuzz/host/recording.h"

/* Writes the page to stream. name is the program's name on the page: its file. */
void html_write(const struct recording *recording, const char *name, FILE *stream);

#endif
