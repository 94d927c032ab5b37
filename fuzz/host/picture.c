/* Heaps drawn as lines. picture.h is the contract. */
#include "fuzz/host/picture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/host/extent.h"

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
        const bool has_slot = history_is_live(block);
        append_block(picture, block->size, block->slot != HISTORY_FREE, has_slot, block->slot);
    }
    if (cursor->step != 0 && cursor->history->steps[cursor->step - 1].corrupt) {
        append_corrupt(picture);
    }
}

const char *picture_word(const struct history *history, enum picture_part part) {
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    const bool drawn[PICTURE_PART_COUNT] = {
        [PICTURE_HEADER] = history->header_size != 0,
        [PICTURE_PAYLOAD] = true,
        [PICTURE_SLACK] = history->shown,
        [PICTURE_FREE] = true,
        [PICTURE_NOBODY] = history->shown,
        [PICTURE_FAILED] = part == PICTURE_FAILED && extent_find_last(history, extents) != 0,
    };
    const char *const words[PICTURE_PART_COUNT] = {
        [PICTURE_HEADER] = "header",
        [PICTURE_PAYLOAD] = "payload",
        [PICTURE_SLACK] = "slack",
        [PICTURE_FREE] = history->shown      ? "free"
                         : history->anywhere ? "a gap of any size"
                                             : "what no payload takes",
        [PICTURE_NOBODY] = "taken by no live allocation",
        [PICTURE_FAILED] = "what failed",
    };
    return drawn[part] ? words[part] : NULL;
}

/* Where the last taken block of a heap ends, in a region of that size. */
static uint64_t used_end(const struct history_cursor *cursor, uint64_t region_size) {
    uint64_t offset = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < cursor->count && offset < region_size; i++) {
        const uint64_t room = region_size - offset;
        offset += cursor->blocks[i].size < room ? cursor->blocks[i].size : room;
        end = cursor->blocks[i].slot == HISTORY_FREE ? end : offset;
    }
    return end;
}

uint64_t picture_end(const struct history *history) {
    const uint64_t size = (uint64_t)history->page_limit * history->geometry.page_size;
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    const size_t extent_count = extent_find_last(history, extents);
    uint64_t used = 0;
    for (size_t i = 0; i < extent_count; i++) {
        const int64_t end = extents[i].offset + (int64_t)extents[i].size;
        used = end > 0 && (uint64_t)end > used ? (uint64_t)end : used;
    }
    struct history_cursor cursor = history_cursor_open(history);
    do { /* as many times as there are steps, and once */
        const uint64_t end = used_end(&cursor, size);
        used = end > used ? end : used;
    } while (history_cursor_advance(&cursor));
    history_cursor_close(&cursor);
    const uint64_t shown = used + used / 20 + 64;
    return size > 4096 && shown < size / 2 ? shown : size;
}

const char *picture_legend(bool shown) {
    if (is_anywhere()) {
        return "# payload, in the order of their addresses, ... a gap of any size, bytes, slot";
    }
    return shown ? "# taken, . free, bytes with header, slot"
                 : "# payload, . what no payload takes, bytes, slot";
}
