/* The still picture. svg.h is the contract. Lengths are in pixels of the picture. */
#include "fuzz/report/svg.h"

#include <inttypes.h>
#include <string.h>

#include "fuzz/host/extent.h"
#include "fuzz/host/picture.h"
#include "fuzz/report/explain.h"
#include "fuzz/report/page.h"
#include "fuzz/report/summary.h"
#include "fuzz/text/text.h"

#define WIDTH         960.0
#define MARGIN        20.0
#define HEAP_LEFT     290.0 /* where heaps begin, right of their operations' text */
#define HEAP_WIDTH    (WIDTH - HEAP_LEFT - MARGIN)
#define LINE_HEIGHT   46.0
#define BAR_HEIGHT    28.0
#define FACT_HEIGHT   20.0
#define NOTE_GAP      4.0 /* between the last heap and what is said of its marks */
#define LETTER_WIDTH  6.9 /* of the 11 pixel type blocks are labelled in, and a little more */
#define LONGEST_LABEL 105 /* characters of the 13 pixel type between x 100 and the right margin */
#define EMPTY_WIDTH   2.0 /* of a payload of 0 bytes */
#define NARROW        9.0 /* the width below which a block has no slack, and its header is a third of it */
#define FRAME         2.0 /* what the frame of a mark takes to either side, and a little more */
#define COLOURS       8   /* that allocations have in turn; page/style.svg says which */

/* What page/style.svg fills slack and blocks of nobody with. */
#define HATCHED                                                                                              \
    "<pattern id=\"hatched\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\n"                    \
    "  <path d=\"M-1 6L6 -1\" stroke=\"#12151a\" stroke-width=\"1.2\"/>\n"                                   \
    "</pattern>\n"
#define CROSSED                                                                                              \
    "<pattern id=\"crossed\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\n"                    \
    "  <path d=\"M0 0h6v6h-6z\" fill=\"#9aa2b0\"/>\n"                                                        \
    "  <path d=\"M0 6L6 0M0 0L6 6\" stroke=\"#12151a\" stroke-width=\"1\"/>\n"                               \
    "</pattern>\n"

struct drawing {
    FILE *stream;
    const struct history *history;
    double y;     /* where the next thing goes */
    double scale; /* pixels a byte */
    int64_t from; /* bytes from base: the offset at HEAP_LEFT */
    uint64_t end; /* where drawn blocks end */
    size_t first; /* the first heap drawn: that after so many steps */
    size_t last;  /* the last */
    bool report;  /* the verdict is drawn above, and the failure is marked */
    bool marking; /* in the heap drawn now */
    bool live;    /* so far a live allocation was drawn */
    bool slack;   /* slack */
    bool nobody;  /* a taken block of no live allocation */
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    size_t extent_count;
};

static void write_text(const char *text, FILE *stream) {
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte >= 0x7f) {
            fputc('?', stream); /* what is no character of XML, or may be none of UTF-8 */
        } else if (strchr("<>&\"'", byte) != NULL) {
            fprintf(stream, "&#%d;", byte);
        } else {
            fputc(byte, stream);
        }
    }
}

