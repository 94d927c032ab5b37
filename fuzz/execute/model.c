/* The reference model. model.h is the contract; the policy is that of kmem.h's first comment, rebuilt. */
#include "fuzz/execute/model.h"

#include "src/require.h"

#define ASKS_REPEAT 16u
#define NEVER_FITS  UINT64_MAX /* no region is so large */

/* A free block: the space between two live ones. */
struct hole {
    size_t start; /* bytes from base */
    size_t end;
    size_t next; /* index of the live block that ends the hole; live_count when the region's end does */
};

const struct subject_policy model_policy_undeclared = {.header_size = 8, .grain = 8, .block_least = 16};

static const struct prediction nothing = {.refusal = REFUSAL_NONE,
                                          .offset = MODEL_NOTHING,
                                          .usable_size = 0,
                                          .asked_pages = 0,
                                          .freed_offset = MODEL_NOTHING};

static bool is_multiple(size_t value, size_t power) {
    return (value & (power - 1)) == 0;
}

struct prediction model_nothing(void) {
    return nothing;
}

static struct prediction refuse(enum refusal refusal) {
    struct prediction prediction = nothing;
    prediction.refusal = refusal;
    return prediction;
}

void model_start(struct model *model, const struct subject_policy *policy, struct live_block *live,
                 size_t live_capacity, size_t page_size, size_t page_count, size_t page_limit,
                 uint16_t refused_asks) {
    REQUIRE(model_is_power_of_two(policy->grain) && policy->block_least != 0);
    REQUIRE(is_multiple(policy->header_size, policy->grain) &&
            is_multiple(policy->block_least, policy->grain));
    REQUIRE(model_is_power_of_two(page_size));
    REQUIRE(page_count != 0 && page_count <= page_limit && page_limit <= PTRDIFF_MAX / page_size);
    *model = (struct model){.policy = *policy,
                            .live = live,
                            .live_capacity = live_capacity,
                            .page_size = page_size,
                            .page_count = page_count,
                            .page_limit = page_limit,
                            .refused_asks = refused_asks};
}

size_t model_region_size(const struct model *model) {
    return model->page_size * model->page_count;
}

/* Holes. */

static size_t live_end(const struct live_block *live) {
    return live->offset + live->size;
}

/* The stretch before live block number next, or of the region's end; empty when they touch. */
static struct hole hole_before(const struct model *model, size_t next) {
    return (struct hole){
        .start = next == 0 ? model->first : live_end(&model->live[next - 1]),
        .end = next == model->live_count ? model_region_size(model) : model->live[next].offset,
        .next = next,
    };
}

static size_t hole_payload(const struct model *model, struct hole hole) {
    return hole.end == hole.start ? 0 : hole.end - hole.start - model->policy.header_size;
}

size_t model_largest_payload(const struct model *model) {
    size_t largest = 0;
    for (size_t next = 0; next <= model->live_count; next++) {
        const size_t payload = hole_payload(model, hole_before(model, next));
        largest = payload > largest ? payload : largest;
    }
    return largest;
}

size_t model_first_payload(const struct model *model) {
    for (size_t next = 0; next <= model->live_count; next++) {
        const size_t payload = hole_payload(model, hole_before(model, next));
        if (payload != 0) {
            return payload;
        }
    }
    return 0;
}

size_t model_tail_payload(const struct model *model) {
    return hole_payload(model, hole_before(model, model->live_count));
}

/* Live blocks. */

