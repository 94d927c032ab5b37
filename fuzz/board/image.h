/* What the files of the replay image share, and what the host and the image agree on: control words and exit
 * codes. */
#ifndef KMEM_IMAGE_H
#define KMEM_IMAGE_H

#include "fuzz/execute/executor.h"
#include "fuzz/execute/line.h"

#define IMAGE_FORMAT 1u /* of the output and the control words */

/* The control words, written by the loader; otherwise all zero. */
struct image_control {
    uint32_t start;    /* index of the first input to run */
    uint32_t count;    /* inputs to run; 0: all from start on */
    uint32_t flags;    /* IMAGE_ bits */
    uint32_t watchdog; /* milliseconds an input may take; 0: IMAGE_WATCHDOG */
};

#define IMAGE_TRACE 1u /* a line for every operation */
#define IMAGE_FLUSH                                                                                          \
    2u /* every verdict is written at once, and so survives the image's death in the next input */
#define IMAGE_DEBUG       4u    /* as IMAGE_TRACE, each at once, and the places of debug.h are passed */
#define IMAGE_KEEP_FRAMES 8u    /* for a test: leave the poison of abandoned frames */
#define IMAGE_WATCHDOG    2000u /* milliseconds, far more than any input takes */

/* How an image ends. The first two mean that all inputs have run; the others follow a line "ERROR code text".
 * Those from IMAGE_BLOB on are IMAGE_BLOB + enum blob_error. */
enum image_exit {
    IMAGE_SOUND = 0,
    IMAGE_VIOLATION = 1,       /* or a fault, a hang, or a sanitizer's report */
    IMAGE_NO_OUTPUT = 20,      /* the host takes no output */
    IMAGE_NO_SEMIHOSTING = 21, /* there is no host to talk to; printed on the console */
    IMAGE_START = 22,          /* there is no such first input */
    IMAGE_TRAP = 23,           /* a trap outside of an input */
    IMAGE_LAYOUT = 24,         /* the arena is at the wrong place, or the image cannot be mapped */
    IMAGE_PROFILE = 25,        /* the host does not take the coverage profile; all inputs have been run */
    IMAGE_MEMORY = 26,         /* virtual memory is not as it was before an input */
    IMAGE_REPORT = 27,         /* a sanitizer's report outside of an input */
    IMAGE_BLOB = 30,
};

/* The allocator the image tests, as it is before any input has run. */
const struct subject *image_subject(void);

/* Before any input: keeps the values of the subject's globals, if its sources are not ours. Returns what puts
 * them back; NULL: there are none. */
void (*image_keep_globals(void))(void);

/* Buffered output to the host. A failure ends the image with IMAGE_NO_OUTPUT. */
void output_line(const struct line *line);
void output_flush(void);

/* Ends the current input because of a sanitizer's report: letter and details are the line about it, without
 * the input and the operation. Without an input it ends the image. */
_Noreturn void image_stop(const char *letter, const struct line *details);

/* Gives every address the rights that link.ld draws, from now on. */
void guard_memory(void);

#endif
