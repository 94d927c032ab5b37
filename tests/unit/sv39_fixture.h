/* What the page tables' unit tests share: a tree on a small page allocator whose free pages are dirty, and
 * what a refused operation may not change.
 *
 * Page 0 of the allocator has the physical address PHYSICAL_BASE, wherever the arena lies. The root is page
 * 0, and the allocator is first fit, so the tables of the first mapping are page 1 (level 1) and page 2
 * (level 0).
 *
 * Included by tests only, once each, after cmocka.h and what that needs. */
#ifndef KMEM_SV39_FIXTURE_H
#define KMEM_SV39_FIXTURE_H

#include "src/page.h"
#include "src/riscv/sv39.h"
#include "tests/unit/test.h"

#define PAGE_LIMIT    ((size_t)16) /* pages an allocator under test has at most */
#define DIRT          0xa5
#define PHYSICAL_BASE UINT64_C(0x80000000)
#define DEVICE        UINT64_C(0x10000000) /* a physical page that is not the allocator's */
#define READ_WRITE    (SV39_READ | SV39_WRITE)

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static _Alignas(4096) unsigned char arena[(1 + PAGE_LIMIT) * PAGE_SIZE];
static struct page_allocator pages;
static struct sv39 tree;

/* What a refused operation may not change. */
static struct sv39 tree_before;
static struct page_allocator pages_before;
static unsigned char arena_before[sizeof arena];

static inline unsigned char *page_at(size_t index) {
    return pages.base + index * PAGE_SIZE;
}

/* The table in a page of the allocator. */
static inline uint64_t *table_at(size_t index) {
    return (void *)page_at(index);
}

static inline uint64_t physical_at(size_t index) {
    return PHYSICAL_BASE + index * PAGE_SIZE;
}

/* page_count pages, all dirty; page 0 is the arena's second page. */
static inline void set_up_pages(size_t page_count) {
    memset(arena, DIRT, sizeof arena);
    assert_int_equal(page_init(&pages, arena + PAGE_SIZE - page_count, page_count + page_count * PAGE_SIZE),
                     PAGE_OK);
    assert_int_equal(pages.page_count, page_count);
}

/* The offset that gives page 0 the physical address `start`. */
static inline uint64_t offset_for(uint64_t start) {
    return start - (uintptr_t)pages.base;
}

/* The same with a page taken for the root, which is the first. */
static inline unsigned char *set_up_root(size_t page_count) {
    set_up_pages(page_count);
    unsigned char *const root = page_zalloc(&pages, 1);
    assert_ptr_equal(root, page_at(0));
    return root;
}

/* An empty tree on page_count pages. */
static inline void set_up(size_t page_count) {
    void *const root = set_up_root(page_count);
    assert_int_equal(sv39_init(&tree, &pages, root, offset_for(PHYSICAL_BASE)), SV39_OK);
}

/* Some of the tests' entries: that of a table, and one that is mostly what a walk gets past. */
static inline uint64_t table_entry(uint64_t physical_address) {
    return physical_address >> 2 | SV39_VALID;
}

static inline uint64_t random_entry(uint64_t *seed, size_t page_count) {
    const uint64_t value = next_random(seed);
    switch (value % 8) {
    case 0:
        return next_random(seed);
    case 1:
        return 0;
    case 2:
        return DEVICE >> 2 | READ_WRITE | SV39_PRESET;
    default:
        return table_entry(physical_at(value / 8 % page_count));
    }
}

static inline void map(uint64_t virtual_address, uint64_t physical_address) {
    assert_int_equal(sv39_map(&tree, virtual_address, physical_address, READ_WRITE), SV39_OK);
}

static inline void unmap(uint64_t virtual_address) {
    assert_int_equal(sv39_unmap(&tree, virtual_address), SV39_OK);
}

static inline void assert_translates(uint64_t virtual_address, uint64_t physical_address, uint64_t flags) {
    struct sv39_translation translation = {.physical_address = UINT64_MAX, .flags = UINT64_MAX};
    assert_int_equal(sv39_translate(&tree, virtual_address, &translation), SV39_OK);
    assert_int_equal(translation.physical_address, physical_address);
    assert_int_equal(translation.flags, flags);
}

static inline void assert_counts(size_t table_count, size_t mapped_count) {
    assert_int_equal(tree.table_count, table_count);
    assert_int_equal(tree.mapped_count, mapped_count);
}

static inline void remember(void) {
    tree_before = tree;
    pages_before = pages;
    memcpy(arena_before, arena, sizeof arena);
}

/* Nothing changed since remember(): not the tree, nor which pages are taken, nor a byte of those. */
static inline void assert_unchanged(void) {
    assert_memory_equal(&tree, &tree_before, sizeof tree);
    assert_int_equal(pages.taken_count, pages_before.taken_count);
    assert_memory_equal(arena, arena_before, PAGE_SIZE); /* the descriptors among them */
    for (size_t index = 0; index < pages.page_count; index++) {
        if (pages.descriptors[index] != 0) {
            assert_memory_equal(page_at(index), arena_before + (page_at(index) - arena), PAGE_SIZE);
        }
    }
}

static inline void assert_map_refused_with(uint64_t virtual_address, uint64_t physical_address,
                                           uint64_t flags, enum sv39_error error) {
    remember();
    assert_int_equal(sv39_map(&tree, virtual_address, physical_address, flags), error);
    assert_unchanged();
}

static inline void assert_map_refused(uint64_t virtual_address, enum sv39_error error) {
    assert_map_refused_with(virtual_address, DEVICE, READ_WRITE, error);
}

static inline void assert_unmap_refused(uint64_t virtual_address, enum sv39_error error) {
    remember();
    assert_int_equal(sv39_unmap(&tree, virtual_address), error);
    assert_unchanged();
}

static inline void assert_translate_refused(uint64_t virtual_address, enum sv39_error error) {
    struct sv39_translation translation = {.physical_address = 17, .flags = 18};
    remember();
    assert_int_equal(sv39_translate(&tree, virtual_address, &translation), error);
    assert_unchanged();
    assert_int_equal(translation.physical_address, 17);
    assert_int_equal(translation.flags, 18);
}

/* All three walk in the same way. */
static inline void assert_refused(uint64_t virtual_address, enum sv39_error error) {
    assert_map_refused(virtual_address, error);
    assert_unmap_refused(virtual_address, error);
    assert_translate_refused(virtual_address, error);
}

#endif
