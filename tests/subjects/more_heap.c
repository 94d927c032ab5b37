/* The heap of list_heap.c, which grows by itself, as by sbrk: when nothing fits it asks for just enough. */
#include "tests/subjects/defect.h"

static int own_defect(void) {
    return subject_defect;
}
#undef subject_defect
#define subject_defect LIST_HEAP_SOUND
#include "tests/subjects/list_heap.c" /* NOLINT(bugprone-suspicious-include): it is this heap, too */

enum {
    MORE_HEAP_SOUND,
    MORE_HEAP_TRUSTS_MORE,    /* goes on as if it were never refused */
    MORE_HEAP_STARTS_TOO_LOW, /* the new block begins in the last one */
    MORE_HEAP_ASKS_FOR_HALF,  /* of what it then has */
};

/* |  what there was  |  a block more, merged with a free one in front of it  | */
static bool grow(size_t size) {
    const size_t low = own_defect() == MORE_HEAP_STARTS_TOO_LOW ? UNIT : 0;
    const size_t block = memory_size - low;
    const size_t asked = own_defect() == MORE_HEAP_ASKS_FOR_HALF ? size / 2 : size;
    if (subject_more(asked) == NULL && own_defect() != MORE_HEAP_TRUSTS_MORE) {
        return false;
    }
    memory_size += size;
    store(block, size + low);
    give(block);
    return true;
}

static void *alloc(size_t size) {
    void *const payload = list_heap_alloc(size);
    const bool possible = size != 0 && size <= UINT16_MAX;
    return payload == NULL && possible && grow(block_size_for(size)) ? list_heap_alloc(size) : payload;
}

const struct subject subject_more_heap = {
    .name = "heap that asks for more",
    .start = list_heap_start,
    .alloc = alloc,
    .free = list_heap_free,
    .realloc = list_heap_realloc,
    .usable_size = list_heap_usable_size,
    .check = list_heap_check,
    .facts = {.alignment = UNIT, .merges = true},
};
