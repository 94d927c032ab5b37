/* The alphabets. alphabet.h and close.h say what is in each. */
#include "fuzz/search/alphabet.h"

#include "fuzz/execute/slots.h"
#include "src/require.h"

#define SIZE_CAPACITY  ((size_t)512)
#define SMALL_PAGE     ((size_t)256) /* bytes: a heap of such pages grows by any size of block */
#define FEW_BYTES      ((size_t)16)  /* in a grain */
#define GROWTH_REACHED ((size_t)2)   /* pages */

struct sizes {
    size_t count;
    struct size_operand list[SIZE_CAPACITY];
};

/* What an alphabet is made of, besides the state. */
struct parts {
    struct alphabet *alphabet;
    const struct close *close;
    const struct executor *executor;
    size_t first_slot;
    uint16_t empty;      /* the slot that is allocated into */
    struct sizes blocks; /* one for each size of block, and one that is too large */
    struct sizes ends; /* the least and the most that each size of block is for, and the edges of a size_t */
    struct sizes any;  /* every byte, if blocks differ by few; otherwise the same */
};

/* Sizes. */

static void add_size(struct sizes *sizes, enum size_base base, int32_t amount) {
    REQUIRE(sizes->count < SIZE_CAPACITY);
    sizes->list[sizes->count++] = (struct size_operand){base, amount};
}

static void add_block_sizes(struct parts *parts, size_t least, size_t most) {
    const struct layouts *const layouts = &parts->close->layouts;
    const size_t header_size = parts->executor->model.policy.header_size;
    for (size_t k = least; k <= most; k++) {
        add_size(&parts->blocks, SIZE_BASE_LITERAL, (int32_t)(k * layouts->grain_size - header_size));
    }
}

static void add_edges(struct sizes *sizes) {
    static const int32_t near[] = {0, -1, -7, -8, -9, -15, -16, -17, -24};
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        add_size(sizes, SIZE_BASE_MAXIMUM, near[i]);
    }
    for (int32_t amount = -8; amount <= 8; amount += 8) {
        add_size(sizes, SIZE_BASE_HALF, amount);
        add_size(sizes, SIZE_BASE_WORD, amount);
    }
}

static void add_all_sizes(struct parts *parts) {
    const size_t grain_size = parts->close->layouts.grain_size;
    const size_t end = (parts->close->layouts.grain_count + 1) * grain_size;
    for (size_t size = 0; size <= end; size++) {
        const size_t past = size % grain_size;
        if (past <= 1) {
            add_size(&parts->ends, SIZE_BASE_LITERAL, (int32_t)size);
        }
        if (grain_size <= FEW_BYTES) {
            add_size(&parts->any, SIZE_BASE_LITERAL, (int32_t)size);
        }
        size += grain_size > FEW_BYTES && past == 1 ? grain_size - 2 : 0;
    }
    add_edges(&parts->any);
    add_edges(&parts->ends);
    if (grain_size > FEW_BYTES) {
        parts->any = parts->ends;
    }
}

/* Blocks that end in the first page that is given, in the second, and past the last. */
static void add_growth_sizes(struct parts *parts) {
    const struct close *const close = parts->close;
    const size_t grain_size = close->layouts.grain_size;
    const size_t page = close->header.page_size / grain_size; /* in grains */
    const size_t grain_count = close->layouts.grain_count;
    if (close->header.page_size <= SMALL_PAGE) {
        add_block_sizes(parts, grain_count + 2, grain_count + GROWTH_REACHED * page + 1);
        return;
    }
    for (size_t pages = 1; pages <= GROWTH_REACHED; pages++) {
        add_block_sizes(parts, pages * page - 1, pages * page + grain_count + 1);
    }
}

/* Operations. */

static void add(const struct parts *parts, struct operation operation) {
    const struct program_format *const format = program_format(PROGRAM_VERSION);
    struct alphabet *const alphabet = parts->alphabet;
    REQUIRE(alphabet->count < ALPHABET_CAPACITY);
    if (operation.step <= format->step_maximum) {
        alphabet->operations[alphabet->count++] = operation;
    }
}

static void add_sized(const struct parts *parts, enum operation_kind kind, size_t slot,
                      const struct sizes *sizes) {
    for (size_t i = 0; i < sizes->count; i++) {
        add(parts, (struct operation){.kind = kind, .slot = (uint16_t)slot, .size = sizes->list[i]});
    }
}

