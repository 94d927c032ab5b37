/* A program that is being made, and the steps that fresh programs and mutated ones share. Only for
 * fuzz/generate. */
#ifndef KMEM_MAKING_H
#define KMEM_MAKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/generate/random.h"
#include "fuzz/program/program.h"

enum edit {
    EDIT_RUN,    /* one kind, over slots at a stride */
    EDIT_RANDOM, /* kinds and slots as they come */
    EDIT_AGAIN,  /* a part of the program again, its slots moved on */
    EDIT_SLOT,   /* one slot, used again and again */
    EDIT_LIVE,   /* free or resize what was allocated last */
    EDIT_COMB,   /* fill slots, free every second or third, and then use the holes or widen them */
    EDIT_COUNT
};
/* The operations are written in place, after the header, in the latest format: so all of them are as long. */
struct making {
    struct random random;
    struct program_header header;
    uint8_t *bytes;
    size_t count; /* operations so far */
    size_t limit;
    size_t slots; /* of the program's, those that it uses: fewer come back sooner */
    size_t live;  /* payloads: an estimate, as no heap is at hand */
    size_t taken; /* bytes of them: another */
};

/* One with no operation yet, for the capacity bytes at bytes; the header is the caller's to set. */
struct making making_start(uint64_t seed, uint8_t *bytes, size_t capacity);

/* Sets the header, writes it, and draws how many of its slots are used. */
void making_set_header(struct making *making, const struct program_header *header);

/* A header that is never degenerate. */
struct program_header making_header(struct random *random);

/* A kind by the weights, of those that the header does not disable; while nothing is live, none that needs a
 * payload. */
enum operation_kind making_any_kind(struct making *making);

bool making_disables(const struct making *making, enum operation_kind kind);

/* One of the slots that the program uses. */
size_t making_any_slot(struct making *making);

/* An operation of a kind on a slot, which is taken modulo the slots there are; its other operands are drawn.
 */
struct operation making_operation(struct making *making, enum operation_kind kind, size_t slot);

/* A size larger than any hole or than what the slot has: so a call looks far. */
struct size_operand making_more(struct random *random);

/* Counts an operation's part in the two estimates. */
void making_note(struct making *making, const struct operation *operation);

/* Notes an operation and writes it after the others, if there is room. */
void making_append(struct making *making, const struct operation *operation);

enum edit making_any_edit(struct random *random);

/* Appends an edit: a run, a part of the program again, ... It may come to nothing. */
void making_add_edit(struct making *making);

/* Fills slots, frees some at a stride, some between them, and uses the holes. */
void making_add_comb(struct making *making);

/* Bytes of the program so far. */
size_t making_size(const struct making *making);

#endif
