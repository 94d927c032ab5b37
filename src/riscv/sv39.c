/* Sv39 page tables. sv39.h is the contract. */
#include "sv39.h"

#include <stdbool.h>

#define PAGE_BIT      12 /* a page is 2^12 bytes */
#define INDEX_BITS    9  /* of the virtual address, for each level */
#define CANONICAL_BIT 38 /* the highest that counts; all above are the same */
#define PERMISSIONS   (SV39_READ | SV39_WRITE | SV39_EXECUTE) /* all 0: not a leaf */
#define SATP_MODE     (UINT64_C(8) << 60)                     /* Sv39 */

/* The way from the root to the entries of one virtual address. */
struct path {
    uint64_t *tables[SV39_LEVEL_COUNT]; /* by level; those from `level` up have been reached */
    unsigned level;                     /* of the lowest table reached */
};

/* Addresses and entries. */

static bool is_canonical(uint64_t virtual_address) {
    const uint64_t top = virtual_address >> CANONICAL_BIT;
    return top == 0 || top == UINT64_MAX >> CANONICAL_BIT;
}

static size_t entry_index(uint64_t virtual_address, unsigned level) {
    return (size_t)(virtual_address >> (PAGE_BIT + INDEX_BITS * level)) % SV39_ENTRY_COUNT;
}

static uint64_t make_entry(uint64_t physical_address, uint64_t bits) {
    return (physical_address >> PAGE_BIT) << SV39_PAGE_NUMBER_BIT | bits;
}

/* The physical address of the page that an entry names, whose bits above the page number are 0. */
static uint64_t entry_address(uint64_t entry) {
    return entry >> SV39_PAGE_NUMBER_BIT << PAGE_BIT;
}

static uint64_t physical_address_of(const struct sv39 *tree, const void *pointer) {
    return (uint64_t)(uintptr_t)pointer + tree->physical_offset;
}

/* Can a caller ask for these flags? */
static bool are_flags_legal(uint64_t flags) {
    const bool is_write_only = (flags & (SV39_READ | SV39_WRITE)) == SV39_WRITE; /* reserved */
    return (flags & ~SV39_FLAGS) == 0 && (flags & PERMISSIONS) != 0 && !is_write_only;
}

/* Can this entry of a table of level 0, not being 0, be true? */
static bool is_leaf_possible(uint64_t entry) {
    const uint64_t bits = entry & ~SV39_PAGE_NUMBER_MASK;
    return (bits & SV39_PRESET) == SV39_PRESET && are_flags_legal(bits & ~SV39_PRESET);
}

static bool is_table(const struct sv39 *tree, const uint64_t *table) {
    return page_run_count(tree->pages, table) == 1;
}

/* The table that an entry of level 1 or 2, not being 0, names; NULL when the entry is impossible. */
static uint64_t *find_table(const struct sv39 *tree, const struct path *path, uint64_t entry) {
    if ((entry & ~SV39_PAGE_NUMBER_MASK) != SV39_VALID) {
        return NULL;
    }
    /* How far past page 0; an address before it wraps, and is past the last page. */
    const struct page_allocator *const pages = tree->pages;
    const uint64_t distance = entry_address(entry) - physical_address_of(tree, pages->base);
    if (distance / PAGE_SIZE >= pages->page_count) {
        return NULL;
    }
    void *const table = pages->base + (size_t)distance;
    for (unsigned level = path->level; level < SV39_LEVEL_COUNT; level++) {
        if (path->tables[level] == table) {
            return NULL;
        }
    }
    return is_table(tree, table) ? table : NULL;
}

/* Goes down from the root to the entry that virtual_address, canonical, selects, or to the first one above it
 * that is 0. SV39_OK when the address is mapped, else SV39_NOT_MAPPED; *path is then complete as far as it
 * says. Otherwise SV39_CORRUPT. Ends after one step for each level. */
