/* What a fuzz target does with its input, in words, as it does it: to understand a crash.
 *
 * A target prints its steps to standard error when KMEM_STEPS is set in its environment. Each is printed
 * before it is done, so the output is complete up to the step that dies, hangs or breaks a rule. */
#ifndef KMEM_STEPS_H
#define KMEM_STEPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_TEXT_SIZE_MAXIMUM ((size_t)4096) /* bytes of a text that are printed */

/* Are steps wanted? Reads the environment once. */
static inline bool steps_are_wanted(void) {
    static int wanted = -1;
    if (wanted < 0) {
        wanted = getenv("KMEM_STEPS") != NULL;
    }
    return wanted == 1;
}

/* Prints a text, indented, line by line: bytes that are not printable as \xNN, a backslash twice. */
static inline void steps_print_text(const uint8_t *text, size_t size) {
    const size_t shown_size = size < STEPS_TEXT_SIZE_MAXIMUM ? size : STEPS_TEXT_SIZE_MAXIMUM;
    for (size_t i = 0; i < shown_size; i++) {
        if (i == 0 || text[i - 1] == '\n') {
            (void)fprintf(stderr, "    | ");
        }
        if (text[i] == '\n') {
            (void)fprintf(stderr, "\n");
        } else if (text[i] < ' ' || text[i] > '~') {
            (void)fprintf(stderr, "\\x%02x", text[i]);
        } else {
            (void)fprintf(stderr, text[i] == '\\' ? "\\\\" : "%c", text[i]);
        }
    }
    if (shown_size > 0 && text[shown_size - 1] != '\n') {
        (void)fprintf(stderr, "\n");
    }
    if (shown_size < size) {
        (void)fprintf(stderr, "    ... %zu more bytes\n", size - shown_size);
    }
}

#endif
