/* The oracle on regions in which no heap can start. bad_start.h is the contract. */
#include "fuzz/execute/bad_start.h"

#include "fuzz/execute/judge.h"

static struct subject_region bad_region(const struct executor *executor, size_t index) {
    const size_t page_size = executor->model.page_size;
    const size_t page_count = executor->model.page_count;
    unsigned char *const base = executor->region.base;
    const struct subject_region regions[BAD_START_COUNT] = {
#define BAD_START_REGION(name, words, address, size, count)                                                  \
    [BAD_START_##name] = {.base = (address), .page_size = (size), .page_count = (count)},
        BAD_START_LIST(BAD_START_REGION)
#undef BAD_START_REGION
    };
    return regions[index];
}

/* The verdict's offset is the region's number; it expects 0 heaps and observes 1. */
static struct verdict check_bad_start(const struct executor *executor, size_t index) {
    _Alignas(16) unsigned char heap[SUBJECT_HEAP_SIZE] = {0};
    const struct subject_region region = bad_region(executor, index);
    return executor->subject->start_badly(heap, &region) ? (struct verdict){ORACLE_START_REFUSED, index, 0, 1}
                                                         : verdict_sound();
}

struct verdict judge_bad_starts(const struct executor *executor) {
    if (executor->subject->start_badly == NULL ||
        (executor->oracles & ORACLE_BIT(ORACLE_START_REFUSED)) == 0) {
        return verdict_sound();
    }
    for (size_t i = 0; i < BAD_START_COUNT; i++) {
        const struct verdict verdict = check_bad_start(executor, i);
        if (!verdict_is_sound(verdict)) {
            return verdict;
        }
    }
    return verdict_sound();
}
