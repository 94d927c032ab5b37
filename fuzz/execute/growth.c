/* Growth without a view. growth.h is the contract. */
#include "fuzz/execute/growth.h"

#include "fuzz/execute/guard.h"
#include "src/port.h"
#include "src/require.h"

static struct executor *running; /* whose subject may ask */

void growth_start(struct executor *executor) {
    running = executor;
    executor->regions[0] =
        (struct region){.offset = 0, .size = executor->given_pages * executor->model.page_size};
    executor->region_count = 1;
}

/* Takes size bytes, a multiple of the page size, after `gap` more from what is left. Returns where; NULL:
 * there are not so many, or the program refuses. */
static unsigned char *take(struct executor *executor, size_t gap, size_t size) {
    const size_t page_size = executor->model.page_size;
    const size_t end = executor->given_pages * page_size;
    const size_t left = executor->model.page_limit * page_size - end;
    if (left < gap || size > left - gap || size == 0 || !model_ask(&executor->model)) {
        return NULL;
    }
    unsigned char *const memory = executor_pointer(executor, end + gap);
    PORT_UNPOISON(memory, size);
    executor->given_pages += (gap + size) / page_size;
    return memory;
}

void *subject_more(size_t size) {
    if (running == NULL || size > SIZE_MAX / 2) {
        return NULL;
    }
    const size_t page_size = running->model.page_size;
    const size_t whole = (size + page_size - 1) / page_size * page_size;
    void *const memory = take(running, 0, whole);
    running->regions[0].size += memory == NULL ? 0 : whole;
    return memory;
}

struct gift {
    const struct executor *executor;
    void *memory; /* NULL: none is given */
    size_t size;
    bool taken;
};

static void call_add_region(void *context) {
    struct gift *const gift = (struct gift *)context;
    gift->taken = gift->executor->subject->add_region(gift->memory, gift->size);
}

struct verdict growth_after(struct executor *executor, const struct step *step) {
    const bool refused = step->offset == MODEL_NOTHING && step->size != 0 && step->call >= CALL_ALLOC &&
                         step->call <= CALL_REALLOC;
    if (!refused || executor->subject->add_region == NULL || executor->region_count == GROWTH_REGIONS) {
        return verdict_sound();
    }
    const size_t size = executor->regions[0].size;
    const size_t offset = executor->given_pages * executor->model.page_size + ARENA_GUARD_SIZE;
    struct gift gift = {.executor = executor, .memory = take(executor, ARENA_GUARD_SIZE, size), .size = size};
    if (gift.memory == NULL) {
        return verdict_sound();
    }
    executor->regions[executor->region_count++] = (struct region){.offset = offset, .size = size};
    const struct verdict verdict = guard_call(executor, NULL, true, call_add_region, &gift);
    executor->region_count -= gift.taken ? 0 : 1;
    return verdict;
}

bool growth_is_inside(const struct executor *executor, size_t offset, size_t size) {
    for (size_t i = 0; i < executor->region_count; i++) {
        const struct region region = executor->regions[i];
        if (offset >= region.offset && offset - region.offset <= region.size &&
            size <= region.size - (offset - region.offset)) {
            return true;
        }
    }
    return false;
}

size_t growth_size(const struct executor *executor) {
    size_t size = 0;
    for (size_t i = 0; i < executor->region_count; i++) {
        size += executor->regions[i].size;
    }
    return size;
}
