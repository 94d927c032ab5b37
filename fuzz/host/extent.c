/* From failures to bytes. extent.h is the contract; what a verdict's offset is stands where it is made, as
 * explain.c says. */
#include "fuzz/host/extent.h"

#define MARK_SIZE ((uint64_t)8) /* bytes: a header, or what is marked for want of a size */

/* What a verdict's offset is that of. */
enum aim {
    AIM_NOTHING,
    AIM_BYTE,
    AIM_HEADER,
    AIM_BLOCK,   /* the whole block that begins there */
    AIM_PAYLOAD, /* what the step asked for, there */
    AIM_ANSWER,  /* the same, and what was observed is another offset of it */
};

static const struct {
    enum aim aim;
    const char *what;
} aims[ORACLE_COUNT] = {
    [INVARIANT_WALK_ENDS] = {AIM_HEADER, "the header"},
    [INVARIANT_BLOCK_SIZE] = {AIM_HEADER, "the header"},
    [INVARIANT_BLOCK_TILING] = {AIM_HEADER, "the header"},
    [INVARIANT_FREE_MERGED] = {AIM_BLOCK, "the second free block"},
    [INVARIANT_TAKEN_IS_LIVE] = {AIM_BLOCK, "the taken block that is nobody's"},
    [INVARIANT_LIVE_IS_TAKEN] = {AIM_BLOCK, "where a live allocation's block should be"},
    [ORACLE_INSIDE] = {AIM_PAYLOAD, "the payload returned"},
    [ORACLE_ALIGNMENT] = {AIM_PAYLOAD, "the payload returned"},
    [ORACLE_DISJOINT] = {AIM_PAYLOAD, "the payload returned"},
    [ORACLE_GUARDS] = {AIM_BYTE, "the guard byte written"},
    [ORACLE_PLACEMENT] = {AIM_ANSWER, "the address expected"},
    [ORACLE_REFUSAL_NAMED] = {AIM_BYTE, "the pointer passed"},
    [ORACLE_GROWTH] = {AIM_BYTE, "the region's end before the operation"},
    [ORACLE_USABLE_SIZE] = {AIM_PAYLOAD, "the payload"},
    [ORACLE_POISON] = {AIM_HEADER, "the bytes whose poison is wrong"},
    [ORACLE_CONTENTS_KEPT] = {AIM_BYTE, "the first wrong byte"},
    [ORACLE_CONTENTS_ZEROED] = {AIM_BYTE, "the first byte that is not zero"},
    [ORACLE_CONTENTS_MOVED] = {AIM_BYTE, "the first wrong byte"},
    [ORACLE_IMPOSSIBLE_SIZE] = {AIM_PAYLOAD, "the payload returned"},
    [ORACLE_RESIZE_FAILED] = {AIM_BYTE, "the first wrong byte"},
    [ORACLE_STRAY_STORE] = {AIM_BYTE, "the first byte stored"},
};

/* The size of the block that begins at offset; MARK_SIZE when none does, or when its size is impossible. */
static uint64_t block_size_at(const struct history_block *blocks, size_t count, uint64_t offset) {
    uint64_t start = 0;
    for (size_t i = 0; i < count && start <= offset; i++) {
        if (start == offset && blocks[i].size >= MARK_SIZE && blocks[i].size <= PROGRAM_REGION_SIZE_MAXIMUM) {
            return blocks[i].size;
        }
        start += blocks[i].size;
    }
    return MARK_SIZE;
}

/* Bytes the last step asked for; 1 when it asked for none. */
static uint64_t requested(const struct history *history) {
    const size_t size = step_request(&history->steps[history->step_count - 1].step);
    return size == 0 ? 1 : size;
}

static size_t add(struct extent *extents, size_t count, uint64_t offset, uint64_t size, const char *what) {
    if (offset == UINT64_MAX) {
        return count; /* NULL is nowhere */
    }
    extents[count] = (struct extent){.offset = (int64_t)offset, .size = size, .what = what};
    return count + 1;
}

/* What the last step asked for, up to what a region has. */
static size_t add_payload(struct extent *extents, const struct history *history) {
    struct verdict verdict = history->verdict;
    verdict.offset = history->drawn_offset;
    const uint64_t region_size = (uint64_t)history->page_limit * history->geometry.page_size;
    const uint64_t size = requested(history);
    return size <= region_size ? add(extents, 0, verdict.offset, size, aims[verdict.oracle].what)
                               : add(extents, 0, verdict.offset, region_size, "the start of the payload");
}

size_t extent_find(const struct history *history, const struct history_block *blocks, size_t block_count,
                   struct extent extents[EXTENT_COUNT_MAXIMUM]) {
    if (history->end == HISTORY_CUT_OFF && history->fault_known) {
        return add(extents, 0, history->fault_offset, history->fault_size, "the address the subject died at");
    }
    if (history->end != HISTORY_VIOLATION || history->step_count == 0) {
        return 0;
    }
    struct verdict verdict = history->verdict;
    verdict.offset = history->drawn_offset;
    const char *const what = aims[verdict.oracle].what;
    switch (aims[verdict.oracle].aim) {
    case AIM_NOTHING:
        return 0;
    case AIM_BYTE:
        return add(extents, 0, verdict.offset, 1, what);
    case AIM_HEADER:
        return add(extents, 0, verdict.offset, MARK_SIZE, what);
    case AIM_BLOCK:
        return add(extents, 0, verdict.offset, block_size_at(blocks, block_count, verdict.offset), what);
    case AIM_PAYLOAD:
        return add_payload(extents, history);
    case AIM_ANSWER:
        break;
    }
    const size_t count = add(extents, 0, verdict.expected, requested(history), what);
    return add(extents, count, verdict.observed, requested(history), "the address returned");
}

size_t extent_find_last(const struct history *history, struct extent extents[EXTENT_COUNT_MAXIMUM]) {
    struct history_cursor cursor = history_cursor_open(history);
    while (history_cursor_advance(&cursor)) { /* as many times as there are steps */
    }
    const size_t count = extent_find(history, cursor.blocks, cursor.count, extents);
    history_cursor_close(&cursor);
    return count;
}
