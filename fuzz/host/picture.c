/* Heaps drawn as lines. picture.h is the contract. */
#include "fuzz/host/picture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CUT "..."

struct drawing {
    struct picture *picture;
    const struct executor *executor;
};

__attribute__((format(printf, 2, 3))) static void append(struct picture *picture, const char *format, ...) {
    const size_t room = sizeof picture->text - picture->length;
    va_list arguments;
    va_start(arguments, format);
    const int written = vsnprintf(picture->text + picture->length, room, format, arguments);
    va_end(arguments);
    if (written >= 0 && (size_t)written < room) {
        picture->length += (size_t)written;
    } else {
        picture->length = sizeof picture->text - 1;
        memcpy(picture->text + picture->length - strlen(CUT), CUT, sizeof CUT);
    }
}

static bool is_cut(const struct picture *picture) {
    return picture->length == sizeof picture->text - 1 &&
           strcmp(picture->text + picture->length - strlen(CUT), CUT) == 0;
}

static bool is_anywhere(void) {
    return subject_under_test->facts.memory == SUBJECT_MEMORY_UNKNOWN;
}

static void append_block(struct picture *picture, uint64_t size, bool taken, bool has_slot, size_t slot) {
    if (!taken && is_anywhere()) {
        append(picture, "...");
    } else {
        append(picture, "%c%" PRIu64, taken ? '#' : '.', size);
    }
    if (has_slot) {
        append(picture, " s%zu", slot);
    }
    append(picture, "|");
}

static void append_corrupt(struct picture *picture) {
    append(picture, " corrupt: the last size cannot be true");
}

static void draw_block(void *context, size_t offset, uint64_t size, bool taken) {
    const struct drawing *const drawing = context;
    if (is_cut(drawing->picture)) {
        return; /* the slots of what cannot be seen are not looked for */
    }
    const size_t slot =
        executor_slot_drawn_at(drawing->executor, offset + executor_header_size(drawing->executor));
    const bool may_own = taken || drawing->executor->subject->view != NULL; /* or a payload of 0 bytes does */
    append_block(drawing->picture, size, taken, may_own && slot < drawing->executor->slot_count, slot);
}

void picture_draw(struct picture *picture, const struct executor *executor) {
    struct drawing drawing = {.picture = picture, .executor = executor};
    picture->length = 0;
    append(picture, "|");
    if (!executor_walk(executor, draw_block, &drawing)) {
        append_corrupt(picture);
    }
}

void picture_draw_recorded(struct picture *picture, const struct history_cursor *cursor) {
    picture->length = 0;
    append(picture, "|");
    for (size_t i = 0; i < cursor->count && !is_cut(picture); i++) {
        const struct history_block *const block = &cursor->blocks[i];
        const bool has_slot = block->slot != HISTORY_FREE && block->slot != HISTORY_NOBODY;
        append_block(picture, block->size, block->slot != HISTORY_FREE, has_slot, block->slot);
    }
    if (cursor->step != 0 && cursor->history->steps[cursor->step - 1].corrupt) {
        append_corrupt(picture);
    }
}

const char *picture_gap(const struct history *history) {
    return history->shown ? "free" : history->anywhere ? "a gap of any size" : "what no payload takes";
}

const char *picture_legend(bool shown) {
    if (is_anywhere()) {
        return "# payload, in the order of their addresses, ... a gap of any size, bytes, slot";
    }
    return shown ? "# taken, . free, bytes with header, slot"
                 : "# payload, . what no payload takes, bytes, slot";
}