static void write_label(const struct drawing *drawing, double x, double y, const char *class,
                        const char *text) {
    fprintf(drawing->stream, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    write_text(text, drawing->stream);
    fputs("</text>\n", drawing->stream);
}

/* A label that may be longer than the picture is wide, such as a path: cut, with ... where. */
static void write_cut_label(const struct drawing *drawing, double x, double y, const char *class,
                            const char *text) {
    char cut[LONGEST_LABEL + 1];
    const int written = snprintf(cut, sizeof cut, "%s", text);
    if (written >= (int)sizeof cut) {
        memcpy(cut + LONGEST_LABEL - 3, "...", 4);
    }
    write_label(drawing, x, y, class, cut);
}

static double x_of(const struct drawing *drawing, double offset) {
    return HEAP_LEFT + (offset - (double)drawing->from) * drawing->scale;
}

static double mark_width(const struct drawing *drawing, const struct extent *extent) {
    const double width = (double)extent->size * drawing->scale;
    return width < 4 ? 4 : width;
}

static void write_shape(const struct drawing *drawing, const char *class, double x, double y, double width,
                        double height) {
    fprintf(drawing->stream, "<path class=\"%s\" d=\"M%.2f %.2fh%.2fv%.2fh%.2fz\"/>\n", class, x, y, width,
            height, -width);
}

/* Choosing what is drawn. */

/* The last heap drawn: that of the failure. A run that came to its end and has more heaps than there are
 * lines is drawn up to the end of the program: the frees after it would be all there is to see. */
static size_t choose_last(const struct history *history) {
    size_t last = history->step_count;
    while (history->end == HISTORY_SOUND && last >= SVG_LINES && history->steps[last - 1].step.recovery) {
        last--; /* down to SVG_LINES - 1 */
    }
    return last;
}

/* The first heap drawn: as many as there are lines for and as have few enough blocks, two at least. */
static size_t choose_first(const struct history *history, size_t last) {
    size_t counts[SVG_LINES] = {
        0}; /* blocks of the last heaps, that after i steps in counts[i % SVG_LINES] */
    struct history_cursor cursor = history_cursor_open(history);
    do { /* as many times as there are steps, and once */
        counts[cursor.step % SVG_LINES] = cursor.count;
    } while (cursor.step < last && history_cursor_advance(&cursor));
    history_cursor_close(&cursor);
    size_t first = last;
    size_t blocks = counts[first % SVG_LINES];
    while (first > 0 && last - first + 1 < SVG_LINES) { /* one heap more each time */
        blocks += counts[(first - 1) % SVG_LINES];
        if (blocks > SVG_BLOCKS && first < last) {
            break;
        }
        first--;
    }
    return first;
}

/* The region at its largest, and marked bytes near it. */
static void scale_drawing(struct drawing *drawing) {
    const struct history *const history = drawing->history;
    const int64_t size = (int64_t)(history->page_limit * history->geometry.page_size);
    drawing->end = picture_end(history);
    int64_t end = (int64_t)drawing->end;
    for (size_t i = 0; i < drawing->extent_count; i++) {
        const struct extent *const extent = &drawing->extents[i];
        const int64_t extent_end = extent->offset + (int64_t)extent->size;
        if (extent->offset < drawing->from && extent->offset > -size) {
            drawing->from = extent->offset;
        }
        if (extent_end > end && extent_end < 2 * size) {
            end = extent_end;
        }
    }
    drawing->scale = HEAP_WIDTH / (double)(end - drawing->from);
}

/* Blocks. */

static void write_title(const struct drawing *drawing, const struct history_block *block, uint64_t offset) {
    FILE *const stream = drawing->stream;
    const uint64_t size = drawing->history->anywhere ? block->request : block->size;
    const char *const bytes = size == 1 ? "byte" : "bytes";
    if (drawing->history->anywhere && block->slot == HISTORY_FREE) {
        fputs(picture_word(drawing->history, PICTURE_FREE), stream);
    } else if (drawing->history->anywhere) {
        fprintf(stream, "slot %" PRIu32 ", %" PRIu64 " %s, made by operation %" PRIu32, block->slot, size,
                bytes, block->made_by);
    } else if (block->slot == HISTORY_FREE) {
        fprintf(stream, "%s, offset %" PRIu64 ", %" PRIu64 " %s",
                picture_word(drawing->history, PICTURE_FREE), offset, size, bytes);
    } else if (block->slot == HISTORY_NOBODY) {
        fprintf(stream, "taken by no live allocation, offset %" PRIu64 ", %" PRIu64 " %s", offset, size,
                bytes);
    } else {
        fprintf(stream,
                "slot %" PRIu32 ", offset %" PRIu64 ", %" PRIu64 " %s, asked %" PRIu64
                ", made by operation %" PRIu32,
                block->slot, offset, size, bytes, block->request, block->made_by);
    }
}

/* Of the room for a label, the larger part beside each side of a frame that would cross it. */
static void avoid_marks(const struct drawing *drawing, double *left, double *right) {
    for (size_t i = 0; drawing->marking && i < drawing->extent_count; i++) {
        const double mark = x_of(drawing, (double)drawing->extents[i].offset);
        const double sides[] = {mark, mark + mark_width(drawing, &drawing->extents[i])};
        for (size_t k = 0; k < 2; k++) {
            if (sides[k] < *left + 1 || sides[k] > *right - 1) {
                continue;
            }
            if (sides[k] - *left > *right - sides[k]) {
                *right = sides[k] - FRAME;
            } else {
                *left = sides[k] + FRAME;
            }
        }
    }
}

/* As much of what a block is as fits in it. */
static void write_block_label(const struct drawing *drawing, const struct history_block *block, double left,
                              double right) {
    avoid_marks(drawing, &left, &right);
    char texts[3][48]; /* the longest first */
    const bool unknown = drawing->history->anywhere && block->slot == HISTORY_FREE;
    const size_t count = unknown ? 0 : sizeof texts / sizeof texts[0];
    const char *class = "label on";
    if (block->slot == HISTORY_FREE || block->slot == HISTORY_NOBODY) {
        class = block->slot == HISTORY_FREE ? "label soft" : "label over";
        snprintf(texts[0], sizeof texts[0], "%s%" PRIu64,
                 block->slot != HISTORY_FREE ? "nobody's "
                 : drawing->history->shown   ? "free "
                                             : "",
                 block->size);
        snprintf(texts[1], sizeof texts[1], "%" PRIu64, block->size);
        texts[2][0] = '\0';
    } else {
        snprintf(texts[0], sizeof texts[0], "slot %" PRIu32 ", %" PRIu64 " B", block->slot, block->request);
        snprintf(texts[1], sizeof texts[1], "s%" PRIu32 ", %" PRIu64 " B", block->slot, block->request);
        snprintf(texts[2], sizeof texts[2], "s%" PRIu32, block->slot);
    }
    for (size_t i = 0; i < count; i++) {
        if (texts[i][0] != '\0' && (double)strlen(texts[i]) * LETTER_WIDTH + 6 <= right - left) {
            write_label(drawing, left + 4, drawing->y + BAR_HEIGHT / 2 + 4, class, texts[i]);
            return;
        }
    }
}

static size_t block_header_size(const struct drawing *drawing, const struct history_block *block) {
    return drawing->history->shown || history_is_live(block) ? drawing->history->header_size : 0;
}

/* Of a block of so many bytes. */
static double header_width(const struct drawing *drawing, const struct history_block *block, uint64_t size) {
    const size_t header_size = block_header_size(drawing, block);
    const double header = (double)(size < header_size ? size : header_size) * drawing->scale;
    const double width = (double)size * drawing->scale;
    return width < NARROW && header > width / 3 ? width / 3 : header; /* or its colour could not be told */
}

static void draw_block(struct drawing *drawing, const struct history_block *block, uint64_t offset,
                       uint64_t size) {
    const bool live = history_is_live(block);
    const double left = x_of(drawing, (double)offset);
    const double width = size == 0 ? EMPTY_WIDTH : (double)size * drawing->scale;
    const size_t header_size = block_header_size(drawing, block);
    const double header = header_width(drawing, block, size);
    fputs("<rect class=\"block ", drawing->stream);
    if (live) {
        fprintf(drawing->stream, "a%" PRIu32, block->made_by % COLOURS);
    } else {
        fputs(block->slot == HISTORY_FREE ? "free" : "nobody", drawing->stream);
    }
    fprintf(drawing->stream, "\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>", left,
            drawing->y, width > 3 ? width - 1 : width, BAR_HEIGHT);
    write_title(drawing, block, offset);
    fputs("</title></rect>\n", drawing->stream);
    drawing->live |= live;
    drawing->nobody |= block->slot == HISTORY_NOBODY;
    double slack = 0;
    if (live && size > header_size + block->request) {
        slack = (double)(size - header_size - block->request) * drawing->scale;
    }
    if (width < NARROW) {
        slack = 0;
    } else if (slack > 0) {
        drawing->slack = true;
        write_shape(drawing, "slack", left + width - slack, drawing->y, slack > 1 ? slack - 1 : slack,
                    BAR_HEIGHT);
    }
    write_block_label(drawing, block, left + header, left + width - slack);
}

/* Frames, with a triangle whose tip is where the bytes begin. */
static void write_marks(const struct drawing *drawing) {
    for (size_t i = 0; i < drawing->extent_count; i++) {
        const struct extent *const extent = &drawing->extents[i];
        const double left = x_of(drawing, (double)extent->offset);
        if (left < HEAP_LEFT - 1 || left > HEAP_LEFT + HEAP_WIDTH + 1) {
            continue; /* too far off for this scale; the note says where */
        }
        write_shape(drawing, "marked", left, drawing->y, mark_width(drawing, extent), BAR_HEIGHT);
        fprintf(drawing->stream, "<path class=\"arrow\" d=\"M%.2f %.2fl-5 -7h10z\"/>\n", left,
                drawing->y - 2);
    }
}

/* Lines. */

/* The bytes drawn of a block. */
static uint64_t drawn_size(const struct history_block *block, uint64_t offset, uint64_t end) {
    return block->size < end - offset ? block->size : end - offset;
}

/* Those of 0 bytes, which lie over what follows them, or all others. */
static void write_blocks(struct drawing *drawing, const struct history_cursor *cursor, uint64_t end,
                         bool empty) {
    uint64_t offset = 0;
    for (size_t i = 0; i < cursor->count && offset <= end; i++) {
        const uint64_t size = drawn_size(&cursor->blocks[i], offset, end);
        if ((cursor->blocks[i].size == 0) == empty) {
            draw_block(drawing, &cursor->blocks[i], offset, size);
        }
        offset += size;
    }
}

/* Those of free blocks, or of all others, as one shape. */
static void write_headers(const struct drawing *drawing, const struct history_cursor *cursor, uint64_t end,
                          bool free) {
    const char *start = free ? "<path class=\"header faint\" d=\"" : "<path class=\"header\" d=\"";
    bool any = false;
    uint64_t offset = 0;
    for (size_t i = 0; i < cursor->count && offset <= end; i++) {
        const uint64_t size = drawn_size(&cursor->blocks[i], offset, end);
        const double width = header_width(drawing, &cursor->blocks[i], size);
        if (width >= 0.7 && (cursor->blocks[i].slot == HISTORY_FREE) == free) {
            fprintf(drawing->stream, "%sM%.2f %.2fh%.2fv%.2fh%.2fz", any ? "" : start,
                    x_of(drawing, (double)offset), drawing->y, width, BAR_HEIGHT, -width);
            any = true;
        }
        offset += size;
    }
    fputs(any ? "\"/>\n" : "", drawing->stream);
}

static void draw_line(struct drawing *drawing, const struct history_cursor *cursor) {
    const struct history *const history = drawing->history;
    const bool failed = cursor->step != 0 && cursor->step - 1 == history_failed_step(history);
    char operation[TEXT_OPERATION_SIZE] = "";
    char outcome[EXPLAIN_OUTCOME_SIZE] = "";
    char text[TEXT_OPERATION_SIZE + 32] = "the heap at first";
    size_t pages = history->geometry.page_count;
    if (cursor->step != 0) {
        const struct history_step *const step = &history->steps[cursor->step - 1];
        pages = step->page_count;
        text_operation(&step->step.operation, operation);
        if (failed && history->under_way) {
            snprintf(outcome, sizeof outcome, "died");
        } else {
            explain_outcome(&step->step, outcome);
        }
        snprintf(text, sizeof text, "%s%zu  %s", failed ? "> " : "", step->step.index, operation);
    }
    write_label(drawing, MARGIN, drawing->y + 12, failed ? "operation bad" : "operation", text);
    if (cursor->step != 0) {
        write_label(drawing, MARGIN, drawing->y + 27, failed ? "outcome bad" : "outcome", outcome);
    }
    const uint64_t region_size = (uint64_t)pages * history->geometry.page_size;
    const uint64_t end = region_size < drawing->end ? region_size : drawing->end;
    drawing->marking = failed;
    write_blocks(drawing, cursor, end, false);
    write_headers(drawing, cursor, end, false);
    write_headers(drawing, cursor, end, true);
    write_blocks(drawing, cursor, end, true);
    if (failed) {
        write_marks(drawing);
    }
    drawing->y += LINE_HEIGHT;
}

static void write_heaps(struct drawing *drawing) {
    struct history_cursor cursor = history_cursor_open(drawing->history);
    do { /* as many times as there are steps, and once */
        if (cursor.step >= drawing->first && cursor.step <= drawing->last) {
            draw_line(drawing, &cursor);
        }
    } while (history_cursor_advance(&cursor));
    history_cursor_close(&cursor);
}

static void write_ruler(struct drawing *drawing) {
    const double end = (double)drawing->from + HEAP_WIDTH / drawing->scale;
    int64_t step = 8;
    while ((double)step * drawing->scale < 80) { /* doubles each time */
        step *= 2;
    }
    fputs("<path class=\"tick\" d=\"", drawing->stream);
    for (int64_t offset = 0; (double)offset <= end; offset += step) {
        fprintf(drawing->stream, "M%.2f %.1fv6", x_of(drawing, (double)offset), drawing->y + 4);
    }
    fputs("\"/>\n", drawing->stream);
    for (int64_t offset = 0; (double)offset <= end; offset += step) {
        char text[32];
        const double x = x_of(drawing, (double)offset);
        snprintf(text, sizeof text, "%" PRId64, offset);
        if (x + 40 < WIDTH && !drawing->history->anywhere) {
            write_label(drawing, x + 3, drawing->y + 9, "label soft", text);
        }
    }
    drawing->y += 26;
}

static void write_notes(struct drawing *drawing) {
    drawing->y += NOTE_GAP;
    for (size_t i = 0; i < drawing->extent_count; i++) {
        const struct extent *const extent = &drawing->extents[i];
        char text[160];
        char where[32];
        snprintf(where, sizeof where, " at offset %" PRId64, extent->offset);
        snprintf(text, sizeof text, "marked: %s, %" PRIu64 " byte%s%s", extent->what, extent->size,
                 extent->size == 1 ? "" : "s", drawing->history->anywhere ? "" : where);
        write_label(drawing, HEAP_LEFT, drawing->y, "fact bad", text);
        drawing->y += FACT_HEIGHT;
    }
}

/* What the picture has, and what it means: at most 110 characters with their samples, so one line. */
static void write_legend(const struct drawing *drawing) {
    const struct {
        bool drawn;
        const char *class;
    } entries[PICTURE_PART_COUNT] = {
        [PICTURE_HEADER] = {true, "header"},
        [PICTURE_PAYLOAD] = {drawing->live, "a0"},
        [PICTURE_SLACK] = {drawing->slack, "slack"},
        [PICTURE_FREE] = {true, "free"},
        [PICTURE_NOBODY] = {drawing->nobody, "nobody"},
        [PICTURE_FAILED] = {drawing->report && drawing->extent_count != 0, "marked"},
    };
    const double y = drawing->y + 8;
    double x = MARGIN;
    for (size_t i = 0; i < PICTURE_PART_COUNT; i++) {
        const char *const word = picture_word(drawing->history, (enum picture_part)i);
        if (!entries[i].drawn || word == NULL) {
            continue;
        }
        if (i == PICTURE_SLACK) {
            write_shape(drawing, "a0", x, y - 10, 18, 12); /* what it is drawn over */
        }
        write_shape(drawing, entries[i].class, x, y - 10, 18, 12);
        write_label(drawing, x + 25, y, "label soft", word);
        x += 25 + (double)strlen(word) * LETTER_WIDTH + 24;
    }
}

static void write_report(struct drawing *drawing, const struct summary *summary, const char *name) {
    write_label(drawing, MARGIN, drawing->y, summary->sound ? "title good" : "title bad", summary->title);
    drawing->y += 22;
    write_cut_label(drawing, MARGIN, drawing->y, "sentence", summary->sentence);
    drawing->y += 24;
    for (size_t i = 0; i < summary->fact_count; i++) {
        write_label(drawing, MARGIN, drawing->y, "name", summary->facts[i].name);
        write_cut_label(drawing, MARGIN + 80, drawing->y, "fact", summary->facts[i].value);
        drawing->y += FACT_HEIGHT;
    }
    write_label(drawing, MARGIN, drawing->y, "name", "program");
    write_cut_label(drawing, MARGIN + 80, drawing->y, "fact", name);
    drawing->y += 24;
}

/* The heaps drawn, and whether the verdict is about one of them. */
static void choose_heaps(struct drawing *drawing, struct svg_range range) {
    const struct history *const history = drawing->history;
    const size_t failed = history_failed_step(history);
    if (range.chosen) {
        drawing->first = range.first;
        drawing->last = range.last + 1;
        drawing->report = failed >= range.first && failed <= range.last;
    } else {
        drawing->last = choose_last(history);
        drawing->first = choose_first(history, drawing->last);
        drawing->report = true;
    }
}

void svg_write(const struct recording *recording, const char *name, struct svg_range range, FILE *stream) {
    struct drawing drawing = {.stream = stream, .history = recording->history};
    struct summary summary;
    summary_make(recording, &summary);
    choose_heaps(&drawing, range);
    drawing.extent_count = drawing.report ? extent_find_last(drawing.history, drawing.extents) : 0;
    scale_drawing(&drawing);
    const size_t line_count = drawing.last - drawing.first + 1;
    const double report_height =
        drawing.report ? 16 + 22 + 24 + (double)(summary.fact_count + 1) * FACT_HEIGHT + 4 : 0;
    const double height = 20 + report_height + 26 + 8 + (double)line_count * LINE_HEIGHT + NOTE_GAP +
                          (double)drawing.extent_count * FACT_HEIGHT + 28;
    fprintf(stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" role=\"img\">\n<title>",
            WIDTH, height, WIDTH, height);
    if (drawing.report) {
        write_text(summary.title, stream);
        fputs(": ", stream);
    }
    write_text(name, stream);
    fprintf(stream, "</title>\n%s<path class=\"ground\" d=\"M0 0h%.0fv%.0fh-%.0fz\"/>\n", page_svg, WIDTH,
            height, WIDTH);
    drawing.y = 20;
    if (drawing.report) {
        drawing.y = 36;
        write_report(&drawing, &summary, name);
    }
    write_ruler(&drawing);
    write_heaps(&drawing);
    write_notes(&drawing);
    write_legend(&drawing);
    fputs(drawing.slack ? HATCHED : "", stream);
    fputs(drawing.nobody ? CROSSED : "", stream);
    fputs("</svg>\n", stream);
}
