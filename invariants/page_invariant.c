/* The checker of a page allocator. page_invariant.h is the contract.
 *
 * One function for each invariant's failure, named after it, says what its verdict's members mean. They are
 * kept out of line so that a debugger can stop in each. */
#include "invariants/page_invariant.h"

#define OUT_OF_LINE __attribute__((noinline, cold))

/* Taken pages that belong together, as the descriptors have it. */
struct taken_run {
    size_t first_index;
    size_t page_count; /* at least 1 */
};

/* The failures. */

/* page 0; the first of base, descriptors, page count that differs (pointers as their distance from the right
 * one). */
OUT_OF_LINE static struct verdict fail_region(uint64_t expected, uint64_t observed) {
    return (struct verdict){PAGE_INVARIANT_REGION, 0, expected, observed};
}

/* the page; its descriptor without the bits it may not have; its descriptor. */
OUT_OF_LINE static struct verdict fail_descriptor(size_t index, unsigned possible, unsigned descriptor) {
    return (struct verdict){PAGE_INVARIANT_DESCRIPTOR, index, possible, descriptor};
}

/* the page that ends the run; the descriptor of a last page; its descriptor. */
OUT_OF_LINE static struct verdict fail_run_ends(size_t index, unsigned descriptor) {
    return (struct verdict){PAGE_INVARIANT_RUN_ENDS, index, PAGE_TAKEN | PAGE_LAST, descriptor};
}

/* the run's first page; 0 pages expected; the run's length observed. */
OUT_OF_LINE static struct verdict fail_taken_is_live(struct taken_run run) {
    return (struct verdict){PAGE_INVARIANT_TAKEN_IS_LIVE, run.first_index, 0, run.page_count};
}

/* the live run's first page; its length; the length of the taken run that starts there, 0 when none does. */
OUT_OF_LINE static struct verdict fail_live_is_taken(struct live_run live, size_t taken_count) {
    return (struct verdict){PAGE_INVARIANT_LIVE_IS_TAKEN, live.first_index, live.page_count, taken_count};
}

/* page 0; the walk's count of taken pages; the allocator's own. */
OUT_OF_LINE static struct verdict fail_counter(uint64_t counted, uint64_t claimed) {
    return (struct verdict){PAGE_INVARIANT_COUNTER, 0, counted, claimed};
}

/* The checks. Each returns a sound verdict or its own failure, whatever the mask says. */

static bool is_on(uint64_t mask, struct verdict verdict) {
    return (mask & PAGE_INVARIANT_BIT(verdict.oracle)) != 0 && !verdict_is_sound(verdict);
}

static struct verdict check_region(const struct page_allocator *pages,
                                   const struct page_expectation *expectation) {
    const uintptr_t base = (uintptr_t)expectation->base;
    if ((uintptr_t)pages->base != base) {
        return fail_region(0, (uintptr_t)pages->base - base);
    }
    const uintptr_t descriptors = (uintptr_t)expectation->descriptors;
    if ((uintptr_t)pages->descriptors != descriptors) {
        return fail_region(0, (uintptr_t)pages->descriptors - descriptors);
    }
    if (pages->page_count != expectation->page_count) {
        return fail_region(expectation->page_count, pages->page_count);
    }
    return verdict_sound();
}

static struct verdict check_descriptors(const struct page_expectation *expectation) {
    for (size_t index = 0; index < expectation->page_count; index++) {
        const unsigned descriptor = expectation->descriptors[index];
        const unsigned taken = descriptor & PAGE_TAKEN;
        const unsigned possible = taken != 0 ? taken | (descriptor & PAGE_LAST) : 0;
        if (descriptor != possible) {
            return fail_descriptor(index, possible, descriptor);
        }
    }
    return verdict_sound();
}

/* The taken run at index or after it; its page_count is 0 when there is none. It ends with its last page, or
 * before a free one, or with the pages. */
