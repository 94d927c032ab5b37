/* A heap whose policy is declared, so that every address is predicted: first fit by a walk over all blocks,
 * with headers and a grain of 16 bytes. It shows nothing else of itself.
 *
 *     | size, taken | payload | size, taken | payload | ...
 */
#include <string.h>

#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

#define GRAIN       ((size_t)16)
#define BLOCK_LEAST ((size_t)32)

enum {
    FIT_HEAP_SOUND,
    FIT_HEAP_TAKES_THE_BEST,   /* of the free blocks, the smallest that fits */
    FIT_HEAP_TAKES_THE_LAST,   /* of the free blocks */
    FIT_HEAP_CUTS_TOO_LATE,    /* a rest that could be the smallest block stays with the payload */
    FIT_HEAP_FORGETS_THE_LEFT, /* free merges with what follows only */
    FIT_HEAP_ALWAYS_MOVES,     /* realloc never grows where it is */
    FIT_HEAP_ZEROES_ITS_GRAIN, /* the first 16 bytes only */
};

struct block {
    uint64_t size; /* bytes, this header included */
    uint64_t taken;
};

static unsigned char *memory;
static unsigned char *memory_end;

static bool is(int defect) {
    return subject_defect == defect;
}

static struct block *block_at(void *place) {
    return place;
}

static struct block *next_of(struct block *block) {
    return block_at((unsigned char *)block + block->size);
}

static bool is_last(struct block *block) {
    return (unsigned char *)next_of(block) == memory_end;
}

static bool start(void *given, size_t size) {
    if (size < BLOCK_LEAST) {
        return false;
    }
    memory = given;
    memory_end = memory + size;
    *block_at(memory) = (struct block){.size = size};
    return true;
}

/* 0 where no memory is so large. */
static size_t block_size_for(size_t size) {
    if (size > (size_t)(memory_end - memory)) {
        return 0;
    }
    return (sizeof(struct block) + size + GRAIN - 1) & ~(GRAIN - 1);
}

/* Cuts off what a block has beyond need bytes, if that can be a block. */
static void cut(struct block *block, size_t need) {
    const size_t rest = (size_t)block->size - need;
    if (rest < BLOCK_LEAST + (is(FIT_HEAP_CUTS_TOO_LATE) ? 1 : 0)) {
        return;
    }
    block->size = need;
    *next_of(block) = (struct block){.size = rest};
}

static void merge_with_next(struct block *block) {
    if (!is_last(block) && !next_of(block)->taken) {
        block->size += next_of(block)->size;
    }
}

static bool is_better(const struct block *block, const struct block *found) {
    return found == NULL || is(FIT_HEAP_TAKES_THE_LAST) ||
           (is(FIT_HEAP_TAKES_THE_BEST) && block->size < found->size);
}

static void *alloc(size_t size) {
    const size_t need = block_size_for(size);
    if (size == 0 || need == 0) {
        return NULL;
    }
    struct block *found = NULL;
    struct block *block = block_at(memory);
    for (bool more = true; more; block = next_of(block)) {
        more = !is_last(block);
        if (!block->taken && block->size >= need && is_better(block, found)) {
            found = block;
        }
    }
    if (found == NULL) {
        return NULL;
    }
    cut(found, need);
    found->taken = 1;
    return found + 1;
}

static void call_free(void *pointer) {
    struct block *const freed = block_at((struct block *)pointer - 1);
    freed->taken = 0;
    merge_with_next(freed);
    if (is(FIT_HEAP_FORGETS_THE_LEFT)) {
        return;
    }
    for (struct block *block = block_at(memory); block < freed; block = next_of(block)) {
        if (!block->taken) {
            merge_with_next(block);
        }
    }
}

static void *zalloc(size_t size) {
    unsigned char *const payload = alloc(size);
    if (payload != NULL) {
        memset(payload, 0, is(FIT_HEAP_ZEROES_ITS_GRAIN) && size > GRAIN ? GRAIN : size);
    }
    return payload;
}

static void *call_realloc(void *pointer, size_t size) {
    struct block *const block = block_at((struct block *)pointer - 1);
    const size_t need = block_size_for(size);
    const size_t old_size = (size_t)block->size - sizeof *block;
    const bool grows = !is_last(block) && !next_of(block)->taken && !is(FIT_HEAP_ALWAYS_MOVES);
    const size_t room = (size_t)(block->size + (grows ? next_of(block)->size : 0));
    if (need != 0 && need <= room) {
        block->size = need <= block->size && !grows ? block->size : room;
        cut(block, need);
        if (!is_last(block) && !next_of(block)->taken) {
            merge_with_next(next_of(block));
        }
        return pointer;
    }
    unsigned char *const moved = need == 0 ? NULL : alloc(size);
    if (moved != NULL) {
        for (size_t i = 0; i < old_size && i < size; i++) {
            moved[i] = ((unsigned char *)pointer)[i];
        }
        call_free(pointer);
    }
    return moved;
}

const struct subject subject_fit_heap = {
    .name = "fit heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .zalloc = zalloc,
    .realloc = call_realloc,
    .facts = {.alignment = GRAIN,
              .merges = true,
              .first_fit = {.header_size = sizeof(struct block), .grain = GRAIN, .block_least = BLOCK_LEAST}},
};
