/* The page allocator as a subject: fuzz/execute/subject.h and view.h are the contracts. */
#include <limits.h>

#include "fuzz/execute/arena.h"
#include "fuzz/execute/oracle.h"
#include "fuzz/execute/view.h"
#include "fuzz/subjects/pages_calls.h"
#include "invariants/page_invariant.h"
#include "src/port.h"

#define PAGE_LIMIT   PROGRAM_PAGE_COUNT_MAXIMUM
#define WATCHED_SIZE ((size_t)64) /* bytes on each side of the descriptors, and in front of page 0 */

_Static_assert(sizeof(struct page_allocator) <= VIEW_HEAP_SIZE, "the harness has room for the allocator");

static unsigned char *region;
static enum refusal returned; /* by the last free */

static bool start(void *memory, size_t size) {
    region = memory;
    returned = REFUSAL_NONE;
    PORT_UNPOISON(region, size);
    return pages_start(memory, size);
}

static bool start_region(const struct subject_region *given);

static bool is_named(enum page_error error, const char *name) {
    const char *const given = page_error_name(error);
    size_t i = 0;
    while (given != NULL && given[i] == name[i] && name[i] != '\0') {
        i++;
    }
    return given != NULL && given[i] == name[i];
}

static bool refuses(void *memory, size_t size) {
    struct page_allocator other;
    return is_named(page_init(&other, memory, size), "bad-region") &&
           page_last_error(&other) == PAGE_BAD_REGION;
}

/* Any address will do but NULL, so where a size would, too, no page fits: a page and a byte hold one only
 * right in front of a boundary. */
static bool start_badly(const struct subject_region *given) {
    size_t size;
    if (__builtin_mul_overflow(given->page_size, given->page_count, &size)) {
        size = SIZE_MAX;
    }
    if (given->base != NULL && size <= PTRDIFF_MAX && size <= UINTPTR_MAX - (uintptr_t)given->base) {
        size = size < PAGE_SIZE + 1 ? size : PAGE_SIZE + 1;
    }
    /* A byte holds no page wherever it is, nor does nothing at the last address. */
    return !refuses(given->base, size) || !refuses(given->base, 1) || !refuses((void *)UINTPTR_MAX, 0);
}

/* By its name, as people read it, so that a wrong name is a wrong refusal: one that pages have not. */
static enum refusal refusal_of(enum page_error error) {
    if (is_named(error, "ok")) {
        return REFUSAL_NONE;
    }
#define RETURN_IF_NAMED(refusal, name)                                                                       \
    if (is_named(error, name)) {                                                                             \
        return REFUSAL_##refusal;                                                                            \
    }
    REFUSAL_LIST(RETURN_IF_NAMED)
#undef RETURN_IF_NAMED
    return REFUSAL_BAD_ALIGNMENT;
}

static void call_free(void *pointer) {
    returned = refusal_of(pages_free(pointer));
}

static enum refusal last_refusal(void) {
    return refusal_of(page_last_error(&pages));
}

static enum refusal last_returned(void) {
    return returned;
}

static size_t described; /* the page whose descriptor was asked for last */

static unsigned char *descriptor(size_t offset) {
    described = offset / PAGE_SIZE - 1;
    return descriptors + described;
}

/* With the damage undone. A run that comes to a free page, or to the end, has no last page. */
static bool is_impossible(unsigned char value, bool is_of_run) {
    const unsigned char *const at = descriptors + described;
    if (value == 0) {
        return is_of_run && described != 0 && at[-1] == PAGE_TAKEN;
    }
    if (value == PAGE_TAKEN) {
        return is_of_run && (described + 1 == page_count || at[1] == 0);
    }
    return value != (PAGE_TAKEN | PAGE_LAST);
}

/* The pages from index on that are one free stretch or one run; what else there is counts as a run of one. */
static size_t stretch(size_t index) {
    const unsigned char first = descriptors[index];
    size_t count = 1;
    while (index + count < page_count &&
           (first == 0 ? descriptors[index + count] == 0 : descriptors[index + count - 1] == PAGE_TAKEN)) {
        count++;
    }
    return count;
}

static bool walk(const unsigned char *base, size_t size, subject_visit *visit, void *context) {
    (void)base;
    visit(context, 0, PAGE_SIZE, true); /* the descriptors' page */
    for (size_t index = 0; index < page_count && (1 + index) * PAGE_SIZE < size;) {
        const size_t count = stretch(index);
        visit(context, (1 + index) * PAGE_SIZE, count * PAGE_SIZE, descriptors[index] != 0);
        index += count;
    }
    return true;
}

