/* The oracle on regions in which no heap can start. bad_start.h is the contract. */
#include "fuzz/execute/bad_start.h"

struct verdict judge_bad_starts(const struct executor *executor) {
    const struct subject_view *const view = executor->subject->view;
    if (view->start_badly == NULL || (executor->oracles & ORACLE_BIT(ORACLE_START_REFUSED)) == 0) {
        return verdict_sound();
    }
    const size_t page_size = executor->model.page_size;
    const size_t page_count = executor->model.page_count;
    unsigned char *const base = executor->region.base;
    const struct subject_region regions[BAD_START_COUNT] = {
#define BAD_START_REGION(name, words, address, size, count)                                                  \
    [BAD_START_##name] = {.base = (address), .page_size = (size), .page_count = (count)},
        BAD_START_LIST(BAD_START_REGION)
#undef BAD_START_REGION
    };
    for (size_t i = 0; i < BAD_START_COUNT; i++) {
        if (view->start_badly(&regions[i])) {
            return (struct verdict){ORACLE_START_REFUSED, i, 0, 1};
        }
    }
    return verdict_sound();
}
