/* Accessors of a run's state. */
#include "fuzz/execute/state.h"

#include "fuzz/execute/slots.h"
#include "src/require.h"

void executor_observe(struct executor *executor, const struct observer *observer) {
    REQUIRE(executor->observers.count < OBSERVER_MAXIMUM);
    executor->observers.list[executor->observers.count++] = observer;
}

bool executor_slot_is_live(const struct executor *executor, size_t slot) {
    return slots_has(executor->tables.live_bits, slot);
}

size_t executor_next_live(const struct executor *executor, size_t from) {
    return slots_find_circular(executor->tables.live_bits, executor->slot_count, from, true);
}

#define UNSEEN_PAGE_SIZE sizeof(uint64_t) /* bytes: what the arena is kept in */

static size_t within_range(size_t size, const struct subject_facts *facts) {
    const size_t raised = size < facts->region_least ? facts->region_least + size : size;
    return facts->region_most != 0 && raised > facts->region_most ? facts->region_most : raised;
}

/* The region's size as it is declared, whatever the program says. */
static size_t unseen_size(const struct executor *executor, size_t size) {
    const struct subject_facts *const facts = &executor->subject->facts;
    if (facts->memory != SUBJECT_MEMORY_GIVEN) {
        return facts->memory == SUBJECT_MEMORY_OWN ? facts->own_size : size;
    }
    const size_t wanted = within_range(size, facts);
    const size_t room = ARENA_CAPACITY - PROGRAM_PAGE_SIZE_MAXIMUM;
    return wanted < room ? wanted : room;
}

/* Bytes the heap can have besides: as many as the program says; if in regions, as many as the program says
 * pages, each like the first and with a guard in front. */
static size_t unseen_growth(const struct executor *executor, const struct program_header *header,
                            size_t size) {
    const struct subject_facts *const facts = &executor->subject->facts;
    if (facts->memory != SUBJECT_MEMORY_GIVEN || facts->first_fit.grain != 0) {
        return 0; /* the model has no such growth */
    }
    const size_t room = ARENA_CAPACITY - PROGRAM_PAGE_SIZE_MAXIMUM - size;
    const size_t each = executor->subject->add_region == NULL ? header->page_size : size + ARENA_GUARD_SIZE;
    return header->growth_limit * each < room ? header->growth_limit * each : room;
}

struct program_header executor_geometry(const struct executor *executor,
                                        const struct program_header *header) {
    struct program_header geometry = *header;
    if (executor->subject->view == NULL) {
        const size_t grain = executor->subject->facts.first_fit.grain;
        const size_t size = unseen_size(executor, header->page_size * header->page_count);
        geometry.page_size = grain < UNSEEN_PAGE_SIZE ? UNSEEN_PAGE_SIZE : grain;
        geometry.page_count = size / geometry.page_size;
        geometry.growth_limit =
            unseen_growth(executor, header, geometry.page_count * geometry.page_size) / geometry.page_size;
    } else if (executor->subject->view->page_size != 0) {
        geometry.page_size = executor->subject->view->page_size;
        const size_t least = executor->subject->facts.region_least / geometry.page_size;
        geometry.page_count = geometry.page_count < least ? least : geometry.page_count;
        geometry.growth_limit = executor->subject->view->fixed ? 0 : geometry.growth_limit;
    }
    return geometry;
}

size_t executor_header_size(const struct executor *executor) {
    const struct subject_facts *const facts = &executor->subject->facts;
    if (executor_is_anywhere(executor)) {
        return 0;
    }
    return facts->first_fit.grain != 0 ? facts->first_fit.header_size : facts->header_size;
}

/* Is a payload drawn before another? Of two at one address, one of 0 bytes first. */
static bool is_before(const struct slot *left, const struct slot *right) {
    if (left->offset != right->offset) {
        return left->offset < right->offset;
    }
    const bool one_is_empty = (left->size == 0) != (right->size == 0);
    return one_is_empty ? left->size == 0 : left < right;
}

/* The first live payload of those from offset on that come after last; NULL when there is none. */
static const struct slot *next_payload(const struct executor *executor, const struct slot *last,
                                       size_t offset) {
    const struct slot *next = NULL;
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const other = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && other->offset >= offset &&
            (last == NULL || is_before(last, other)) && (next == NULL || is_before(other, next))) {
            next = other;
        }
    }
    return next;
}

/* Visits every live payload in the order of their addresses, once it is known where it is drawn. */
static void walk_anywhere(const struct executor *executor, subject_visit *visit, void *context) {
    const struct slot *next = NULL;
    while ((next = next_payload(executor, next, 0)) != NULL) { /* each of them once */
        if (next->drawn != 0) {
            visit(context, next->drawn - EXECUTOR_GAP, EXECUTOR_GAP, false);
        }
        visit(context, next->drawn, next->size, true);
    }
}

void executor_draw(const struct executor *executor) {
    size_t end = 0;
    const struct slot *next = executor_is_anywhere(executor) ? next_payload(executor, NULL, 0) : NULL;
    while (next != NULL) { /* each of them once */
        executor->tables.slots[next - executor->tables.slots].drawn = (uint32_t)end;
        end += next->size + EXECUTOR_GAP;
        next = next_payload(executor, next, 0);
    }
}

size_t executor_drawn(const struct executor *executor, size_t slot) {
    const struct slot *const drawn = &executor->tables.slots[slot];
    return executor_is_anywhere(executor) ? drawn->drawn : drawn->offset;
}

uint64_t executor_drawn_byte(const struct executor *executor, uint64_t offset) {
    for (size_t slot = 0; slot < executor->slot_count && executor_is_anywhere(executor); slot++) {
        const struct slot *const other = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && offset - other->offset < other->size) {
            return other->drawn + (offset - other->offset);
        }
    }
    return executor_is_anywhere(executor) ? UINT64_MAX : offset;
}

size_t executor_slot_drawn_at(const struct executor *executor, size_t offset) {
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        if (executor_slot_is_live(executor, slot) && executor_drawn(executor, slot) == offset) {
            return slot;
        }
    }
    return executor->slot_count;
}

size_t executor_drawn_pages(const struct executor *executor) {
    size_t end = 1;
    for (size_t slot = 0; slot < executor->slot_count && executor_is_anywhere(executor); slot++) {
        const struct slot *const drawn = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && drawn->drawn + drawn->size > end) {
            end = drawn->drawn + drawn->size;
        }
    }
    return executor_is_anywhere(executor) ? (end + UNSEEN_PAGE_SIZE - 1) / UNSEEN_PAGE_SIZE
                                          : executor->given_pages;
}

bool executor_walk(const struct executor *executor, subject_visit *visit, void *context) {
    const size_t size = executor->given_pages * executor->model.page_size;
    const size_t header_size = executor_header_size(executor);
    if (executor->subject->view != NULL) {
        return executor->subject->view->walk(executor->region.base, size, visit, context);
    }
    if (executor_is_anywhere(executor)) {
        executor_draw(executor);
        walk_anywhere(executor, visit, context);
        return true;
    }
    size_t offset = 0;
    const struct slot *next = NULL;
    do { /* once for each payload, and once for what follows the last */
        next = next_payload(executor, next, offset);
        const size_t payload = next == NULL ? size : next->offset;
        const size_t start = next == NULL || payload - offset < header_size ? payload : payload - header_size;
        const size_t end = next == NULL ? size : payload + next->size;
        if (start != offset) {
            visit(context, offset, start - offset, false);
        }
        if (next != NULL) {
            visit(context, start, end - start, true);
        }
        offset = end;
    } while (next != NULL);
    return true;
}