static struct taken_run find_taken_run(const struct page_expectation *expectation, size_t index) {
    const unsigned char *const descriptors = expectation->descriptors;
    while (index < expectation->page_count && (descriptors[index] & PAGE_TAKEN) == 0) {
        index++;
    }
    struct taken_run run = {.first_index = index, .page_count = 0};
    for (; index < expectation->page_count && (descriptors[index] & PAGE_TAKEN) != 0; index++) {
        run.page_count++;
        if ((descriptors[index] & PAGE_LAST) != 0) {
            break;
        }
    }
    return run;
}

static struct verdict check_run_ends(const struct page_expectation *expectation, struct taken_run run) {
    const size_t end_index = run.first_index + run.page_count - 1;
    const unsigned descriptor = expectation->descriptors[end_index];
    return (descriptor & PAGE_LAST) != 0 ? verdict_sound() : fail_run_ends(end_index, descriptor);
}

/* Compares one run with the live list, of which *next is the first one not passed. */
static struct verdict check_agreement(const struct page_expectation *expectation, struct taken_run run,
                                      size_t *next) {
    if (*next == expectation->live_count || expectation->live[*next].first_index != run.first_index) {
        return fail_taken_is_live(run);
    }
    const struct live_run live = expectation->live[(*next)++];
    return run.page_count == live.page_count ? verdict_sound() : fail_live_is_taken(live, run.page_count);
}

/* Moves *next to the first live run that starts at index or after it. Where those before it start, no taken
 * run does. */
static struct verdict check_all_missed(const struct page_expectation *expectation, size_t index,
                                       uint64_t mask, size_t *next) {
    while (*next < expectation->live_count && expectation->live[*next].first_index < index) {
        const struct verdict verdict = fail_live_is_taken(expectation->live[(*next)++], 0);
        if (is_on(mask, verdict)) {
            return verdict;
        }
    }
    return verdict_sound();
}

/* The checks of one run, of which those are done that the mask names. */
static struct verdict check_run(const struct page_expectation *expectation, struct taken_run run,
                                uint64_t mask, size_t *next) {
    struct verdict verdict = check_run_ends(expectation, run);
    if (is_on(mask, verdict)) {
        return verdict;
    }
    verdict = check_all_missed(expectation, run.first_index, mask, next);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    verdict = check_agreement(expectation, run, next);
    return is_on(mask, verdict) ? verdict : verdict_sound();
}

struct verdict page_invariant_check(const struct page_allocator *pages,
                                    const struct page_expectation *expectation, uint64_t mask) {
    struct verdict verdict = check_region(pages, expectation);
    if (is_on(mask, verdict)) {
        return verdict;
    }
    verdict = check_descriptors(expectation);
    if (is_on(mask, verdict)) {
        return verdict;
    }
    size_t taken_count = 0;
    size_t next = 0;
    /* Every run has a page at least, so each step advances. */
    struct taken_run run = find_taken_run(expectation, 0);
    while (run.page_count != 0) {
        verdict = check_run(expectation, run, mask, &next);
        if (!verdict_is_sound(verdict)) {
            return verdict;
        }
        taken_count += run.page_count;
        run = find_taken_run(expectation, run.first_index + run.page_count);
    }
    verdict = check_all_missed(expectation, SIZE_MAX, mask, &next); /* no page has that index */
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    verdict =
        pages->taken_count == taken_count ? verdict_sound() : fail_counter(taken_count, pages->taken_count);
    return is_on(mask, verdict) ? verdict : verdict_sound();
}

static const char *const invariant_text[PAGE_INVARIANT_COUNT][2] = {
#define PAGE_INVARIANT_TEXT(name, id, sentence) [PAGE_INVARIANT_##name] = {id, sentence},
    PAGE_INVARIANT_LIST(PAGE_INVARIANT_TEXT)
#undef PAGE_INVARIANT_TEXT
};

const char *page_invariant_id(unsigned invariant) {
    return invariant < PAGE_INVARIANT_COUNT ? invariant_text[invariant][0] : NULL;
}

const char *page_invariant_sentence(unsigned invariant) {
    return invariant < PAGE_INVARIANT_COUNT ? invariant_text[invariant][1] : NULL;
}
