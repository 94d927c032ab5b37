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
static size_t region_size(const struct close *close, size_t page_size) {
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
                                            .page_count = region_size(close, page_size) / page_size,
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

/* What a step may change: the executor, its tables up to one slot past the live ones, the heap's structure,
 * the metadata, and the region from the small heap on. */
static struct {
    uint64_t layout;
    enum close_growth growth;
    bool stale;
    struct executor executor;
    struct slot slots[LAYOUT_BLOCKS + 1];
    struct live_block live[LAYOUT_BLOCKS + 1];
    uint64_t live_bits;
    uint64_t stale_bits;
    size_t count; /* of slots and live blocks */
    unsigned char heap[VIEW_HEAP_SIZE];
    size_t region_size;                 /* bytes, as the next */
    unsigned char region[REGION_SAVED]; /* from the guard in front on */
    unsigned char end_guard[ARENA_GUARD_SIZE];
} saved;

/* The guards, and all from the region's base to what growth may add. */
static bool is_as_saved(const struct executor *executor) {
    const struct arena region = executor->region;
    return memcmp(region.base - ARENA_GUARD_SIZE, saved.region, saved.region_size) == 0 &&
           memcmp(region.base + region.capacity, saved.end_guard, ARENA_GUARD_SIZE) == 0;
}

/* Can all that a step may change be put back? */
static bool is_saved(const struct executor *executor) {
    return !PORT_ADDRESS_SANITIZER && executor->subject->view != NULL;
}

void close_save(const struct close *close, const struct close_place *place, bool stale) {
    struct executor *const executor = close->executor;
    saved.layout = place->layout;
    saved.growth = place->growth;
    saved.stale = stale;
    if (!is_saved(executor)) {
        return;
    }
    const struct subject_view *const view = executor->subject->view;
    const struct arena region = executor->region;
    saved.region_size =
        ARENA_GUARD_SIZE + executor->model.page_limit * executor->model.page_size + REGION_TAIL;
    REQUIRE(saved.region_size <= sizeof saved.region);
    executor->is_as_judged = is_as_saved;
    saved.executor = *executor;
    saved.count = executor->model.live_count + 1;
    memcpy(saved.slots, executor->tables.slots, saved.count * sizeof saved.slots[0]);
    memcpy(saved.live, executor->tables.live, saved.count * sizeof saved.live[0]);
    saved.live_bits = executor->tables.live_bits[0];
    saved.stale_bits = executor->tables.stale_bits[0];
    memcpy(saved.heap, view->heap, view->heap_size);
    memcpy(saved.region, region.base - ARENA_GUARD_SIZE, saved.region_size);
    memcpy(saved.end_guard, region.base + region.capacity, ARENA_GUARD_SIZE);
}

bool close_changed(const struct close *close) {
    const struct executor *const executor = close->executor;
    return executor->grant_count != saved.executor.grant_count ||
           executor->tables.live_bits[0] != saved.live_bits ||
           executor->census.layout != saved.executor.census.layout;
}

/* Bytes from an offset on. */
static void put_back(const struct close *close, size_t offset, size_t size) {
    memcpy(close->executor->region.base + offset, saved.region + ARENA_GUARD_SIZE + offset, size);
}

struct verdict close_again(const struct close *close) {
    struct executor *const executor = close->executor;
    if (!is_saved(executor)) {
        executor_end(executor, false);
        return close_start(close, saved.layout, saved.growth, saved.stale);
    }
    const struct subject_view *const view = executor->subject->view;
    const size_t touched = executor->touched_size;
    const size_t start = close->layouts.start;
    memcpy(view->heap, saved.heap, view->heap_size);
    if (!executor->is_unchanged) {
        put_back(close, 0, executor->subject->facts.metadata);
        put_back(close, start, touched - start);
    }
    if (executor->is_unchanged || !close_changed(close)) { /* these are all that a call that failed leaves */
        executor->model = saved.executor.model;
        executor->refusal = saved.executor.refusal;
        executor->operation_count = saved.executor.operation_count;
    } else {
        *executor = saved.executor;
        memcpy(executor->tables.slots, saved.slots, saved.count * sizeof saved.slots[0]);
        memcpy(executor->tables.live, saved.live, saved.count * sizeof saved.live[0]);
        executor->tables.live_bits[0] = saved.live_bits;
        executor->tables.stale_bits[0] = saved.stale_bits;
    }
    executor->touched_size = touched;
    return verdict_sound();
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