static void add_aligned(const struct parts *parts, uint64_t alignment, const struct sizes *sizes) {
    if (parts->executor->subject->alloc_aligned != NULL &&
        program_format(PROGRAM_VERSION)->has_alignment(alignment)) {
        for (size_t i = 0; i < sizes->count; i++) {
            add(parts, (struct operation){.kind = OPERATION_ALIGNED,
                                          .slot = parts->empty,
                                          .size = sizes->list[i],
                                          .alignment = alignment});
        }
    }
}

/* A literal. */
static struct size_operand bytes(size_t size) {
    return (struct size_operand){SIZE_BASE_LITERAL, (int32_t)size};
}

/* A misuse through each call. */
static void add_misuse(const struct parts *parts, struct operation misuse) {
    const struct subject *const subject = parts->executor->subject;
    add(parts, misuse);
    if (parts->close->alphabet != CLOSE_FULL) {
        return;
    }
    if (subject->usable_size != NULL) {
        misuse.through = THROUGH_USABLE;
        add(parts, misuse);
    }
    if (subject->realloc != NULL) {
        const size_t sizes[] = {0, 1, parts->close->size};
        misuse.through = THROUGH_REALLOC;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            misuse.size = bytes(sizes[i]);
            add(parts, misuse);
        }
    }
}

static bool resizes(const struct parts *parts) {
    return parts->executor->subject->realloc != NULL || parts->executor->subject->extend != NULL;
}

static void add_resizes(const struct parts *parts, size_t slot, const struct sizes *sizes) {
    if (parts->executor->subject->realloc != NULL) {
        add_sized(parts, OPERATION_REALLOC, slot, sizes);
    }
    if (parts->executor->subject->extend != NULL) {
        add_sized(parts, OPERATION_EXTEND, slot, sizes);
    }
}

/* Live payloads. */

static size_t grains_of(const struct parts *parts, size_t slot) {
    const struct executor *const executor = parts->executor;
    return model_block_size(&executor->model, executor->tables.slots[slot].offset) /
           parts->close->layouts.grain_size;
}

static void add_live(const struct parts *parts, size_t slot) {
    const struct operation at = {.slot = (uint16_t)slot};
    struct operation operation = at;
    const bool full = parts->close->alphabet == CLOSE_FULL;
    operation.kind = OPERATION_FREE;
    add(parts, operation);
    if (full) {
        add_resizes(parts, slot, &parts->ends);
    } else if (resizes(parts)) {
        const size_t usable = grains_of(parts, slot) * parts->close->layouts.grain_size;
        operation.kind = parts->executor->subject->realloc != NULL ? OPERATION_REALLOC : OPERATION_EXTEND;
        const size_t sizes[] = {8, usable, usable + parts->close->size / 4, parts->close->size};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            operation.size = bytes(sizes[i]);
            add(parts, operation);
        }
    }
    operation = at;
    if (parts->executor->subject->usable_size != NULL) {
        operation.kind = OPERATION_USABLE;
        add(parts, operation);
    }
    operation.kind = OPERATION_INTERIOR;
    for (uint32_t step = 0; step + 1 < grains_of(parts, slot) && step < (full ? UINT32_MAX : 1); step++) {
        operation.step = step;
        add_misuse(parts, operation);
    }
    operation.kind = OPERATION_MISALIGNED;
    for (uint32_t step = 0; step < (full ? 7 : 1); step++) {
        operation.step = step;
        add_misuse(parts, operation);
    }
}

/* Damages, as resolve.c has them: of the payload's own header and the next, once also of the region's first
 * and last; in a header the taken bit, bits of the size, and all; of a descriptor the two bits that are used,
 * and the others. */
