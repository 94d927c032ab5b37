/* The page model: what a page allocator should do, by a sorted list of live runs and nothing else.
 *
 * It shares no code and no idea with page.c: no descriptor, no counter, no memory. Pages are numbers, a
 * pointer is its distance from page 0, and of a descriptor it knows only whether it is impossible. It
 * predicts how each operation ends, and then is what the allocator should be. It must never use page.c. */
#ifndef KMEM_PAGE_MODEL_H
#define KMEM_PAGE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "invariants/page_invariant.h"

#define PAGE_MODEL_PAGE_LIMIT 64        /* pages a model has at most */
#define PAGE_MODEL_NULL       INT64_MIN /* the offset that stands for the NULL pointer */
#define PAGE_MODEL_NO_PAGE    SIZE_MAX  /* the page index of no page: NULL is returned */

struct page_model {
    size_t page_count;                           /* 1 to PAGE_MODEL_PAGE_LIMIT */
    struct live_run live[PAGE_MODEL_PAGE_LIMIT]; /* sorted by first_index, not overlapping */
    size_t live_count;
    size_t impossible_index; /* page whose descriptor was overwritten with an impossible one; or no page */
};

/* How an operation should end. */
struct page_answer {
    enum page_error error;
    size_t page_index; /* of the page returned; PAGE_MODEL_NO_PAGE for NULL and for what returns no pointer */
};

/* Makes model one of page_count free pages, 1 to PAGE_MODEL_PAGE_LIMIT. */
void page_model_init(struct page_model *model, size_t page_count);

/* Each predicts the operation of the same name and, if it succeeds, does it. offset is the pointer's distance
 * from page 0 in bytes, or PAGE_MODEL_NULL. Cost: one walk over the live runs. */
struct page_answer page_model_alloc(struct page_model *model, size_t count);
struct page_answer page_model_extend(struct page_model *model, int64_t offset, size_t count);
struct page_answer page_model_free(struct page_model *model, int64_t offset);

/* What page_run_count returns. */
size_t page_model_run_count(const struct page_model *model, int64_t offset);

/* The fewest bytes that page_count pages and their descriptors take in memory that starts that many bytes
 * after a page boundary, and how many pages fit in size bytes of it. Found by trying. Cost: a step per page.
 */
size_t page_model_size_of(size_t start, size_t page_count);
size_t page_model_fit(size_t start, size_t size);

/* The free pages before live run number gap; for gap == live_count those after the last one. */
struct live_run page_model_gap(const struct page_model *model, size_t gap);

/* What a page is. */
enum page_state {
    PAGE_STATE_FREE,
    PAGE_STATE_FIRST,    /* the first page of a live run */
    PAGE_STATE_INTERIOR, /* any other page of a live run */
};
enum page_state page_model_state(const struct page_model *model, size_t page_index);

/* The length of the longest run of free pages; 0 when none is free. */
size_t page_model_longest_free(const struct page_model *model);

#endif
