/* A run as lines of characters. map.h is the contract. */
#include "fuzz/report/map.h"

#include <inttypes.h>
#include <string.h>

#include "fuzz/host/extent.h"
#include "fuzz/report/summary.h"
#include "fuzz/text/text.h"

#define TEXT_WIDTH ((size_t)32) /* characters before a line's first cell */
#define GRAIN      ((uint64_t)8)

#define PLAIN  "\033[0m"
#define BAD    "\033[1;31m"
#define FAINT  "\033[2m"
#define STRONG "\033[1m"

/* Of allocations, in turn; red is for what is wrong. */
static const char *const colours[] = {"\033[34m", "\033[32m", "\033[35m", "\033[36m", "\033[33m", "\033[94m"};

#define COLOUR_COUNT (sizeof colours / sizeof colours[0])

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"; /* of slots */

struct cell {
    char character;
    const char *colour;
    uint64_t most; /* bytes of it that this stands for */
};

struct map {
    FILE *stream;
    bool colour;
    size_t cell_count;
    uint64_t cell_size; /* bytes */
    size_t header_size; /* bytes */
    struct cell cells[MAP_WIDTH_MAXIMUM];
};

static const char *in_colour(const struct map *map, const char *code) {
    return map->colour ? code : "";
}

/* The smallest multiple of the grain with which the region, and one more byte after it, fits the line. */
static void choose_scale(struct map *map, size_t width, uint64_t region_size) {
    map->cell_count = width - TEXT_WIDTH - 2; /* the bars at both ends */
    map->cell_size = (region_size + map->cell_count - 1) / map->cell_count;
    map->cell_size = (map->cell_size + GRAIN - 1) / GRAIN * GRAIN;
    map->cell_count = (size_t)((region_size + map->cell_size - 1) / map->cell_size);
}

