/* A run as lines of characters. map.h is the contract. */
#include "fuzz/report/map.h"

#include <inttypes.h>
#include <string.h>

#include "fuzz/host/extent.h"
#include "fuzz/host/picture.h"
#include "fuzz/report/summary.h"
#include "fuzz/text/text.h"

#define GRAIN          ((uint64_t)8)
#define OPERATION_MOST ((size_t)22) /* characters of one that are printed; a third of a short line */
#define SEVERAL        '+'
#define SMALLEST_BLOCK ((uint64_t)16) /* bytes: a cell of as many has one payload at most */

#define PLAIN  "\033[0m"
#define BAD    "\033[1;31m"
#define FAINT  "\033[2m"
#define STRONG "\033[1m"

#define START "start"

/* Of allocations, in turn; red is for what is wrong. */
static const char *const colours[] = {"\033[34m", "\033[32m", "\033[35m", "\033[36m", "\033[33m", "\033[94m"};

#define COLOUR_COUNT (sizeof colours / sizeof colours[0])

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"; /* of slots */

struct cell {
    char character;
    const char *colour;
    uint64_t most; /* bytes of it that this stands for */
    size_t owner;  /* the index of the block that this shows */
};

struct map {
    FILE *stream;
    bool colour;
    size_t width;           /* characters of a line */
    size_t number_width;    /* of those, a number's */
    size_t operation_width; /* an operation's */
    size_t text_width;      /* all before the first cell */
    size_t cell_count;
    uint64_t cell_size;  /* bytes */
    uint64_t shown_size; /* bytes of the region that the cells stand for */
    size_t header_size;  /* bytes */
    struct cell cells[MAP_WIDTH_MAXIMUM];
};

static const char *in_colour(const struct map *map, const char *code) {
    return map->colour ? code : "";
}

