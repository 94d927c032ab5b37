/* Passes that make the heap simpler: less growth, fewer refusals, fewer bytes and pages, fewer slots; and
 * regions made smaller together with what fills them. */
#include "fuzz/search/reducer.h"

#define FINE_SIZE     ((size_t)4096) /* bytes: regions up to here are tried in steps of the smallest page */
#define REGION_PAIRED ((size_t)32)   /* with more operations, none is changed together with the region */

void reduce_disabled_kinds(struct reducer *reducer) {
    reducer_draft(reducer)->header.disabled_kinds = 0;
    (void)reducer_try(reducer);
}

static bool try_growth(void *context, uint32_t value) {
    struct reducer *const reducer = context;
    reducer_draft(reducer)->header.growth_limit = value;
    return reducer_try(reducer);
}

static void drop_refusals(struct reducer *reducer) {
    reducer_draft(reducer)->header.refused_asks = 0;
    if (reducer_try(reducer)) {
        return;
    }
    for (unsigned ask = PROGRAM_REFUSED_ASK_COUNT; ask-- > 0;) {
        struct program_header *const header = &reducer_draft(reducer)->header;
        header->refused_asks &= (uint16_t)~(1u << ask);
        (void)reducer_try(reducer);
    }
}

/* A slot beyond the count would be read as another: those in use are numbered from 0 on by then. */
static void lower_slot_count(struct reducer *reducer) {
    for (size_t count = PROGRAM_SLOT_COUNT_MINIMUM; count < reducer->best.header.slot_count; count *= 2) {
        reducer_draft(reducer)->header.slot_count = count;
        if (reducer_try(reducer)) {
            return;
        }
    }
}

/* Regions. */

/* Is shown a draft whose region is smaller than the best's, or of fewer pages; changes it further and tries
 * it. difference: the bytes the region has lost. */
typedef bool try_region(struct reducer *reducer, size_t difference);

static size_t header_region_size(const struct program_header *header) {
    return header->page_size * header->page_count;
}

static size_t smallest_page(const struct reducer *reducer) {
    return program_format(reducer->best.header.version)->page_size_minimum;
}

/* Every geometry of `size` bytes, fewest pages first. */
static bool try_geometries(struct reducer *reducer, size_t size, try_region *try) {
    for (size_t page_size = PROGRAM_PAGE_SIZE_MAXIMUM; page_size >= smallest_page(reducer); page_size /= 2) {
        if (size % page_size != 0 || size / page_size > PROGRAM_PAGE_COUNT_MAXIMUM) {
            continue;
        }
        const size_t difference = header_region_size(&reducer->best.header) - size;
        struct program_header *const header = &reducer_draft(reducer)->header;
        header->page_size = page_size;
        header->page_count = size / page_size;
        if (try(reducer, difference)) {
            return true;
        }
    }
    return false;
}

/* The smallest region that will do: each multiple of the smallest page, then powers of two. */
static bool shrink_region(struct reducer *reducer, try_region *try) {
    const size_t size = header_region_size(&reducer->best.header);
    for (size_t smaller = smallest_page(reducer); smaller <= size;) {
        if (try_geometries(reducer, smaller, try)) {
            return true;
        }
        smaller = smaller < FINE_SIZE ? smaller + smallest_page(reducer) : smaller * 2;
    }
    return false;
}

static bool try_alone(struct reducer *reducer, size_t difference) {
    (void)difference;
    return reducer_try(reducer);
}

/* A size less by what the region has lost: what fills a region fills the smaller one as well. */
static bool try_with_size(struct reducer *reducer, size_t difference) {
    const struct program_header header = reducer->next.header;
    for (size_t i = 0; i < reducer->best.count; i++) {
        const struct operation *const operation = &reducer->best.operations[i];
        if (!operation_has_size(operation) || operation->size.base != SIZE_BASE_LITERAL ||
            (size_t)operation->size.amount < difference) {
            continue;
        }
        struct draft *const draft = reducer_draft(reducer);
        draft->header = header;
        draft->operations[i].size.amount -= (int32_t)difference;
        if (reducer_try(reducer)) {
            return true;
        }
    }
    return false;
}

/* An operation less: one that only takes up room is not needed where there is less room. */
static bool try_with_operation(struct reducer *reducer, size_t difference) {
    (void)difference;
    const struct program_header header = reducer->next.header;
    for (size_t gone = reducer->best.count; gone-- > 0;) {
        struct draft *const draft = reducer_draft(reducer);
        draft->header = header;
        draft->count--;
        for (size_t i = gone; i < draft->count; i++) {
            draft->operations[i] = draft->operations[i + 1];
        }
        if (reducer_try(reducer)) {
            return true;
        }
    }
    return false;
}

static bool try_page_count(void *context, uint32_t value) {
    struct reducer *const reducer = context;
    reducer_draft(reducer)->header.page_count = (size_t)value + 1;
    return reducer_try(reducer);
}

void reduce_header(struct reducer *reducer) {
    (void)shrink_number((uint32_t)reducer->best.header.growth_limit, try_growth, reducer);
    drop_refusals(reducer);
    lower_slot_count(reducer);
    (void)shrink_region(reducer, try_alone);
    (void)shrink_number((uint32_t)reducer->best.header.page_count - 1, try_page_count, reducer);
    if (reducer->best.count <= REGION_PAIRED && header_region_size(&reducer->best.header) <= FINE_SIZE) {
        (void)shrink_region(reducer, try_with_size);
        (void)shrink_region(reducer, try_with_operation);
    }
}
