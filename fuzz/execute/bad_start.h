/* Regions in which no heap can start. */
#ifndef KMEM_BAD_START_H
#define KMEM_BAD_START_H

#include "fuzz/execute/state.h"

/* Each is the run's own region except for one thing: its name in C, its words, then base, page size and page
 * count in terms of the good one's. */
#define BAD_START_LIST(X)                                                                                    \
    X(NULL, "a region at NULL", NULL, page_size, page_count)                                                 \
    X(ODD, "a region at an odd address", base + 1, page_size, page_count)                                    \
    X(WORD, "a region at a multiple of 4 that is none of 8", base + 4, page_size, page_count)                \
    X(NO_PAGE, "a region without a page", base, page_size, 0)                                                \
    X(NO_SIZE, "pages of 0 bytes", base, 0, page_count)                                                      \
    X(SMALL_PAGES, "pages of 8 bytes", base, 8, page_count)                                                  \
    X(ODD_PAGES, "pages whose size is no power of two", base, page_size | page_size >> 1, page_count)        \
    X(LARGE, "a region larger than PTRDIFF_MAX", base, page_size, PTRDIFF_MAX / page_size + 1)               \
    X(COUNTLESS, "a region of SIZE_MAX pages", base, page_size, SIZE_MAX)                                    \
    X(LARGE_PAGE, "a page larger than PTRDIFF_MAX", base, SIZE_MAX / 2 + 1, 1)                               \
    X(WRAPPED, "a region whose size wraps to 0", base, SIZE_MAX / 2 + 1, 2)                                  \
    X(WRAPPED_SMALL, "a region whose size wraps to one page", base, page_size, SIZE_MAX / page_size + 2)     \
    X(LAST, "a region that ends with the address space", (unsigned char *)(0 - page_size), page_size, 1)     \
    X(PAST, "a region that ends beyond the address space", (unsigned char *)(0 - page_size), page_size, 2)

enum bad_start {
#define BAD_START_ENUMERATOR(name, words, base, size, count) BAD_START_##name,
    BAD_START_LIST(BAD_START_ENUMERATOR)
#undef BAD_START_ENUMERATOR
    BAD_START_COUNT
};

/* Checks that the subject starts in none of them. The heap just started in the good region stays as it was:
 * the attempts use another structure. */
__attribute__((warn_unused_result)) struct verdict judge_bad_starts(const struct executor *executor);

#endif