static void add_damages(const struct parts *parts, size_t slot, bool all_headers) {
    static const uint32_t of_header[] = {31 << 2, 0, 3 << 2, 4 << 2, 1 << 7, 3 << 7 | 4 << 2};
    static const uint32_t of_descriptor[] = {4, 4 | 1 << 3, 4 | 2 << 3, 127 << 3};
    const struct subject_view *const view = parts->executor->subject->view;
    const bool described = view->descriptor != NULL;
    const uint32_t *const kinds = described ? of_descriptor : of_header;
    const size_t count =
        described ? sizeof of_descriptor / sizeof of_descriptor[0] : sizeof of_header / sizeof of_header[0];
    for (uint32_t header = 0; header < (all_headers || described ? 4 : 2); header++) {
        for (size_t i = 0; i < count; i++) {
            for (enum through through = 0; through < THROUGH_COUNT; through++) {
                if (operation_takes_through(OPERATION_DAMAGE, through)) {
                    add(parts, (struct operation){
                                   .kind = OPERATION_DAMAGE,
                                   .slot = (uint16_t)slot,
                                   .size = through == THROUGH_ALLOC || through == THROUGH_REALLOC ? bytes(24)
                                                                                                  : bytes(0),
                                   .step = kinds[i] | header,
                                   .through = through});
                }
            }
        }
    }
}

/* The rest. */

