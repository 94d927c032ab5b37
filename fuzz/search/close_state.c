/* A heap in a given layout. close_state.h is the contract. */
#include "fuzz/search/close_state.h"

#include <string.h>

#include "fuzz/execute/slots.h"
#include "src/port.h"
#include "src/require.h"

#define PAGE_LARGE    ((size_t)32) /* bytes, where a program chooses; else half of it */
#define GROWTH        ((size_t)2)  /* pages */
#define LAYOUT_BLOCKS (LAYOUTS_GRAINS + 1)
#define REFUSED_EACH  UINT16_MAX
#define REGION_TAIL   ((size_t)64) /* bytes after a region that a step may touch */
#define REGION_SAVED                                                                                         \
    ((size_t)1 << 18) /* bytes: the largest small heap, the block in front, growth and tail */

/* The smallest region that has room for the small heap and, if it is larger, a block in front. */
static size_t small_region_size(const struct close *close, size_t page_size) {
    const struct subject_facts *const facts = &close->executor->subject->facts;
    const size_t size = close->size + facts->metadata;
    size_t front = 0;
    while ((size + front) % page_size != 0) { /* at most a page, and a block */
        front += front == 0 ? facts->first_fit.block_least : facts->first_fit.grain;
    }
    return size + front;
}

static size_t page_size_of(const struct close *close) {
    const struct subject *const subject = close->executor->subject;
    if (subject->view != NULL && subject->view->page_size != 0) {
        return subject->view->page_size;
    }
    const size_t size = close->size + subject->facts.metadata;
    return size % PAGE_LARGE == 0 ? PAGE_LARGE : PAGE_LARGE / 2;
}

const char *close_open(struct close *close) {
    struct executor *const executor = close->executor;
    const struct subject *const subject = executor->subject;
    const struct subject_policy *const policy = &subject->facts.first_fit;
    if (policy->grain == 0 || subject->facts.memory != SUBJECT_MEMORY_GIVEN) {
        return "the heap declares no first fit policy in memory it is given";
    }
    if (close->size % policy->grain != 0) {
        return "it is no multiple of the heap's grain";
    }
    if (close->size < policy->block_least) {
        return "it has no room for a block";
    }
    if (close->size / policy->grain > LAYOUTS_GRAINS) {
        return "it has more than 32 grains";
    }
    close->layouts = (struct layouts){.grain_size = policy->grain,
                                      .least = policy->block_least / policy->grain,
                                      .grain_count = close->size / policy->grain};
    layouts_make(&close->layouts);
    const size_t page_size = page_size_of(close);
    close->header = (struct program_header){.page_size = page_size,
                                            .page_count = small_region_size(close, page_size) / page_size,
                                            .slot_count = ALPHABET_SLOTS,
                                            .version = PROGRAM_VERSION};
    close->grows = subject->view != NULL && !subject->view->fixed;
    const struct program_header geometry = executor_geometry(executor, &close->header);
    const size_t given = geometry.page_size * geometry.page_count;
    const size_t taken = close->size + subject->facts.metadata;
    if (given < taken || (given != taken && given - taken < policy->block_least)) {
        return "the heap starts in no such region";
    }
    close->front = (struct live_block){.offset = subject->facts.metadata, .size = given - taken};
    close->layouts.start = subject->facts.metadata + close->front.size;
    return NULL;
}

struct program_header close_header(const struct close *close, enum close_growth growth) {
    struct program_header header = close->header;
    header.growth_limit = growth == CLOSE_FIXED ? 0 : GROWTH;
    header.refused_asks = growth == CLOSE_REFUSED ? REFUSED_EACH : 0;
    return header;
}

static struct verdict make_step(const struct close *close, enum operation_kind kind, size_t slot,
                                size_t block_size) {
    const size_t header_size = close->executor->model.policy.header_size;
    const struct operation operation = {
        .kind = kind,
        .slot = (uint16_t)slot,
        .size = {SIZE_BASE_LITERAL, kind == OPERATION_FREE ? 0 : (int32_t)(block_size - header_size)}};
    return executor_step(close->executor, &operation);
}

/* For heaps that cannot be put into a layout: allocates all blocks up to the last live one, which first fit
 * puts where they belong, and frees those that are free. */
