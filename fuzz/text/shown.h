/* Text from outside (file names, arguments, a subject's output) in a form that is safe to print: it cannot
 * start a new line, move a terminal's cursor or set its title. All text from outside that people see goes
 * through here; JSON, HTML, SVG and C have their own forms. */
#ifndef KMEM_SHOWN_H
#define KMEM_SHOWN_H

#include <stddef.h>
#include <stdio.h>

/* The text itself when all of it can be shown. Otherwise a copy in which controls are \n or \x1b, characters
 * that have no width or change the direction of writing \u202e, and bytes that are not UTF-8 \xff, as in
 * fuzz/kmemfuzz/outside_text.py. Backslashes stay single, so that names can be copied. The copy lasts for
 * SHOWN_COUNT more calls: enough for one message. */
#define SHOWN_COUNT 8
const char *shown(const char *text);

/* The same for the first size bytes at text, or up to its NUL when that comes first. */
const char *shown_part(const char *text, size_t size);

/* Prints text as one word of a shell (bash), which reads it back as the same bytes. */
void shown_print_word(const char *text, FILE *stream);

/* Bytes of the UTF-8 sequence at the start of size bytes; 0 when there is none. A NUL ends no sequence, so
 * size may reach past one. (Unicode, table 3-7.) */
size_t utf8_size(const void *text, size_t size);
#define UTF8_SIZE_MAXIMUM ((size_t)4)

#endif
