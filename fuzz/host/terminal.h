/* What standard output is shown on. */
#ifndef KMEM_TERMINAL_H
#define KMEM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_PIPE_WIDTH ((size_t)100) /* characters in a line where there is no terminal */

/* Characters in a line. */
size_t terminal_width(void);

/* Is colour wanted? Never in a pipe or a file, nor where NO_COLOR is set (no-color.org) or the terminal is a
 * dumb one. */
bool terminal_wants_colour(void);

#endif