static enum sv39_error walk(const struct sv39 *tree, uint64_t virtual_address, struct path *path) {
    uint64_t *table = tree->root;
    if (!is_table(tree, table)) {
        return SV39_CORRUPT;
    }
    for (unsigned level = SV39_LEVEL_COUNT - 1; level > 0; level--) {
        path->tables[level] = table;
        path->level = level;
        const uint64_t entry = table[entry_index(virtual_address, level)];
        if (entry == 0) {
            return SV39_NOT_MAPPED;
        }
        table = find_table(tree, path, entry);
        if (table == NULL) {
            return SV39_CORRUPT;
        }
    }
    path->tables[0] = table;
    path->level = 0;
    const uint64_t leaf = table[entry_index(virtual_address, 0)];
    if (leaf == 0) {
        return SV39_NOT_MAPPED;
    }
    return is_leaf_possible(leaf) ? SV39_OK : SV39_CORRUPT;
}

/* What is wrong with a tree and a virtual address before any table is looked at. */
static enum sv39_error check_address(const struct sv39 *tree, uint64_t virtual_address) {
    if (tree->root == NULL) {
        return SV39_BAD_ROOT;
    }
    return is_canonical(virtual_address) ? SV39_OK : SV39_NOT_CANONICAL;
}

/* Taking tables and giving them back. */

/* Takes the tables that a path still lacks, down to level 0, and completes it. SV39_OK, or SV39_OUT_OF_PAGES
 * or SV39_CORRUPT_PAGES, and then none is taken. */
static enum sv39_error take_tables(struct sv39 *tree, struct path *path) {
    for (unsigned level = path->level; level > 0; level--) {
        path->tables[level - 1] = page_zalloc(tree->pages, 1);
        if (path->tables[level - 1] != NULL) {
            continue;
        }
        const bool is_exhausted = page_last_error(tree->pages) == PAGE_EXHAUSTED;
        for (unsigned taken = level; taken < path->level; taken++) {
            (void)page_free(tree->pages, path->tables[taken]); /* taken just now, so it can be freed */
        }
        return is_exhausted ? SV39_OUT_OF_PAGES : SV39_CORRUPT_PAGES;
    }
    return SV39_OK;
}

/* Is every entry 0, the one at index aside? */
static bool is_empty_except(const uint64_t *table, size_t index) {
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        if (table[i] != 0 && i != index) {
            return false;
        }
    }
    return true;
}

/* Do the counters allow that one mapping and so many tables go? All tables, the root among them, are taken
 * pages; so when they do, page_free cannot refuse any of those tables. */
static bool can_give_back(const struct sv39 *tree, unsigned table_count) {
    return tree->mapped_count != 0 && table_count < tree->table_count &&
           tree->table_count <= tree->pages->taken_count;
}

/* The operations. */

enum sv39_error sv39_init(struct sv39 *tree, struct page_allocator *pages, void *root,
                          uint64_t physical_offset) {
    *tree = (struct sv39){.pages = pages, .root = NULL, .physical_offset = physical_offset};
    /* All of it is below 2^56, so that no sum over it wraps. */
    const uint64_t size = (uint64_t)pages->page_count * PAGE_SIZE;
    const uint64_t start = physical_address_of(tree, pages->base);
    if (start % PAGE_SIZE != 0 || start > SV39_PHYSICAL_END || size > SV39_PHYSICAL_END - start) {
        return SV39_BAD_OFFSET;
    }
    if (!is_table(tree, root) || !is_empty_except(root, SV39_ENTRY_COUNT)) {
        return SV39_BAD_ROOT;
    }
    tree->root = root;
    tree->table_count = 1;
    return SV39_OK;
}

