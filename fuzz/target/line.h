/* A replay's output, a line at a time: the same bytes from the target and from the host, so that they can be
 * compared as they are.
 *
 *     V index operations oracle offset expected observed digest     an input's verdict
 *     T index operation offset digest                               an operation, when a trace is asked for
 *
 * and on the target alone:
 *
 *     M index start reserved granted mapped page-faults             the virtual memory of an input's heap
 *     F index operation cause value program-counter ra sp           an input was stopped by a fault
 *     H index operation program-counter ra sp                       an input was stopped by the watchdog
 *
 * index, operations, operation and numbers of pages are decimal; the oracle is its id, `-` for a sound run;
 * everything else is hexadecimal without a prefix. In T, offset is that of the payload returned, `-` for
 * none.
 *
 * May be here: how lines are put together. May not: where they go. */
#ifndef KMEM_LINE_H
#define KMEM_LINE_H

#include "fuzz/execute/executor.h"

#define LINE_SIZE ((size_t)240) /* bytes; more than the longest line has */

/* A line under construction. Starts as {0}. What does not fit is left out. */
struct line {
    char text[LINE_SIZE];
    size_t size; /* bytes used */
};

/* Each appends to the line: a text, and numbers with a blank in front of them. */
void line_text(struct line *line, const char *text);
void line_decimal(struct line *line, uint32_t number);
void line_hexadecimal(struct line *line, uint64_t number);

/* A whole line, newline included: the verdict of input number index, which the executor has just run, and a
 * step it has just taken. */
struct line line_verdict(size_t index, const struct executor *executor, struct verdict verdict);
struct line line_step(size_t index, const struct executor *executor, const struct step *step);

#endif