static uint64_t smaller(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

/* What stands before the cells is as narrow as the run allows. */
static void choose_columns(struct map *map, const struct history *history) {
    size_t longest = strlen(START);
    for (size_t i = 0; i < history->step_count; i++) {
        char operation[TEXT_OPERATION_SIZE];
        const size_t length = strlen(text_operation(&history->steps[i].step.operation, operation));
        longest = length > longest ? length : longest;
    }
    longest = longest > OPERATION_MOST ? OPERATION_MOST : longest;
    map->operation_width = longest > map->width / 3 ? map->width / 3 : longest;
    map->number_width = (size_t)snprintf(NULL, 0, "%zu", history->step_count);
    map->text_width = 2 + map->number_width + 2 + map->operation_width + 1;
}

/* A byte a cell, 2, 4, or the smallest multiple of the grain with which the bytes fit the line. */
static void choose_scale(struct map *map, uint64_t size) {
    const uint64_t room = map->width - map->text_width - 2; /* the bars at both ends */
    map->shown_size = size;
    map->cell_size = 1;
    while (map->cell_size < GRAIN && map->cell_size * room < size) { /* doubles each time */
        map->cell_size *= 2;
    }
    if (map->cell_size == GRAIN) {
        map->cell_size = ((size + room - 1) / room + GRAIN - 1) / GRAIN * GRAIN;
    }
    map->cell_count = (size_t)((size + map->cell_size - 1) / map->cell_size);
}

/* Lets bytes from..end, all of one kind, have the cells of which they are the most so far. */
static void paint(struct map *map, uint64_t from, uint64_t end, struct cell kind) {
    const uint64_t last = smaller(end, map->cell_count * map->cell_size);
    while (from < last) { /* on to the next cell each time */
        const size_t index = (size_t)(from / map->cell_size);
        const uint64_t cell_end = smaller((index + 1) * map->cell_size, last);
        struct cell *const cell = &map->cells[index];
        if (cell_end - from > cell->most) {
            *cell = kind;
            cell->most = cell_end - from;
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

static struct cell payload_cell(const struct history_block *block, size_t owner) {
    return (struct cell){.character = digits[block->slot % (sizeof digits - 1)],
                         .colour = colours[block->made_by % COLOUR_COUNT],
                         .owner = owner};
}

static void paint_block(struct map *map, const struct history_block *block, size_t owner, uint64_t offset,
                        uint64_t size) {
    const uint64_t end = offset + size;
    if (block->slot == HISTORY_FREE) {
        paint(map, offset, end, (struct cell){.character = '.', .colour = FAINT, .owner = owner});
        return;
    }
    struct cell cell = history_is_live(block)
                           ? payload_cell(block, owner)
                           : (struct cell){.character = '?', .colour = STRONG, .owner = owner};
    const char taken = cell.character;
    const uint64_t payload = smaller(offset + map->header_size, end);
    const uint64_t slack =
        history_is_live(block) ? smaller(payload + smaller(block->request, size), end) : end;
    cell.character = '[';
    paint(map, offset, payload, cell);
    cell.character = taken;
    paint(map, payload, slack, cell);
    cell.character = '~';
    paint(map, slack, end, cell);
    paint_start(map, offset, size);
}

/* A live allocation that no cell shows, being small or of 0 bytes, gets one that it lies in: from its own
 * header or slack, from a free block, or together with others. */
static void paint_unseen(struct map *map, const struct history_block *block, size_t owner, uint64_t offset,
                         uint64_t size) {
    const struct cell own = payload_cell(block, owner);
    const size_t first = (size_t)(offset / map->cell_size);
    const size_t last = (size_t)((offset + (size == 0 ? 0 : size - 1)) / map->cell_size);
    struct cell *chosen = NULL;
    for (size_t i = first; i <= last && i < map->cell_count; i++) {
        struct cell *const cell = &map->cells[i];
        if (cell->owner == owner && cell->character == own.character) {
            return;
        }
        if (chosen == NULL || cell->owner == owner || (chosen->owner != owner && cell->character == '.')) {
            chosen = cell; /* its last own, before a free one, before any */
        }
    }
    if (chosen == NULL) {
        return;
    }
    if (chosen->owner == owner || strchr(".[~ ", chosen->character) != NULL) {
        *chosen = own;
    } else {
        *chosen = (struct cell){.character = SEVERAL, .colour = STRONG, .owner = owner};
    }
}

static void paint_heap(struct map *map, const struct history_cursor *cursor, uint64_t region_size) {
    uint64_t offset = 0;
    for (size_t i = 0; i < map->cell_count; i++) {
        map->cells[i] = (struct cell){.character = ' ', .colour = "", .owner = SIZE_MAX};
    }
    for (size_t pass = 0; pass < 2; pass++) {
        offset = 0;
        for (size_t i = 0; i < cursor->count; i++) {
            const struct history_block *const block = &cursor->blocks[i];
            const uint64_t size = smaller(block->size, region_size - offset); /* a broken one ends there */
            if (pass == 0) {
                paint_block(map, block, i, offset, size);
            } else if (history_is_live(block)) {
                paint_unseen(map, block, i, offset, size);
            }
            offset += size;
        }
    }
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
    char operation[TEXT_OPERATION_SIZE] = START;
    char number[24] = "";
    if (cursor->step != 0) {
        const struct step *const step = &history->steps[cursor->step - 1].step;
        text_operation(&step->operation, operation);
        snprintf(number, sizeof number, "%zu", step->index);
    }
    paint_heap(map, cursor, (uint64_t)pages * history->geometry.page_size);
    fprintf(map->stream, "%s%c %*s  %-*.*s%s ", failed ? in_colour(map, BAD) : "", failed ? '>' : ' ',
            (int)map->number_width, number, (int)map->operation_width, (int)map->operation_width, operation,
            failed ? in_colour(map, PLAIN) : "");
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
        fprintf(map->stream, "%s%*s", in_colour(map, BAD), (int)(map->text_width + 1 + first), "");
        for (size_t cell = first; cell == first || cell < after; cell++) {
            fputc('^', map->stream);
        }
        char text[160];
        char where[32] = "";
        if (!history->anywhere) {
            snprintf(where, sizeof where, " at offset %" PRId64, extents[i].offset);
        }
        const int length = snprintf(text, sizeof text, "%s: %" PRIu64 " byte%s%s", extents[i].what,
                                    extents[i].size, extents[i].size == 1 ? "" : "s", where);
        const size_t indent = map->text_width + 1;
        const size_t room = (size_t)length < map->width ? map->width - (size_t)length : 0;
        fprintf(map->stream, "\n%*s%s%s\n", (int)smaller(indent, room), "", text, in_colour(map, PLAIN));
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

/* What the characters mean, in lines that fit. */
static void print_legend(const struct map *map, const struct history *history) {
    static const struct {
        enum picture_part part;
        const char *before, *after;
    } entries[] = {{PICTURE_HEADER, "[ ", ""},
                   {PICTURE_PAYLOAD, "0-9 a-z ", " by slot"},
                   {PICTURE_PAYLOAD, "+ several ", "s"},
                   {PICTURE_SLACK, "~ ", ""},
                   {PICTURE_FREE, ". ", ""},
                   {PICTURE_NOBODY, "? ", ""},
                   {PICTURE_FAILED, "^ ", ""}};
    char size[96];
    int at = snprintf(size, sizeof size, "a character is %" PRIu64 " byte%s", map->cell_size,
                      map->cell_size == 1 ? "" : "s");
    const uint64_t region_size = (uint64_t)history->page_limit * history->geometry.page_size;
    if (map->shown_size < region_size) {
        at += snprintf(size + at, sizeof size - (size_t)at, " of the first %" PRIu64, map->shown_size);
    }
    fprintf(map->stream, "\n  %s:", size);
    size_t used = (size_t)at + 3;
    const char *end = "";
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const char *const word = picture_word(history, entries[i].part);
        if (word == NULL || (*entries[i].before == SEVERAL && map->cell_size <= SMALLEST_BLOCK)) {
            continue;
        }
        const size_t length = strlen(entries[i].before) + strlen(word) + strlen(entries[i].after);
        const bool fits = used + strlen(end) + 1 + length < map->width; /* and a comma */
        fprintf(map->stream, "%s%s%s%s%s", end, fits ? " " : "\n    ", entries[i].before, word,
                entries[i].after);
        used = (fits ? used + strlen(end) + 1 : 4) + length;
        end = ",";
    }
    fputc('\n', map->stream);
}

void map_print(const struct recording *recording, size_t width, bool colour, FILE *stream) {
    const struct history *const history = recording->history;
    struct map map = {.stream = stream, .colour = colour, .header_size = history->header_size};
    map.width = width > MAP_WIDTH_MAXIMUM   ? MAP_WIDTH_MAXIMUM
                : width < MAP_WIDTH_MINIMUM ? MAP_WIDTH_MINIMUM
                                            : width;
    choose_columns(&map, history);
    choose_scale(&map, picture_end(history));
    print_summary(&map, recording);
    print_legend(&map, history);
    struct history_cursor cursor = history_cursor_open(history);
    do { /* as many times as there are steps, and once */
        print_line(&map, &cursor);
    } while (history_cursor_advance(&cursor));
    history_cursor_close(&cursor);
    print_extents(&map, history);
}
