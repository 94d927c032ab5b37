/* The page model. page_model.h is the contract. */
#include "fuzz/page/page_model.h"

#include <stdbool.h>

/* An answer without a pointer. */
static struct page_answer without_page(enum page_error error) {
    return (struct page_answer){.error = error, .page_index = PAGE_MODEL_NO_PAGE};
}

static size_t end_of(struct live_run run) {
    return run.first_index + run.page_count;
}

void page_model_init(struct page_model *model, size_t page_count) {
    model->page_count = page_count;
    model->live_count = 0;
    model->impossible_index = PAGE_MODEL_NO_PAGE;
}

struct live_run page_model_gap(const struct page_model *model, size_t gap) {
    const size_t start = gap == 0 ? 0 : end_of(model->live[gap - 1]);
    const size_t end = gap == model->live_count ? model->page_count : model->live[gap].first_index;
    return (struct live_run){.first_index = start, .page_count = end - start};
}

size_t page_model_longest_free(const struct page_model *model) {
    size_t longest = 0;
    for (size_t gap = 0; gap <= model->live_count; gap++) {
        const size_t page_count = page_model_gap(model, gap).page_count;
        longest = page_count > longest ? page_count : longest;
    }
    return longest;
}

struct page_answer page_model_alloc(struct page_model *model, size_t count) {
    if (count == 0) {
        return without_page(PAGE_OK);
    }
    size_t gap = 0;
    while (gap <= model->live_count && page_model_gap(model, gap).page_count < count) {
        gap++;
    }
    const bool fits = gap <= model->live_count;
    const size_t first_index = fits ? page_model_gap(model, gap).first_index : model->page_count;
    /* The search looks at every page up to the last it takes. */
    if (model->impossible_index < (fits ? first_index + count : model->page_count)) {
        return without_page(PAGE_CORRUPT);
    }
    if (!fits) {
        return without_page(PAGE_EXHAUSTED);
    }
    for (size_t i = model->live_count; i > gap; i--) {
        model->live[i] = model->live[i - 1];
    }
    model->live[gap] = (struct live_run){.first_index = first_index, .page_count = count};
    model->live_count++;
    return (struct page_answer){.error = PAGE_OK, .page_index = first_index};
}

/* The live run that page_index belongs to, or live_count when it is free. */
static size_t find_live(const struct page_model *model, size_t page_index) {
    size_t i = 0;
    while (i < model->live_count && end_of(model->live[i]) <= page_index) {
        i++;
    }
    return i < model->live_count && model->live[i].first_index <= page_index ? i : model->live_count;
}

enum page_state page_model_state(const struct page_model *model, size_t page_index) {
    const size_t found = find_live(model, page_index);
    if (found == model->live_count) {
        return PAGE_STATE_FREE;
    }
    return model->live[found].first_index == page_index ? PAGE_STATE_FIRST : PAGE_STATE_INTERIOR;
}

/* How a pointer at offset is to be answered; on PAGE_OK *found is the live run that starts there. */
static enum page_error judge(const struct page_model *model, int64_t offset, size_t *found) {
    if (offset < 0 || (uint64_t)offset >= model->page_count * PAGE_SIZE) {
        return PAGE_FOREIGN_POINTER;
    }
    if ((size_t)offset % PAGE_SIZE != 0) {
        return PAGE_MISALIGNED_POINTER;
    }
    const size_t page_index = (size_t)offset / PAGE_SIZE;
    if (page_index == model->impossible_index) {
        return PAGE_CORRUPT;
    }
    *found = find_live(model, page_index);
    if (*found == model->live_count) {
        return PAGE_DOUBLE_FREE;
    }
    if (page_index > 0 && page_index - 1 == model->impossible_index) {
        return PAGE_CORRUPT;
    }
    if (page_index != model->live[*found].first_index) {
        return PAGE_INTERIOR_POINTER;
    }
    return find_live(model, model->impossible_index) == *found ? PAGE_CORRUPT : PAGE_OK;
}

struct page_answer page_model_extend(struct page_model *model, int64_t offset, size_t count) {
    size_t found = 0;
    const enum page_error error = judge(model, offset, &found); /* NULL is an offset below 0: foreign */
    if (error != PAGE_OK) {
        return without_page(error);
    }
    const struct live_run gap = page_model_gap(model, found + 1);
    /* Looked at are the pages to be taken, up to the first that is not free, and that one too. */
    if (model->impossible_index >= gap.first_index && model->impossible_index < model->page_count &&
        model->impossible_index - gap.first_index < count &&
        model->impossible_index - gap.first_index <= gap.page_count) {
        return without_page(PAGE_CORRUPT);
    }
    if (gap.page_count < count) {
        return without_page(PAGE_EXHAUSTED);
    }
    model->live[found].page_count += count;
    return without_page(PAGE_OK);
}

struct page_answer page_model_free(struct page_model *model, int64_t offset) {
    if (offset == PAGE_MODEL_NULL) {
        return without_page(PAGE_OK);
    }
    size_t found = 0;
    const enum page_error error = judge(model, offset, &found);
    if (error == PAGE_OK) {
        model->live_count--;
        for (size_t i = found; i < model->live_count; i++) {
            model->live[i] = model->live[i + 1];
        }
    }
    return without_page(error);
}

size_t page_model_run_count(const struct page_model *model, int64_t offset) {
    size_t found = 0;
    return judge(model, offset, &found) == PAGE_OK ? model->live[found].page_count : 0;
}

size_t page_model_size_of(size_t start, size_t page_count) {
    size_t base = 0;
    while (base < start + page_count) {
        base += PAGE_SIZE;
    }
    return base + page_count * PAGE_SIZE - start;
}

size_t page_model_fit(size_t start, size_t size) {
    size_t page_count = 0;
    while (page_model_size_of(start, page_count + 1) <= size) {
        page_count++;
    }
    return page_count;
}
