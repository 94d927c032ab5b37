/* A heap's range of virtual addresses. virtual_heap.h is the contract. */
#include "virtual_heap.h"

#define CANONICAL_END (UINT64_C(1) << 38) /* of the lower half */
#define TABLE_BIT     21                  /* a table of level 0 reaches over 2^21 bytes */
#define TABLES_BIT    30                  /* one of level 1 over 2^30 */

static uint64_t address_of(const struct virtual_heap *heap, size_t index) {
    return heap->range.base + (uint64_t)index * PAGE_SIZE;
}

/* What a refusal of sv39_map is here. */
static enum virtual_heap_error translate_error(enum sv39_error error) {
    switch (error) {
    case SV39_ALREADY_MAPPED:
        return VIRTUAL_HEAP_ALREADY_MAPPED;
    case SV39_OUT_OF_PAGES:
        return VIRTUAL_HEAP_OUT_OF_PAGES;
    default: /* addresses and flags were checked by virtual_heap_init: what is left is damage */
        return VIRTUAL_HEAP_CORRUPT;
    }
}

/* Is a range of this many pages, more than 0, all in the lower or all in the upper half of the canonical
 * addresses? Moved by half the address space the upper half begins where the lower would without the hole. */
static bool is_canonical(uint64_t base, size_t page_count) {
    const uint64_t upper_base = 0 - CANONICAL_END;
    const uint64_t start = base >= upper_base ? base - upper_base : base;
    return start < CANONICAL_END && page_count <= (CANONICAL_END - start) / PAGE_SIZE;
}

/* Units of 2^bit bytes that the first page_count pages, more than 0, of the range touch. */
static size_t span_count(const struct virtual_heap *heap, size_t page_count, unsigned bit) {
    return (size_t)((address_of(heap, page_count - 1) >> bit) - (heap->range.base >> bit)) + 1;
}

/* Pages of the allocator that the first granted_count pages may still need. */
static size_t owed_for(const struct virtual_heap *heap, size_t granted_count) {
    if (granted_count == 0) {
        return 0;
    }
    const size_t most_tables =
        span_count(heap, granted_count, TABLE_BIT) + span_count(heap, granted_count, TABLES_BIT);
    return granted_count - heap->mapped_count + most_tables - heap->table_count;
}

/* Mapping and unmapping one page. */

/* A word of a page, which may hold objects of any type. */
typedef uint64_t __attribute__((may_alias)) word;

static void fill_page(void *page, unsigned char fill) {
    word *const words = page;
    for (size_t i = 0; i < PAGE_SIZE / sizeof *words; i++) {
        words[i] = UINT64_C(0x0101010101010101) * fill;
    }
}

static enum virtual_heap_error map_page(struct virtual_heap *heap, size_t index) {
    struct sv39 *const tables = heap->tables;
    void *const page = page_alloc(tables->pages, 1);
    if (page == NULL) {
        const bool exhausted = page_last_error(tables->pages) == PAGE_EXHAUSTED;
        return exhausted ? VIRTUAL_HEAP_OUT_OF_PAGES : VIRTUAL_HEAP_CORRUPT;
    }
    fill_page(page, heap->range.fill);
    const size_t old_table_count = tables->table_count;
    const uint64_t physical_address = (uint64_t)(uintptr_t)page + tables->physical_offset;
    const enum sv39_error error =
        sv39_map(tables, address_of(heap, index), physical_address, heap->range.flags);
    if (error != SV39_OK) {
        (void)page_free(tables->pages, page); /* taken just now, so it can be freed */
        return translate_error(error);
    }
    heap->table_count += tables->table_count - old_table_count;
    heap->mapped_count++;
    return VIRTUAL_HEAP_OK;
}

/* A page that is not mapped stays so, and is no error: it was never touched. */
static enum virtual_heap_error unmap_page(struct virtual_heap *heap, size_t index) {
    struct sv39 *const tables = heap->tables;
    struct sv39_translation translation;
    enum sv39_error error = sv39_translate(tables, address_of(heap, index), &translation);
    if (error == SV39_NOT_MAPPED) {
        return VIRTUAL_HEAP_OK;
    }
    if (error == SV39_OK) {
        error = sv39_unmap(tables, address_of(heap, index));
    }
    if (error != SV39_OK) {
        return VIRTUAL_HEAP_CORRUPT;
    }
    heap->mapped_count--;
    void *const page = (void *)(uintptr_t)(translation.physical_address - tables->physical_offset);
    return page_free(tables->pages, page) == PAGE_OK ? VIRTUAL_HEAP_OK : VIRTUAL_HEAP_CORRUPT;
}

/* Unmaps pages first..end, from the last down: so the entry of the page in front, mostly not 0, ends the
 * search for a table's last entry at once. Goes on after an error, and returns the last. */