static uint64_t smaller(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

/* Lets bytes from..end, all of one kind, have the cells of which they are the most so far. */
static void paint(struct map *map, uint64_t from, uint64_t end, char character, const char *colour) {
    const uint64_t last = smaller(end, map->cell_count * map->cell_size);
    while (from < last) { /* on to the next cell each time */
        const size_t index = (size_t)(from / map->cell_size);
        const uint64_t cell_end = smaller((index + 1) * map->cell_size, last);
        struct cell *const cell = &map->cells[index];
        if (cell_end - from > cell->most) {
            *cell = (struct cell){.character = character, .colour = colour, .most = cell_end - from};
        }
        from = cell_end;
    }
}

/* A block that has two cells or more shows where it begins, be its header ever so small in them. */
static void paint_start(struct map *map, uint64_t offset, uint64_t size) {
    const uint64_t index = offset / map->cell_size;
    if (map->header_size != 0 && size >= 2 * map->cell_size && index < map->cell_count &&
        (index + 1) * map->cell_size - offset > map->cell_size / 2) {
        map->cells[index].character = '[';
    }
}

static void paint_block(struct map *map, const struct history_block *block, uint64_t offset, uint64_t size) {
    const uint64_t end = offset + size;
    if (block->slot == HISTORY_FREE) {
        paint(map, offset, end, '.', FAINT);
        return;
    }
    if (block->slot == HISTORY_NOBODY) {
        paint(map, offset, end, '?', STRONG);
    } else {
        const char *const colour = colours[block->made_by % COLOUR_COUNT];
        const uint64_t payload = smaller(offset + map->header_size, end);
        const uint64_t slack = smaller(payload + smaller(block->request, size), end);
        paint(map, offset, payload, '[', colour);
        paint(map, payload, slack, digits[block->slot % (sizeof digits - 1)], colour);
        paint(map, slack, end, '~', colour);
    }
    paint_start(map, offset, size);
}

/* A payload of 0 bytes shows where no other does. */
static void paint_empty(struct map *map, const struct history_cursor *cursor) {
    uint64_t offset = 0;
    for (size_t i = 0; i < cursor->count; i++) {
        const struct history_block *const block = &cursor->blocks[i];
        const size_t index = (size_t)(offset / map->cell_size);
        if (block->size == 0 && block->slot < HISTORY_NOBODY && index < map->cell_count &&
            map->cells[index].character == '.') {
            map->cells[index].character = digits[block->slot % (sizeof digits - 1)];
            map->cells[index].colour = colours[block->made_by % COLOUR_COUNT];
        }
        offset += block->size;
    }
}

static void paint_heap(struct map *map, const struct history_cursor *cursor, uint64_t region_size) {
    uint64_t offset = 0;
    for (size_t i = 0; i < map->cell_count; i++) {
        map->cells[i] = (struct cell){.character = ' ', .colour = ""};
    }
    for (size_t i = 0; i < cursor->count; i++) {
        const uint64_t size =
            smaller(cursor->blocks[i].size, region_size - offset); /* a broken one ends there */
        paint_block(map, &cursor->blocks[i], offset, size);
        offset += size;
    }
    paint_empty(map, cursor);
}

static void print_cells(const struct map *map) {
    const char *colour = "";
    fputc('|', map->stream);
    for (size_t i = 0; i < map->cell_count; i++) {
        const struct cell *const cell = &map->cells[i];
        if (map->colour && cell->colour != colour) {
            fprintf(map->stream, "%s%s", PLAIN, cell->colour);
            colour = cell->colour;
        }
        fputc(cell->character, map->stream);
    }
    fprintf(map->stream, "%s|\n", in_colour(map, PLAIN));
}

/* The line of the heap the cursor is at. */
static void print_line(struct map *map, const struct history_cursor *cursor) {
    const struct history *const history = cursor->history;
    const size_t pages =
        cursor->step == 0 ? history->geometry.page_count : history->steps[cursor->step - 1].page_count;
    const bool failed = cursor->step != 0 && cursor->step - 1 == history_failed_step(history);
    char operation[TEXT_OPERATION_SIZE] = "";
    char number[24] = "start";
    if (cursor->step != 0) {
        const struct step *const step = &history->steps[cursor->step - 1].step;
        text_operation(&step->operation, operation);
        snprintf(number, sizeof number, "%zu", step->index);
    }
    paint_heap(map, cursor, (uint64_t)pages * history->geometry.page_size);
    fprintf(map->stream, "%s%c %5s  %-22.22s%s ", failed ? in_colour(map, BAD) : "", failed ? '>' : ' ',
            number, operation, failed ? in_colour(map, PLAIN) : "");
    print_cells(map);
}

/* Below the last line: which of its bytes the failure is about. */
static void print_extents(const struct map *map, const struct history *history) {
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    const size_t count = extent_find_last(history, extents);
    for (size_t i = 0; i < count; i++) {
        const uint64_t region_end = map->cell_count * map->cell_size;
        const uint64_t from = extents[i].offset < 0 ? 0 : smaller((uint64_t)extents[i].offset, region_end);
        const uint64_t end = smaller(from + extents[i].size, region_end);
        const size_t first = (size_t)smaller(from / map->cell_size, map->cell_count - 1);
        const size_t after = (size_t)((end + map->cell_size - 1) / map->cell_size);
        fprintf(map->stream, "%s%*s", in_colour(map, BAD), (int)(TEXT_WIDTH + 1 + first), "");
        for (size_t cell = first; cell == first || cell < after; cell++) {
            fputc('^', map->stream);
        }
        char where[32] = "";
        if (!history->anywhere) {
            snprintf(where, sizeof where, " at offset %" PRId64, extents[i].offset);
        }
        fprintf(map->stream, "\n%*s%s: %" PRIu64 " byte%s%s%s\n", (int)TEXT_WIDTH + 1, "", extents[i].what,
                extents[i].size, extents[i].size == 1 ? "" : "s", where, in_colour(map, PLAIN));
    }
}

static void print_summary(const struct map *map, const struct recording *recording) {
    struct summary summary;
    summary_make(recording, &summary);
    fprintf(map->stream, "%s%s%s: %s\n", in_colour(map, summary.sound ? STRONG : BAD), summary.title,
            in_colour(map, PLAIN), summary.sentence);
    for (size_t i = 0; i < summary.fact_count; i++) {
        fprintf(map->stream, "  %-10s %s\n", summary.facts[i].name, summary.facts[i].value);
    }
}

static const char *legend(const struct history *history) {
    if (history->shown) {
        return "[ header, 0-9 a-z payload by slot, ~ slack, . free, ? taken by no live allocation";
    }
    if (history->anywhere) {
        return "0-9 a-z payload by slot, in the order of their addresses, . a gap of any size";
    }
    return history->header_size != 0 ? "[ header, 0-9 a-z payload by slot, . what no payload takes"
                                     : "0-9 a-z payload by slot, . what no payload takes";
}

void map_print(const struct recording *recording, size_t width, bool colour, FILE *stream) {
    const struct history *const history = recording->history;
    struct map map = {.stream = stream, .colour = colour, .header_size = history->header_size};
    const size_t most = width > MAP_WIDTH_MAXIMUM ? MAP_WIDTH_MAXIMUM : width;
    choose_scale(&map, most < MAP_WIDTH_MINIMUM ? MAP_WIDTH_MINIMUM : most,
                 (uint64_t)history->page_limit * history->geometry.page_size);
    print_summary(&map, recording);
    fprintf(stream, "\n  a character is %" PRIu64 " bytes: %s\n", map.cell_size, legend(history));
    struct history_cursor cursor = history_cursor_open(history);
    do { /* as many times as there are steps, and once */
        print_line(&map, &cursor);
    } while (history_cursor_advance(&cursor));
    history_cursor_close(&cursor);
    print_extents(&map, history);
}
