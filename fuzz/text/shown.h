/* Text from outside (names of files, arguments, what a subject prints) in a form that can be printed: it
 * cannot start a new line, move a terminal's cursor or set its title. Everything from outside that a person
 * is shown goes through here; JSON, HTML, SVG and C have their own forms. */
#ifndef KMEM_SHOWN_H
#define KMEM_SHOWN_H

#include <stddef.h>
#include <stdio.h>

/* The text itself when all of it can be shown. Else a copy in which controls are \n or \x1b, characters that
 * have no width or turn the line around \u202e, and bytes that are not UTF-8 \xff, as
 * fuzz/kmemfuzz/outside_text.py shows them. A backslash stays one, so that names can be copied. The copy
 * lasts for SHOWN_COUNT more calls: enough for one message. */
#define SHOWN_COUNT 8
const char *shown(const char *text);

/* The same for the first size bytes at text, or up to its NUL when that comes first. */
const char *shown_part(const char *text, size_t size);

/* Prints text of several lines so: newlines and tabs stay. */
void shown_print_lines(const char *text, FILE *stream);

/* Prints text as one word of a shell (bash), which reads it as the bytes that it is. */
void shown_print_word(const char *text, FILE *stream);

/* Bytes of the UTF-8 sequence that the first of size bytes begin with; 0 when they begin with none. A NUL
 * ends no sequence, so in front of one, size may be more than there is. (Unicode, table 3-7.) */
size_t utf8_size(const void *text, size_t size);
#define UTF8_SIZE_MAXIMUM ((size_t)4)

#endif