static struct verdict build(const struct close *close, const struct live_block *live, size_t live_count) {
    size_t end = close->executor->model.first;
    size_t filler = ALPHABET_STALE;
    struct verdict verdict = verdict_sound();
    for (size_t i = 0; i < live_count && verdict_is_sound(verdict); i++) {
        if (live[i].offset != end) {
            verdict = make_step(close, OPERATION_ALLOC, filler++, live[i].offset - end);
        }
        if (verdict_is_sound(verdict)) {
            verdict = make_step(close, OPERATION_ALLOC, i, live[i].size);
        }
        end = live[i].offset + live[i].size;
    }
    while (filler > ALPHABET_STALE && verdict_is_sound(verdict)) {
        verdict = make_step(close, OPERATION_FREE, --filler, 0);
    }
    return verdict;
}

/* A payload may begin a header past the first grain, or past a block, and have a block's room. */
static void set_stale(const struct close *close) {
    const struct layouts *const layouts = &close->layouts;
    const struct executor *const executor = close->executor;
    for (size_t grain = 0; grain + layouts->least <= layouts->grain_count; grain++) {
        const size_t offset =
            layouts->start + grain * layouts->grain_size + executor->model.policy.header_size;
        if ((grain == 0 || grain >= layouts->least) &&
            model_judge_pointer(&executor->model, offset) == REFUSAL_DOUBLE_FREE) {
            executor->tables.slots[ALPHABET_STALE + grain].stale_offset = offset;
            slots_add(executor->tables.stale_bits, ALPHABET_STALE + grain);
        }
    }
}

/* A state. What steps from it may change: the executor, its tables up to one slot past those in use, the
 * heap's structure, the metadata, and the region from the small heap on. */
struct state {
    struct executor executor;
    struct slot slots[ALPHABET_SLOTS + 1];
    struct live_block live[ALPHABET_SLOTS + 1];
    uint64_t live_bits;
    uint64_t stale_bits;
    size_t slot_count;
    size_t live_count;
    unsigned char heap[VIEW_HEAP_SIZE];
    unsigned char region[REGION_SAVED]; /* from the guard in front on */
    unsigned char end_guard[ARENA_GUARD_SIZE];
};

/* Those before each operation of a sequence. */
static struct {
    bool kept; /* they can be put back; or they have to be made again */
    bool stale;
    size_t region_size; /* bytes in each */
    struct state *last; /* the one that the executor is in, or was in before its last step */
    struct state states[CLOSE_LENGTH_MAXIMUM];
} saved;

/* The guards, and all from the region's base to what growth may add. */
static bool is_as_saved(const struct executor *executor) {
    const struct state *const state = saved.last;
    const struct arena region = executor->region;
    return memcmp(region.base - ARENA_GUARD_SIZE, state->region, saved.region_size) == 0 &&
           memcmp(region.base + region.capacity, state->end_guard, ARENA_GUARD_SIZE) == 0;
}

void close_save(const struct close *close, const struct close_place *place, size_t length, bool stale) {
    struct executor *const executor = close->executor;
    const struct subject_view *const view = executor->subject->view;
    struct state *const state = &saved.states[place->length];
    saved.last = state;
    saved.stale = stale;
    saved.kept = !PORT_ADDRESS_SANITIZER && view != NULL && (length == 1 || view->is_whole);
    if (!saved.kept) {
        return;
    }
    const struct arena region = executor->region;
    REQUIRE(executor->copy == NULL); /* which would not be put back */
    saved.region_size =
        ARENA_GUARD_SIZE + executor->model.page_limit * executor->model.page_size + REGION_TAIL;
    REQUIRE(saved.region_size <= sizeof state->region);
    executor->is_as_judged = is_as_saved;
    state->executor = *executor;
    state->live_bits = executor->tables.live_bits[0];
    state->stale_bits = executor->tables.stale_bits[0];
    state->slot_count = 1;
    /* Steps after the first reach further stale slots than the live ones, but never those that are stale from
     * the start, which stand behind all. */
    const uint64_t freed = length == 1 ? 0 : state->stale_bits & (((uint64_t)1 << ALPHABET_STALE) - 1);
    for (uint64_t rest = state->live_bits | freed; rest != 0; rest >>= 1) { /* a slot each time */
        state->slot_count++;
    }
    state->live_count = executor->model.live_count + 1;
    memcpy(state->slots, executor->tables.slots, state->slot_count * sizeof state->slots[0]);
    memcpy(state->live, executor->tables.live, state->live_count * sizeof state->live[0]);
    memcpy(state->heap, view->heap, view->heap_size);
    memcpy(state->region, region.base - ARENA_GUARD_SIZE, saved.region_size);
    memcpy(state->end_guard, region.base + region.capacity, ARENA_GUARD_SIZE);
}