/* Index of the first live block that ends after offset; live_count when none does. */
static size_t first_ending_after(const struct model *model, size_t offset) {
    size_t low = 0;
    size_t high = model->live_count;
    while (low < high) { /* halves high - low */
        const size_t middle = low + (high - low) / 2;
        if (live_end(&model->live[middle]) <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct model_block model_block_at(const struct model *model, size_t offset) {
    REQUIRE(offset >= model->first && offset < model_region_size(model));
    const size_t index = first_ending_after(model, offset);
    if (index < model->live_count && model->live[index].offset <= offset) {
        const struct live_block live = model->live[index];
        return (struct model_block){live.offset, live.size, true};
    }
    const struct hole hole = hole_before(model, index);
    return (struct model_block){hole.start, hole.end - hole.start, false};
}

/* Index of the live block whose payload is at offset; live_count when there is none. */
static size_t find_payload(const struct model *model, size_t offset) {
    const size_t index = first_ending_after(model, offset);
    const bool found =
        index < model->live_count && model->live[index].offset + model->policy.header_size == offset;
    return found ? index : model->live_count;
}

size_t model_block_size(const struct model *model, size_t offset) {
    const size_t index = find_payload(model, offset);
    return index < model->live_count ? model->live[index].size : 0;
}

static void insert_live(struct model *model, size_t index, struct live_block block) {
    REQUIRE(model->live_count < model->live_capacity && index <= model->live_count);
    REQUIRE(index == 0 || live_end(&model->live[index - 1]) <= block.offset);
    REQUIRE(index == model->live_count || block.offset + block.size <= model->live[index].offset);
    for (size_t i = model->live_count; i > index; i--) {
        model->live[i] = model->live[i - 1];
    }
    model->live[index] = block;
    model->live_count++;
    model->taken_size += block.size;
}

static void remove_live(struct model *model, size_t index) {
    REQUIRE(index < model->live_count);
    model->taken_size -= model->live[index].size;
    model->live_count--;
    for (size_t i = index; i < model->live_count; i++) {
        model->live[i] = model->live[i + 1];
    }
}

/* Placing. */

/* Bytes of a block for a request, or NEVER_FITS. */
static uint64_t needed_size(const struct subject_policy *policy, uint64_t request) {
    const uint64_t past = policy->header_size + policy->grain - 1; /* no more than any region has */
    if (request >= NEVER_FITS - past) {
        return NEVER_FITS;
    }
    const uint64_t size = (request + past) & ~(uint64_t)(policy->grain - 1);
    return size < policy->block_least ? policy->block_least : size;
}

/* The lowest offset from start on for a block with an aligned payload, leaving no gap or one that
 * can be a block. */
static uint64_t aligned_offset(const struct model *model, size_t start, uint64_t alignment) {
    const size_t header_size = model->policy.header_size;
    const uint64_t front = (uint64_t)model->skew + start;
    const uint64_t behind = front + model->policy.block_least;
    const uint64_t past = front + header_size + alignment - 1;
    uint64_t payload =
        past - (past & (alignment - 1)); /* no division: 32-bit targets have none for 64 bits */
    while (payload - header_size != front && payload - header_size < behind) {
        payload += alignment; /* at most block_least / grain times: an alignment is a grain or more */
    }
    return payload - header_size - model->skew;
}

/* Puts a block of `needed` bytes at offset into the hole, which has room for it. What would be left of the
 * hole after it goes to the block when it is too small to be a block. */
static struct prediction put(struct model *model, struct hole hole, size_t offset, size_t needed) {
    REQUIRE(offset >= hole.start && offset <= hole.end && needed <= hole.end - offset);
    REQUIRE(needed >= model->policy.block_least && is_multiple(needed, model->policy.grain));
    const size_t left_over = hole.end - offset - needed;
    const size_t size = left_over < model->policy.block_least ? needed + left_over : needed;
    insert_live(model, hole.next, (struct live_block){.offset = offset, .size = size});
    struct prediction prediction = nothing;
    prediction.offset = offset + model->policy.header_size;
    prediction.usable_size = size - model->policy.header_size;
    return prediction;
}

bool model_ask(struct model *model) {
    const bool scheduled = (model->refused_asks >> (model->ask_count % ASKS_REPEAT) & 1) != 0;
    const bool granted = !scheduled && !model->refuse_next;
    model->ask_count++;
    model->refuse_next = false;
    model->last_ask_granted = granted;
    return granted;
}

/* When nothing fits: the region grows by as few pages as make room at its end. */
static struct prediction grow_and_put(struct model *model, uint64_t alignment, uint64_t needed) {
    struct hole tail = hole_before(model, model->live_count);
    const uint64_t offset = aligned_offset(model, tail.start, alignment);
    const uint64_t limit = (uint64_t)model->page_limit * model->page_size;
    if (offset > limit || needed > limit - offset) {
        return refuse(REFUSAL_EXHAUSTED);
    }
    const size_t end = (size_t)(offset + needed); /* within the limit, which is a size_t */
    const size_t asked_pages = (end - model_region_size(model) + model->page_size - 1) / model->page_size;
    struct prediction prediction = refuse(REFUSAL_EXHAUSTED);
    if (model_ask(model)) {
        model->page_count += asked_pages;
        tail.end = model_region_size(model);
        prediction = put(model, tail, (size_t)offset, (size_t)needed);
    }
    prediction.asked_pages = asked_pages;
    return prediction;
}

/* The first hole of at least `size` bytes from that before live block number next on; that at the region's
 * end when none is before it. Most of a prediction's time is spent here. */
static struct hole find_hole(const struct model *model, size_t next, uint64_t size) {
    size_t start = hole_before(model, next).start;
    for (; next < model->live_count; next++) {
        if (model->live[next].offset - start >= size) {
            break;
        }
        start = live_end(&model->live[next]);
    }
    return hole_before(model, next);
}

struct prediction model_alloc(struct model *model, uint64_t alignment, uint64_t size) {
    if (!model_is_power_of_two(alignment)) {
        return refuse(REFUSAL_BAD_ALIGNMENT);
    }
    if (size == 0) {
        return nothing;
    }
    const uint64_t grid = alignment < model->policy.grain ? model->policy.grain : alignment;
    const uint64_t needed = needed_size(&model->policy, size);
    struct hole hole = find_hole(model, 0, needed);
    while (hole.end - hole.start >= needed) { /* a later one each time */
        const uint64_t offset = aligned_offset(model, hole.start, grid);
        if (offset <= hole.end && needed <= hole.end - offset) {
            return put(model, hole, (size_t)offset, (size_t)needed);
        }
        if (hole.next == model->live_count) {
            break;
        }
        hole = find_hole(model, hole.next + 1, needed);
    }
    return needed == NEVER_FITS ? refuse(REFUSAL_EXHAUSTED) : grow_and_put(model, grid, needed);
}

struct prediction model_calloc(struct model *model, uint64_t count, uint64_t size) {
    uint64_t product;
    const bool too_large = __builtin_mul_overflow(count, size, &product);
    return too_large ? refuse(REFUSAL_EXHAUSTED) : model_alloc(model, model->policy.grain, product);
}

enum refusal model_judge_pointer(const struct model *model, size_t offset) {
    if (offset >= model_region_size(model) || offset < model->first) {
        return REFUSAL_FOREIGN;
    }
    if (!is_multiple(offset, model->policy.grain)) {
        return REFUSAL_MISALIGNED;
    }
    const size_t index = first_ending_after(model, offset);
    if (index == model->live_count || model->live[index].offset > offset) {
        return REFUSAL_DOUBLE_FREE;
    }
    return model->live[index].offset + model->policy.header_size == offset ? REFUSAL_NONE : REFUSAL_INTERIOR;
}

struct prediction model_free(struct model *model, size_t offset) {
    const enum refusal refusal = model_judge_pointer(model, offset);
    if (refusal != REFUSAL_NONE) {
        return refuse(refusal);
    }
    remove_live(model, find_payload(model, offset));
    struct prediction prediction = nothing;
    prediction.freed_offset = offset;
    return prediction;
}

struct prediction model_usable(const struct model *model, size_t offset) {
    const size_t block_size = model_block_size(model, offset);
    struct prediction prediction = nothing;
    prediction.usable_size = block_size == 0 ? 0 : block_size - model->policy.header_size;
    return prediction;
}

/* The block and the hole after it. */
static struct hole room_of(const struct model *model, size_t index) {
    return (struct hole){
        .start = model->live[index].offset, .end = hole_before(model, index + 1).end, .next = index};
}

struct prediction model_extend(struct model *model, size_t offset, uint64_t size) {
    const size_t index = find_payload(model, offset);
    REQUIRE(index < model->live_count);
    const struct hole room = room_of(model, index);
    const uint64_t needed = needed_size(&model->policy, size);
    if (needed > room.end - room.start) {
        return refuse(REFUSAL_EXHAUSTED);
    }
    remove_live(model, index);
    return put(model, room, room.start, (size_t)needed);
}

struct prediction model_realloc(struct model *model, size_t offset, uint64_t size) {
    const enum refusal refusal = model_judge_pointer(model, offset);
    if (refusal != REFUSAL_NONE) {
        return refuse(refusal);
    }
    if (size == 0) {
        return model_free(model, offset);
    }
    const size_t index = find_payload(model, offset);
    const struct hole room = room_of(model, index); /* emptied and filled again, if there is enough */
    const uint64_t needed = needed_size(&model->policy, size);
    if (needed <= room.end - room.start) {
        remove_live(model, index);
        return put(model, room, room.start, (size_t)needed);
    }
    struct prediction prediction = model_alloc(model, model->policy.grain, size);
    if (prediction.offset != MODEL_NOTHING) {
        remove_live(model, find_payload(model, offset));
        prediction.freed_offset = offset;
    }
    return prediction;
}