static void take_census(struct census *census) {
    *census = (struct census){.complete = true, .layout = page_count};
    for (size_t index = 0; index < page_count; index++) {
        census->layout =
            (census->layout << 7 ^ census->layout >> 57 ^ descriptors[index]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    for (size_t index = 0; index < page_count;) {
        const size_t count = stretch(index);
        const bool taken = descriptors[index] != 0;
        census->block_count++;
        census->taken_count += taken;
        census->taken_size += taken ? count * PAGE_SIZE : 0;
        index += count;
    }
}

/* The heap's invariant, or oracle, for each of the pages'. */
static const unsigned oracles[PAGE_INVARIANT_COUNT] = {
    [PAGE_INVARIANT_REGION] = INVARIANT_REGION,
    [PAGE_INVARIANT_DESCRIPTOR] = ORACLE_OWN_CHECK,
    [PAGE_INVARIANT_RUN_ENDS] = ORACLE_OWN_CHECK,
    [PAGE_INVARIANT_TAKEN_IS_LIVE] = INVARIANT_TAKEN_IS_LIVE,
    [PAGE_INVARIANT_LIVE_IS_TAKEN] = INVARIANT_LIVE_IS_TAKEN,
    [PAGE_INVARIANT_COUNTER] = INVARIANT_COUNTERS,
};

static struct verdict translate(struct verdict verdict) {
    const unsigned oracle = oracles[verdict.oracle];
    switch (verdict.oracle) {
    case PAGE_INVARIANT_DESCRIPTOR:
    case PAGE_INVARIANT_RUN_ENDS:
        return (struct verdict){oracle, 0, 1, 0};
    case PAGE_INVARIANT_TAKEN_IS_LIVE:
    case PAGE_INVARIANT_LIVE_IS_TAKEN:
        return (struct verdict){oracle, (1 + verdict.offset) * PAGE_SIZE, verdict.expected * PAGE_SIZE,
                                verdict.observed * PAGE_SIZE};
    default:
        return (struct verdict){oracle, verdict.offset, verdict.expected, verdict.observed};
    }
}

static struct verdict check_pages(const struct expectation *expectation, uint64_t mask) {
    static struct live_run live[PAGE_LIMIT];
    const size_t live_count = expectation->live_count < PAGE_LIMIT ? expectation->live_count : PAGE_LIMIT;
    for (size_t i = 0; i < live_count; i++) {
        live[i].first_index = expectation->live[i].offset / PAGE_SIZE - 1;
        live[i].page_count = (size_t)expectation->live[i].size / PAGE_SIZE;
    }
    uint64_t page_mask = 0;
    for (unsigned i = 1; i < PAGE_INVARIANT_COUNT; i++) {
        page_mask |= (mask >> oracles[i] & 1) << i;
    }
    const struct page_expectation expected = {.base = region + PAGE_SIZE,
                                              .descriptors = descriptors,
                                              .page_count = page_count,
                                              .live = live,
                                              .live_count = live_count};
    const struct verdict verdict = page_invariant_check(&pages, &expected, page_mask);
    return verdict_is_sound(verdict) ? verdict : translate(verdict);
}

/* The bytes from first to end, both in the descriptors' page, are as they were given. */
static struct verdict check_dirt(const unsigned char *first, const unsigned char *end) {
    for (const unsigned char *byte = first; byte < end; byte++) {
        if (*byte != ARENA_DIRT) {
            return (struct verdict){ORACLE_GUARDS, (uint64_t)(byte - region), ARENA_DIRT, *byte};
        }
    }
    return verdict_sound();
}

static struct verdict check_around(void) {
    const unsigned char *const end = descriptors + page_count;
    const unsigned char *const first_page = region + PAGE_SIZE;
    const bool wide = (size_t)(first_page - end) > WATCHED_SIZE;
    struct verdict verdict = check_dirt(
        (size_t)(descriptors - region) < WATCHED_SIZE ? region : descriptors - WATCHED_SIZE, descriptors);
    if (verdict_is_sound(verdict)) {
        verdict = check_dirt(end, wide ? end + WATCHED_SIZE : first_page);
    }
    return verdict_is_sound(verdict) && wide ? check_dirt(first_page - WATCHED_SIZE, first_page) : verdict;
}

static struct verdict check(const struct expectation *expectation, uint64_t mask, struct census *census) {
    take_census(census);
    const struct verdict verdict = check_pages(expectation, mask);
    const bool watched = (mask & ORACLE_BIT(ORACLE_GUARDS)) != 0;
    return verdict_is_sound(verdict) && watched ? check_around() : verdict;
}

static struct subject_view view = {
    .heap = &pages,
    .heap_size = sizeof pages,
    .page_size = PAGE_SIZE,
    .fixed = true,
    .answers_damage = true,
    .descriptor = descriptor,
    .is_impossible = is_impossible,
    .start = start_region,
    .start_badly = start_badly,
    .last_refusal = last_refusal,
    .last_returned = last_returned,
    .check = check,
    .walk = walk,
};

#define ODD_COUNT ((size_t)3) /* pages */

/* Tables that no program makes, and an answer that is wrong when something of theirs is freed. The free has
 * to leave them as they are. Which answer is right, programs judge. */
static const struct {
    unsigned char descriptors[ODD_COUNT + 1]; /* the last is what lies past the table */
    size_t taken_count;
    size_t offset; /* bytes from page 0: what is freed */
    enum page_error wrong;
} odd_tables[] = {
    {{PAGE_TAKEN, PAGE_TAKEN | PAGE_LAST}, 1, 0, PAGE_OK}, /* a run of more pages than are taken */
    {{PAGE_TAKEN | PAGE_LAST, PAGE_TAKEN, PAGE_TAKEN, PAGE_TAKEN | PAGE_LAST}, 3, PAGE_SIZE, PAGE_OK},
    {{PAGE_TAKEN, UCHAR_MAX, PAGE_TAKEN | PAGE_LAST}, 3, PAGE_SIZE, PAGE_INTERIOR_POINTER},
    {{0}, 0, ODD_COUNT *PAGE_SIZE - 1, PAGE_FOREIGN_POINTER}, /* the last byte of the last page */
};

/* No page of a table is touched: any will do. */
static bool answers_odd_tables(void) {
    bool right = true;
    for (size_t i = 0; i < sizeof odd_tables / sizeof odd_tables[0] && right; i++) {
        unsigned char table[ODD_COUNT + 1];
        for (size_t j = 0; j < sizeof table; j++) {
            table[j] = odd_tables[i].descriptors[j];
        }
        struct page_allocator odd = {.descriptors = table,
                                     .base = pages.base,
                                     .page_count = ODD_COUNT,
                                     .taken_count = odd_tables[i].taken_count};
        void *const pointer = pages.base + odd_tables[i].offset;
        right = page_run_count(&odd, pointer) == 0;
        (void)page_free(&odd, pointer);
        right = right && page_last_error(&odd) != odd_tables[i].wrong &&
                odd.taken_count == odd_tables[i].taken_count;
        for (size_t j = 0; j < sizeof table; j++) {
            right = right && table[j] == odd_tables[i].descriptors[j];
        }
    }
    return right;
}

static bool start_region(const struct subject_region *given) {
    const bool started = start(given->base, given->page_count * PAGE_SIZE) && answers_odd_tables();
    view.own = descriptors;
    view.own_size = page_count;
    return started;
}

static const struct subject_names names = {
    .sources = "src/page.c",
    .head = "#include \"fuzz/subjects/pages_calls.h\"\n",
    .start = "pages_start",
    .alloc = "pages_alloc",
    .free = "pages_free",
    .zalloc = "pages_zalloc",
    .usable_size = "pages_usable_size",
    .extend = "pages_extend",
};

static const struct subject subject_pages = {
    .name = "page allocator",
    .start = start,
    .alloc = pages_alloc,
    .free = call_free,
    .zalloc = pages_zalloc,
    .usable_size = pages_usable_size,
    .extend = pages_extend,
    .facts = {.alignment = PAGE_SIZE,
              .region_least = 2 * PAGE_SIZE,
              .metadata = PAGE_SIZE,
              .zero_size = SUBJECT_ZERO_NULL,
              .free_null = true,
              .first_fit = {.header_size = 0, .grain = PAGE_SIZE, .block_least = PAGE_SIZE}},
    .names = &names,
    .view = &view,
};

const struct subject *const subject_under_test = &subject_pages;
