/* The terminal, if there is one. terminal.h is the contract. */
#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "fuzz/host/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

size_t terminal_width(void) {
    struct winsize size;
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
    return known ? size.ws_col : TERMINAL_PIPE_WIDTH;
}

bool terminal_wants_colour(void) {
    const char *const refused = getenv("NO_COLOR");
    const char *const terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && (refused == NULL || *refused == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}