enum sv39_error sv39_map(struct sv39 *tree, uint64_t virtual_address, uint64_t physical_address,
                         uint64_t flags) {
    enum sv39_error error = check_address(tree, virtual_address);
    if (error != SV39_OK) {
        return error;
    }
    if (virtual_address % PAGE_SIZE != 0 || physical_address % PAGE_SIZE != 0) {
        return SV39_MISALIGNED;
    }
    if (physical_address >= SV39_PHYSICAL_END) {
        return SV39_BAD_PHYSICAL;
    }
    if (!are_flags_legal(flags)) {
        return SV39_BAD_FLAGS;
    }
    struct path path = {.level = 0};
    error = walk(tree, virtual_address, &path);
    if (error != SV39_NOT_MAPPED) {
        return error == SV39_OK ? SV39_ALREADY_MAPPED : error;
    }
    error = take_tables(tree, &path);
    if (error != SV39_OK) {
        return error;
    }
    /* From the leaf up, so that a table is whole before anything names it. */
    path.tables[0][entry_index(virtual_address, 0)] = make_entry(physical_address, flags | SV39_PRESET);
    for (unsigned level = 1; level <= path.level; level++) {
        path.tables[level][entry_index(virtual_address, level)] =
            make_entry(physical_address_of(tree, path.tables[level - 1]), SV39_VALID);
    }
    tree->table_count += path.level;
    tree->mapped_count++;
    return SV39_OK;
}

enum sv39_error sv39_unmap(struct sv39 *tree, uint64_t virtual_address) {
    enum sv39_error error = check_address(tree, virtual_address);
    if (error != SV39_OK) {
        return error;
    }
    if (virtual_address % PAGE_SIZE != 0) {
        return SV39_MISALIGNED;
    }
    struct path path = {.level = 0};
    error = walk(tree, virtual_address, &path);
    if (error != SV39_OK) {
        return error;
    }
    /* Tables below this level lose their last entry:
     *
     *     level 2            level 1           level 0
     *     | .. | table |  -> | table | 0 .. |  -> | leaf | 0 .. |
     *             0               0                  0               kept level 2: two tables go
     */
    unsigned kept_level = 0;
    while (kept_level < SV39_LEVEL_COUNT - 1 &&
           is_empty_except(path.tables[kept_level], entry_index(virtual_address, kept_level))) {
        kept_level++;
    }
    if (!can_give_back(tree, kept_level)) {
        return SV39_CORRUPT;
    }
    for (unsigned level = 0; level <= kept_level; level++) {
        path.tables[level][entry_index(virtual_address, level)] = 0;
    }
    for (unsigned level = 0; level < kept_level; level++) {
        (void)page_free(tree->pages, path.tables[level]); /* can_give_back: it does not refuse */
    }
    tree->table_count -= kept_level;
    tree->mapped_count--;
    return SV39_OK;
}

/* Questions. */

enum sv39_error sv39_translate(const struct sv39 *tree, uint64_t virtual_address,
                               struct sv39_translation *translation) {
    enum sv39_error error = check_address(tree, virtual_address);
    if (error != SV39_OK) {
        return error;
    }
    struct path path = {.level = 0};
    error = walk(tree, virtual_address, &path);
    if (error == SV39_OK) {
        const uint64_t leaf = path.tables[0][entry_index(virtual_address, 0)];
        translation->physical_address = entry_address(leaf) | virtual_address % PAGE_SIZE;
        translation->flags = leaf & SV39_FLAGS;
    }
    return error;
}

uint64_t sv39_satp(const struct sv39 *tree) {
    return SATP_MODE | physical_address_of(tree, tree->root) >> PAGE_BIT;
}

/* No default, so that the compiler asks for a name when an error is added. */
const char *sv39_error_name(enum sv39_error error) {
    switch (error) {
    case SV39_OK:
        return "ok";
    case SV39_BAD_OFFSET:
        return "bad-offset";
    case SV39_BAD_ROOT:
        return "bad-root";
    case SV39_NOT_CANONICAL:
        return "not-canonical";
    case SV39_MISALIGNED:
        return "misaligned";
    case SV39_BAD_PHYSICAL:
        return "bad-physical";
    case SV39_BAD_FLAGS:
        return "bad-flags";
    case SV39_ALREADY_MAPPED:
        return "already-mapped";
    case SV39_NOT_MAPPED:
        return "not-mapped";
    case SV39_OUT_OF_PAGES:
        return "out-of-pages";
    case SV39_CORRUPT:
        return "corrupt";
    case SV39_CORRUPT_PAGES:
        return "corrupt-pages";
    }
    return "unknown";
}