static void add_allocations(const struct parts *parts) {
    const struct subject *const subject = parts->executor->subject;
    add_sized(parts, OPERATION_ALLOC, parts->empty, &parts->any);
    if (subject->zalloc != NULL) {
        add_sized(parts, OPERATION_ZALLOC, parts->empty, &parts->any);
    }
    const size_t grain_size = parts->close->layouts.grain_size;
    add_aligned(parts, 2 * grain_size, &parts->ends);
    for (uint64_t alignment = 1; alignment <= 2 * parts->close->size; alignment *= 2) {
        if (alignment != 2 * grain_size) {
            add_aligned(parts, alignment, &parts->blocks);
        }
    }
    static const uint64_t odd[] = {0, 3, 6, 12, 24, 4096, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    static const struct sizes few = {.count = 4,
                                     .list = {{SIZE_BASE_LITERAL, 0},
                                              {SIZE_BASE_LITERAL, 8},
                                              {SIZE_BASE_MAXIMUM, 0},
                                              {SIZE_BASE_MAXIMUM, -16}}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        add_aligned(parts, odd[i], &few);
    }
    add_aligned(parts, 16, &few);
}

/* Sizes that with a count come to no more than the heap and a little; with the large counts, those that wrap.
 */
static void add_callocs(const struct parts *parts) {
    static const struct sizes edges = {.count = 8,
                                       .list = {{SIZE_BASE_LITERAL, 0},
                                                {SIZE_BASE_LITERAL, 1},
                                                {SIZE_BASE_LITERAL, 2},
                                                {SIZE_BASE_LITERAL, 8},
                                                {SIZE_BASE_LITERAL, 16},
                                                {SIZE_BASE_MAXIMUM, 0},
                                                {SIZE_BASE_HALF, 0},
                                                {SIZE_BASE_WORD, 0}}};
    if (parts->executor->subject->calloc == NULL) {
        return;
    }
    struct operation operation = {.kind = OPERATION_CALLOC, .slot = parts->empty};
    for (uint8_t choice = 0; choice < PROGRAM_COUNT_COUNT; choice++) {
        operation.choice = choice;
        const uint64_t count = program_counts[choice];
        for (size_t i = 0; i < edges.count; i++) {
            operation.size = edges.list[i];
            add(parts, operation);
        }
        const size_t grain_size = parts->close->layouts.grain_size;
        const size_t stride = count == 0 || count > grain_size ? 1 : grain_size / (size_t)count;
        for (size_t size = 3; count != 0 && size <= parts->close->size / count + 1; size += stride) {
            operation.size = bytes(size);
            add(parts, operation);
        }
    }
}

/* Pointers freed before, and outside. */
static void add_bad_pointers(const struct parts *parts) {
    static const uint32_t steps[] = {0, 1, 2, 3, 6, 7, 4 * 4095 + 2, 4 * 4095 + 3};
    const bool full = parts->close->alphabet == CLOSE_FULL;
    for (size_t slot = 0; slot < ALPHABET_SLOTS; slot++) {
        if (slots_has(parts->executor->tables.stale_bits, slot)) {
            add_misuse(parts, (struct operation){.kind = OPERATION_DOUBLE, .slot = (uint16_t)slot});
        }
    }
    for (size_t i = 0; i < (full ? sizeof steps / sizeof steps[0] : 1); i++) {
        add_misuse(parts, (struct operation){.kind = OPERATION_FOREIGN, .step = steps[i]});
    }
}

static void add_null(const struct parts *parts) {
    struct operation operation = {.kind = OPERATION_NULL_FREE};
    add(parts, operation);
    if (parts->executor->subject->usable_size != NULL) {
        operation.through = THROUGH_USABLE;
        add(parts, operation);
    }
    if (parts->executor->subject->realloc != NULL) {
        operation.through = THROUGH_REALLOC;
        for (size_t i = 0; i < parts->ends.count; i++) {
            operation.size = parts->ends.list[i];
            add(parts, operation);
        }
    }
}

static void add_growing(const struct parts *parts, enum close_growth growth) {
    add_sized(parts, OPERATION_ALLOC, parts->empty, &parts->blocks);
    if (growth == CLOSE_GROWS && parts->executor->subject->zalloc != NULL) {
        add_sized(parts, OPERATION_ZALLOC, parts->empty, &parts->blocks);
    }
    add_aligned(parts, 64, &parts->blocks);
}

/* A few of each kind, for sequences. */
static void add_calls(struct parts *parts) {
    const struct subject *const subject = parts->executor->subject;
    const struct operation sample = {.slot = parts->empty, .size = parts->blocks.list[1]};
    struct operation operation = sample;
    add_sized(parts, OPERATION_ALLOC, parts->empty, &parts->blocks);
    if (subject->zalloc != NULL) {
        operation.kind = OPERATION_ZALLOC;
        add(parts, operation);
    }
    if (subject->calloc != NULL) {
        operation.kind = OPERATION_CALLOC;
        operation.choice = 1;
        add(parts, operation);
    }
    struct sizes one = {.count = 1, .list = {sample.size}};
    add_aligned(parts, 16, &one);
    add_aligned(parts, 64, &one);
    add(parts, (struct operation){.kind = OPERATION_NULL_FREE});
    if (subject->view != NULL && parts->close->grows) {
        add(parts, (struct operation){.kind = OPERATION_REFUSE});
    }
}

static void fill(struct parts *parts, enum close_growth growth) {
    const bool full = parts->close->alphabet == CLOSE_FULL;
    const struct subject_view *const view = parts->executor->subject->view;
    const bool answers_damage = view != NULL && view->answers_damage;
    if (parts->close->alphabet == CLOSE_PLAIN) {
        add_sized(parts, OPERATION_ALLOC, parts->empty, &parts->blocks);
    } else if (!full) {
        add_calls(parts);
    } else if (growth == CLOSE_FIXED) {
        add_allocations(parts);
        add_callocs(parts);
        add_null(parts);
    } else {
        add_growing(parts, growth);
    }
    for (size_t slot = parts->first_slot; slot < ALPHABET_STALE; slot++) {
        if (!slots_has(parts->executor->tables.live_bits, slot)) {
            continue;
        }
        if (parts->close->alphabet == CLOSE_PLAIN) {
            add(parts, (struct operation){.kind = OPERATION_FREE, .slot = (uint16_t)slot});
        } else if (growth == CLOSE_FIXED || !full) {
            add_live(parts, slot);
            if (full && answers_damage) {
                add_damages(parts, slot, slot == parts->first_slot);
            }
        } else {
            add_resizes(parts, slot, &parts->blocks);
        }
    }
    if (parts->close->alphabet != CLOSE_PLAIN && (growth == CLOSE_FIXED || !full)) {
        add_bad_pointers(parts);
        if (parts->executor->subject->coalesce != NULL) {
            add(parts, (struct operation){.kind = OPERATION_COALESCE});
        }
    }
}

void alphabet_fill(struct alphabet *alphabet, const struct close *close, enum close_growth growth,
                   size_t first_slot) {
    const struct executor *const executor = close->executor;
    struct parts parts = {
        .alphabet = alphabet, .close = close, .executor = executor, .first_slot = first_slot};
    parts.empty = (uint16_t)slots_find(executor->tables.live_bits, ALPHABET_STALE, first_slot, false);
    alphabet->count = 0;
    add_block_sizes(&parts, close->layouts.least, close->layouts.grain_count + 1);
    if (growth != CLOSE_FIXED) {
        add_growth_sizes(&parts);
    }
    if (close->alphabet == CLOSE_FULL) {
        add_all_sizes(&parts);
    }
    fill(&parts, growth);
}
