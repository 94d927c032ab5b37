/* A heap in one line of text, for reports and traces.
 *
 *     |#32 s0|.16|#24 s3|.440|
 *
 * One cell a block, in order: # taken or . free, its size in bytes, and the slot that holds it. The line ends
 * at a block whose size is impossible, and says so. */
#ifndef KMEM_PICTURE_H
#define KMEM_PICTURE_H

#include <stddef.h>

#include "fuzz/execute/executor.h"
#include "fuzz/host/history.h"

#define PICTURE_SIZE 1024 /* bytes: longer lines are cut, with ... where */

struct picture {
    char text[PICTURE_SIZE];
    size_t length; /* bytes, without the NUL */
};

/* Draws the executor's heap as it is now. */
void picture_draw(struct picture *picture, const struct executor *executor);

/* Draws the heap a cursor is at, in the same way. */
void picture_draw_recorded(struct picture *picture, const struct history_cursor *cursor);

/* What a drawn heap is made of, in the order of legends. */
enum picture_part {
    PICTURE_HEADER,
    PICTURE_PAYLOAD,
    PICTURE_SLACK,  /* usable, but not asked for */
    PICTURE_FREE,   /* or, of a heap that shows no blocks, what no payload takes */
    PICTURE_NOBODY, /* taken by no live allocation */
    PICTURE_FAILED, /* the bytes that the failure is about */
    PICTURE_PART_COUNT,
};

/* The word that all legends have for a part; NULL when pictures of this history do not have it. */
const char *picture_word(const struct history *history, enum picture_part part);

/* Where pictures end, in bytes from base: with the region, or, when it has more than 4,096 bytes and the run
 * used less than half of them, a little after what was used or failed. Cost: that of playing back the run. */
uint64_t picture_end(const struct history *history);

/* What its characters mean. shown: the heap shows its blocks; otherwise only payloads are known. */
const char *picture_legend(bool shown);

#endif