static enum virtual_heap_error unmap_pages(struct virtual_heap *heap, size_t first, size_t end) {
    enum virtual_heap_error error = VIRTUAL_HEAP_OK;
    for (size_t index = end; index > first; index--) {
        const enum virtual_heap_error outcome = unmap_page(heap, index - 1);
        error = outcome == VIRTUAL_HEAP_OK ? error : outcome;
    }
    return error;
}

/* Maps page_count pages after those granted, or none. */
static enum virtual_heap_error map_pages(struct virtual_heap *heap, size_t page_count) {
    const size_t first = heap->granted_count;
    const size_t old_table_count = heap->table_count;
    for (size_t i = 0; i < page_count; i++) {
        const enum virtual_heap_error error = map_page(heap, first + i);
        if (error != VIRTUAL_HEAP_OK) {
            (void)unmap_pages(heap, first, first + i); /* mapped just now, so they can be unmapped */
            heap->table_count = old_table_count;
            return error;
        }
    }
    return VIRTUAL_HEAP_OK;
}

/* The operations. */

enum virtual_heap_error virtual_heap_init(struct virtual_heap *heap, struct sv39 *tables,
                                          const struct virtual_heap_range *range) {
    const uint64_t needed = SV39_READ | SV39_WRITE;
    *heap = (struct virtual_heap){.tables = tables, .range = *range};
    if (tables->root == NULL || range->reserved_count == 0 || range->base % PAGE_SIZE != 0 ||
        !is_canonical(range->base, range->reserved_count)) {
        return VIRTUAL_HEAP_BAD_RANGE;
    }
    const bool legal = (range->flags & needed) == needed && (range->flags & ~SV39_FLAGS) == 0;
    return legal ? VIRTUAL_HEAP_OK : VIRTUAL_HEAP_BAD_FLAGS;
}

enum virtual_heap_error virtual_heap_extend(struct virtual_heap *heap, size_t page_count) {
    const struct page_allocator *const pages = heap->tables->pages;
    if (page_count > heap->range.reserved_count - heap->granted_count) {
        return VIRTUAL_HEAP_FULL;
    }
    enum virtual_heap_error error = VIRTUAL_HEAP_OK;
    if (heap->range.mode == VIRTUAL_HEAP_MAPPED) {
        error = map_pages(heap, page_count);
    } else if (owed_for(heap, heap->granted_count + page_count) > pages->page_count - pages->taken_count) {
        error = VIRTUAL_HEAP_OUT_OF_PAGES;
    }
    heap->granted_count += error == VIRTUAL_HEAP_OK ? page_count : 0;
    return error;
}

enum virtual_heap_error virtual_heap_touch(struct virtual_heap *heap, uint64_t address) {
    const uint64_t index = (address - heap->range.base) / PAGE_SIZE; /* before the base: far past it */
    if (index >= heap->range.reserved_count) {
        return VIRTUAL_HEAP_FOREIGN;
    }
    if (index >= heap->granted_count) {
        return VIRTUAL_HEAP_PAST_END;
    }
    struct sv39_translation translation;
    const enum sv39_error error = sv39_translate(heap->tables, address, &translation);
    if (error == SV39_NOT_MAPPED) {
        return map_page(heap, (size_t)index);
    }
    return error == SV39_OK ? VIRTUAL_HEAP_ALREADY_MAPPED : VIRTUAL_HEAP_CORRUPT;
}

enum virtual_heap_error virtual_heap_release(struct virtual_heap *heap) {
    const enum virtual_heap_error error = unmap_pages(heap, 0, heap->granted_count);
    heap->granted_count = 0;
    heap->mapped_count = 0;
    heap->table_count = 0;
    return error;
}

size_t virtual_heap_owed_count(const struct virtual_heap *heap) {
    return heap->range.mode == VIRTUAL_HEAP_LAZY ? owed_for(heap, heap->granted_count) : 0;
}

/* No default, so that the compiler asks for a name when an error is added. */
const char *virtual_heap_error_name(enum virtual_heap_error error) {
    switch (error) {
    case VIRTUAL_HEAP_OK:
        return "ok";
    case VIRTUAL_HEAP_BAD_RANGE:
        return "bad-range";
    case VIRTUAL_HEAP_BAD_FLAGS:
        return "bad-flags";
    case VIRTUAL_HEAP_FULL:
        return "full";
    case VIRTUAL_HEAP_OUT_OF_PAGES:
        return "out-of-pages";
    case VIRTUAL_HEAP_FOREIGN:
        return "foreign";
    case VIRTUAL_HEAP_PAST_END:
        return "past-end";
    case VIRTUAL_HEAP_ALREADY_MAPPED:
        return "already-mapped";
    case VIRTUAL_HEAP_CORRUPT:
        return "corrupt";
    }
    return "unknown";
}
