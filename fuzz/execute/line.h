/* A replay's output, a line at a time: the same bytes from the target and from the host, so that they can be
 * compared directly.
 *
 *     V index operations oracle offset expected observed digest     an input's verdict
 *     T index operation offset digest                               an operation, when a trace is wanted
 *
 *     ERROR code text                                               why there is no replay
 *
 * and on the target alone:
 *
 *     M index start reserved granted mapped page-faults             the virtual memory of an input's heap
 *
 * and for an input that was stopped: by a fault, by the watchdog, by AddressSanitizer, by
 * UndefinedBehaviorSanitizer:
 *
 *     F index operation cause value program-counter ra sp
 *     H index operation program-counter ra sp
 *     S index operation error access address size bad program-counter ra sp shadow
 *     U index operation error access file line column type left right program-counter ra sp
 *
 * index, operations, operation and numbers of pages are decimal, as are line and column; the oracle is its
 * id, `-` for a sound run, `not-judged` where the subject starts no heap and `no-memory` where a board that
 * is not ours has less, observed, than the input needs, expected; error, access, file and type are texts of
 * ASCII whose blanks are tabs; everything else is hexadecimal without a prefix, left and right with their
 * sign. In T, offset is that of the payload returned, `-` for none. In S, bad is the first byte that may not
 * be accessed, and shadow three rows of LINE_SHADOW_ROW shadow bytes, of which the second holds that of bad,
 * ff past the shadow's ends; `-` where there is no shadow. */
#ifndef KMEM_LINE_H
#define KMEM_LINE_H

#include "fuzz/execute/state.h"

#define LINE_SIZE       ((size_t)320) /* bytes; more than the longest line has */
#define LINE_SHADOW_ROW ((size_t)16)  /* bytes; a row starts at a multiple of it */

/* A line under construction. Starts as {0}. What does not fit is left out. */
struct line {
    char text[LINE_SIZE];
    size_t size; /* bytes used */
};

/* Each appends to the line: a text, or numbers, each after a blank. */
void line_text(struct line *line, const char *text);
void line_decimal(struct line *line, uint32_t number);
void line_hexadecimal(struct line *line, uint64_t number);
void line_signed(struct line *line, int64_t number); /* hexadecimal, with a minus sign where it has one */

/* Appends a line to a line. */
void line_append(struct line *line, const struct line *other);

/* A whole line, newline included: the verdict of input number index, which the executor has just run, and a
 * step it has just taken. */
struct line line_verdict(size_t index, const struct executor *executor, struct verdict verdict);
struct line line_step(size_t index, const struct executor *executor, const struct step *step);

/* The line of what prevents a replay, with the code that is its number. */
struct line line_error(unsigned code, const char *text);

/* The V line of an input that was not run, since it needs more of something than a board has. */
struct line line_no_memory(size_t index, uint64_t needed, uint64_t available);

typedef void line_taker(char character);

/* Passes a line to put, character by character; NULL: nowhere. */
void line_put(const struct line *line, line_taker *put);

#endif