bool close_changed(const struct close *close) {
    const struct executor *const executor = close->executor;
    const struct state *const state = saved.last;
    return !executor->is_unchanged && (executor->grant_count != state->executor.grant_count ||
                                       executor->tables.live_bits[0] != state->live_bits ||
                                       executor->census.layout != state->executor.census.layout);
}

/* Bytes from an offset on. */
static void put_back(const struct close *close, size_t offset, size_t size) {
    memcpy(close->executor->region.base + offset, saved.last->region + ARENA_GUARD_SIZE + offset, size);
}

bool close_restore(const struct close *close, const struct close_place *place) {
    if (!saved.kept) {
        return false;
    }
    struct state *const state = &saved.states[place->length - 1];
    const bool stepped = saved.last == state; /* once, from there */
    saved.last = state;
    struct executor *const executor = close->executor;
    const struct subject_view *const view = executor->subject->view;
    const size_t touched = executor->touched_size;
    const size_t start = close->layouts.start;
    memcpy(view->heap, state->heap, view->heap_size);
    if (!executor->is_unchanged || !stepped) {
        put_back(close, 0, executor->subject->facts.metadata);
        put_back(close, start, touched - start);
    }
    if (stepped && !close_changed(close)) { /* these are all that a call that failed leaves */
        executor->model = state->executor.model;
        executor->refusal = state->executor.refusal;
        executor->operation_count = state->executor.operation_count;
    } else {
        *executor = state->executor;
        memcpy(executor->tables.slots, state->slots, state->slot_count * sizeof state->slots[0]);
        memcpy(executor->tables.live, state->live, state->live_count * sizeof state->live[0]);
        executor->tables.live_bits[0] = state->live_bits;
        executor->tables.stale_bits[0] = state->stale_bits;
    }
    executor->touched_size = touched;
    return true;
}

/* The last of the operations is judged again, so that it is known what the next one must leave. */
struct verdict close_repeat(const struct close *close, const struct close_place *place,
                            const struct alphabet *alphabets) {
    struct executor *const executor = close->executor;
    const bool seen = executor->subject->view != NULL; /* or what a call did is noted by its judges */
    executor_end(executor, false);
    executor->repeats_steps = seen && place->length > 1;
    struct verdict verdict = close_start(close, place->layout, place->growth, saved.stale);
    for (size_t i = 0; i + 1 < place->length && verdict_is_sound(verdict); i++) {
        executor->repeats_steps = seen && i + 2 < place->length;
        verdict = executor_step(executor, &alphabets[i].operations[place->operations[i]]);
    }
    return verdict;
}

struct verdict close_start(const struct close *close, uint64_t layout, enum close_growth growth, bool stale) {
    struct live_block live[LAYOUT_BLOCKS];
    struct executor *const executor = close->executor;
    const struct program_header header = close_header(close, growth);
    const struct subject_view *const view = executor->subject->view;
    executor->is_as_judged = NULL;
    live[0] = close->front;
    const size_t first = close_first_slot(close);
    const size_t live_count = first + layouts_blocks(&close->layouts, layout, live + first);
    struct verdict verdict = executor_start(executor, &header);
    if (verdict_is_sound(verdict)) {
        verdict = view != NULL && view->arrange != NULL ? executor_arrange(executor, live, live_count)
                                                        : build(close, live, live_count);
    }
    if (stale && verdict_is_sound(verdict)) {
        set_stale(close);
    }
    return verdict;
}

uint64_t close_layout(const struct close *close) {
    const struct model *const model = &close->executor->model;
    const size_t first = close_first_slot(close);
    if (model_region_size(model) != close->layouts.start + close->size) {
        return close->layouts.count;
    }
    return layouts_number(&close->layouts, model->live + first, model->live_count - first);
}
