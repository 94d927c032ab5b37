/* The checker of a tree of Sv39 page tables. sv39_invariant.h is the contract.
 *
 * It has its own arithmetic over entries: one that it shared with sv39.c would share its mistakes. One
 * function for each invariant's failure, named after it, says what its verdict's members mean. They are kept
 * out of line so that a debugger can stop in each. */
#include "invariants/sv39_invariant.h"

#define OUT_OF_LINE __attribute__((noinline, cold))
#define TOP_LEVEL   2
#define NO_PAGE     SIZE_MAX
#define GROUP_COUNT ((size_t)16) /* entries that are passed at once when all of them are 0 */

_Static_assert(SV39_ENTRY_COUNT % GROUP_COUNT == 0, "a table is whole groups");

/* An entry that the walk is at. */
struct place {
    uint64_t virtual_address; /* the lowest that it stands for */
    unsigned level;
    uint64_t entry;
};

/* The walk. */
struct walk {
    const struct sv39_expectation *expectation;
    uint64_t mask;
    const uint64_t *tables[TOP_LEVEL + 1]; /* by level: those on the way to where the walk is */
    size_t indices[TOP_LEVEL + 1];         /* by level: the entry it is at */
    size_t used_counts[TOP_LEVEL + 1];     /* by level: entries passed that are not 0 */
    unsigned level;
    size_t table_count; /* visited */
    size_t leaf_count;  /* met */
    size_t next;        /* the first live mapping not passed */
};

/* The failures. */

/* address 0; the first of allocator, root and offset that differs (pointers as their distance from the right
 * one). */
OUT_OF_LINE static struct verdict fail_root(uint64_t expected, uint64_t observed) {
    return (struct verdict){SV39_INVARIANT_ROOT, 0, expected, observed};
}

/* the entry's address; 0; the entry. */
OUT_OF_LINE static struct verdict fail_absent(struct place place) {
    return (struct verdict){SV39_INVARIANT_ABSENT, place.virtual_address, 0, place.entry};
}

/* the entry's address; level 0 for a leaf, 1 for what names a table there; the entry. */
OUT_OF_LINE static struct verdict fail_leaf_level(struct place place) {
    return (struct verdict){SV39_INVARIANT_LEAF_LEVEL, place.virtual_address, place.level == 0, place.entry};
}

/* the leaf's address; the leaf with what it must have and without what it must not; the leaf. */
OUT_OF_LINE static struct verdict fail_leaf_flags(struct place place, uint64_t legal) {
    return (struct verdict){SV39_INVARIANT_LEAF_FLAGS, place.virtual_address, legal, place.entry};
}

/* the entry's address; the entry without what it must not have; the entry. */
OUT_OF_LINE static struct verdict fail_table_flags(struct place place, uint64_t legal) {
    return (struct verdict){SV39_INVARIANT_TABLE_FLAGS, place.virtual_address, legal, place.entry};
}

/* the entry's address; a run of 1 page; the length of the run the entry names, 0 when it names none. */
OUT_OF_LINE static struct verdict fail_table_page(struct place place, size_t run_count) {
    return (struct verdict){SV39_INVARIANT_TABLE_PAGE, place.virtual_address, 1, run_count};
}

/* the second entry's address; 0; the table's page index. */
OUT_OF_LINE static struct verdict fail_table_once(struct place place, size_t page_index) {
    return (struct verdict){SV39_INVARIANT_TABLE_ONCE, place.virtual_address, 0, page_index};
}

/* the table's address; 1 entry at least; 0. */
OUT_OF_LINE static struct verdict fail_table_used(struct place place) {
    return (struct verdict){SV39_INVARIANT_TABLE_USED, place.virtual_address, 1, 0};
}

/* the leaf's address; 0; the leaf. */
OUT_OF_LINE static struct verdict fail_leaf_is_live(struct place place) {
    return (struct verdict){SV39_INVARIANT_LEAF_IS_LIVE, place.virtual_address, 0, place.entry};
}

/* the live mapping's address; the leaf it should be, the leaf it is: 0 when there is none. */
OUT_OF_LINE static struct verdict fail_live_is_leaf(uint64_t virtual_address, uint64_t expected,
                                                    uint64_t observed) {
    return (struct verdict){SV39_INVARIANT_LIVE_IS_LEAF, virtual_address, expected, observed};
}

/* address 0; the walk's count of tables, or if that agrees of leaves; the tree's own. */
OUT_OF_LINE static struct verdict fail_counters(uint64_t counted, uint64_t claimed) {
    return (struct verdict){SV39_INVARIANT_COUNTERS, 0, counted, claimed};
}

/* address 0; the walk's count of tables and the pages of others; the allocator's count of taken pages. */
OUT_OF_LINE static struct verdict fail_pages_held(uint64_t counted, uint64_t taken) {
    return (struct verdict){SV39_INVARIANT_PAGES_HELD, 0, counted, taken};
}

/* Entries. */

static bool is_on(uint64_t mask, struct verdict verdict) {
    return (mask & SV39_INVARIANT_BIT(verdict.oracle)) != 0 && !verdict_is_sound(verdict);
}

static bool has_permission(uint64_t entry) {
    return (entry & (SV39_READ | SV39_WRITE | SV39_EXECUTE)) != 0;
}

/* The leaf that a mapping should be: the page number is 2 bits further down than in the address. */
static uint64_t leaf_of(struct live_mapping live) {
    return live.physical_address / 4 + live.flags + SV39_VALID + SV39_ACCESSED + SV39_DIRTY;
}

/* The page of the allocator that an entry names; NO_PAGE when there is none there. */
static size_t page_of(const struct sv39_expectation *expectation, uint64_t entry) {
    const struct page_allocator *const pages = expectation->pages;
    const uint64_t page_number = (entry & SV39_PAGE_NUMBER_MASK) >> SV39_PAGE_NUMBER_BIT;
    const uint64_t first = ((uint64_t)(uintptr_t)pages->base + expectation->physical_offset) / PAGE_SIZE;
    const bool is_inside = page_number >= first && page_number - first < pages->page_count;
    return is_inside ? (size_t)(page_number - first) : NO_PAGE;
}

/* The pages in the run that starts at a page; 0 for NO_PAGE. */
static size_t run_count_of(const struct sv39_expectation *expectation, size_t page_index) {
    return page_index == NO_PAGE
               ? 0
               : page_run_count(expectation->pages, expectation->pages->base + page_index * PAGE_SIZE);
}

/* Where the walk is, at this entry: the indices down to its level, and bit 38 spread over all above. */
static struct place place_of(const struct walk *walk, uint64_t entry) {
    uint64_t page_number = 0;
    for (unsigned level = TOP_LEVEL + 1; level-- > 0;) {
        page_number = page_number * SV39_ENTRY_COUNT + (level < walk->level ? 0 : walk->indices[level]);
    }
    const bool is_upper_half = page_number >= UINT64_C(1) << 26;
    return (struct place){.virtual_address =
                              (page_number - (is_upper_half ? UINT64_C(1) << 27 : 0)) * PAGE_SIZE,
                          .level = walk->level,
                          .entry = entry};
}

/* The checks. Each returns a sound verdict or its own failure, whatever the mask says. */

static struct verdict check_root(const struct sv39 *tree, const struct sv39_expectation *expectation) {
    if (tree->pages != expectation->pages) {
        return fail_root(0, (uintptr_t)tree->pages - (uintptr_t)expectation->pages);
    }
    if (tree->root != expectation->root) {
        return fail_root(0, (uintptr_t)tree->root - (uintptr_t)expectation->root);
    }
    if (tree->physical_offset != expectation->physical_offset) {
        return fail_root(expectation->physical_offset, tree->physical_offset);
    }
    return verdict_sound();
}

static struct verdict check_leaf_level(struct place place) {
    return has_permission(place.entry) == (place.level == 0) ? verdict_sound() : fail_leaf_level(place);
}

static struct verdict check_leaf_flags(struct place place) {
    uint64_t legal = place.entry & (SV39_PAGE_NUMBER_MASK | SV39_FLAGS);
    legal |= SV39_VALID | SV39_ACCESSED | SV39_DIRTY;
    legal |= (legal & SV39_WRITE) != 0 ? SV39_READ : 0;
    return place.entry == legal ? verdict_sound() : fail_leaf_flags(place, legal);
}

static struct verdict check_table_flags(struct place place) {
    const uint64_t legal = (place.entry & SV39_PAGE_NUMBER_MASK) | SV39_VALID;
    return place.entry == legal ? verdict_sound() : fail_table_flags(place, legal);
}

static struct verdict check_counters(const struct sv39 *tree, const struct walk *walk) {
    if (tree->table_count != walk->table_count) {
        return fail_counters(walk->table_count, tree->table_count);
    }
    return tree->mapped_count == walk->leaf_count ? verdict_sound()
                                                  : fail_counters(walk->leaf_count, tree->mapped_count);
}

static struct verdict check_pages_held(const struct walk *walk) {
    const size_t counted = walk->table_count + walk->expectation->other_count;
    const size_t taken = walk->expectation->pages->taken_count;
    return counted == taken ? verdict_sound() : fail_pages_held(counted, taken);
}

/* Agreement with the live list. */

/* Moves the walk's next past the live mappings below virtual_address, or past all of them: where those lie,
 * no leaf is. */
static struct verdict check_all_missed(struct walk *walk, uint64_t virtual_address, bool is_end) {
    const struct sv39_expectation *const expectation = walk->expectation;
    while (walk->next < expectation->live_count &&
           (is_end || expectation->live[walk->next].virtual_address < virtual_address)) {
        const struct live_mapping live = expectation->live[walk->next++];
        const struct verdict verdict = fail_live_is_leaf(live.virtual_address, leaf_of(live), 0);
        if (is_on(walk->mask, verdict)) {
            return verdict;
        }
    }
    return verdict_sound();
}

static struct verdict check_agreement(struct walk *walk, struct place place) {
    const struct sv39_expectation *const expectation = walk->expectation;
    if (walk->next == expectation->live_count ||
        expectation->live[walk->next].virtual_address != place.virtual_address) {
        return fail_leaf_is_live(place);
    }
    const uint64_t expected = leaf_of(expectation->live[walk->next++]);
    return place.entry == expected ? verdict_sound()
                                   : fail_live_is_leaf(place.virtual_address, expected, place.entry);
}

/* The walk. Each returns a verdict that is sound or broken and in the mask. */

static struct verdict visit_leaf(struct walk *walk, struct place place) {
    walk->leaf_count++;
    struct verdict verdict = check_leaf_level(place);
    if (is_on(walk->mask, verdict)) {
        return verdict;
    }
    verdict = check_leaf_flags(place);
    if (is_on(walk->mask, verdict)) {
        return verdict;
    }
    verdict = check_all_missed(walk, place.virtual_address, false);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    verdict = check_agreement(walk, place);
    return is_on(walk->mask, verdict) ? verdict : verdict_sound();
}

/* Goes down into a table. */
static void enter(struct walk *walk, const void *table, size_t page_index, unsigned level) {
    walk->expectation->seen[page_index] = 1;
    walk->table_count++;
    walk->level = level;
    walk->tables[level] = table;
    walk->indices[level] = 0;
    walk->used_counts[level] = 0;
}

/* An entry of level 1 or 2 that is valid: *page_index becomes the table to enter, if there is one. */
static struct verdict visit_table_entry(struct walk *walk, struct place place, size_t *page_index) {
    const struct sv39_expectation *const expectation = walk->expectation;
    struct verdict verdict = check_leaf_level(place);
    if (!verdict_is_sound(verdict)) {
        return is_on(walk->mask, verdict) ? verdict : verdict_sound();
    }
    verdict = check_table_flags(place);
    if (is_on(walk->mask, verdict)) {
        return verdict;
    }
    const size_t found = page_of(expectation, place.entry);
    const size_t run_count = run_count_of(expectation, found);
    if (run_count != 1) {
        verdict = fail_table_page(place, run_count);
        return is_on(walk->mask, verdict) ? verdict : verdict_sound();
    }
    if (expectation->seen[found] != 0) {
        verdict = fail_table_once(place, found);
        return is_on(walk->mask, verdict) ? verdict : verdict_sound();
    }
    *page_index = found;
    return verdict_sound();
}

/* An entry that is not 0: *page_index is the table to enter, or NO_PAGE. */
static struct verdict visit_entry(struct walk *walk, struct place place, size_t *page_index) {
    *page_index = NO_PAGE;
    if ((place.entry & SV39_VALID) == 0) {
        const struct verdict verdict = fail_absent(place);
        return is_on(walk->mask, verdict) ? verdict : verdict_sound();
    }
    return place.level == 0 ? visit_leaf(walk, place) : visit_table_entry(walk, place, page_index);
}

/* Written out, so that no build decides anything between the entries: most entries are 0, and a fuzzer's
 * instrumentation reports every decision. */
static bool is_group_absent(const uint64_t *group) {
    const uint64_t lower =
        group[0] | group[1] | group[2] | group[3] | group[4] | group[5] | group[6] | group[7];
    const uint64_t upper =
        group[8] | group[9] | group[10] | group[11] | group[12] | group[13] | group[14] | group[15];
    return (lower | upper) == 0;
}

/* The first entry from index on that is not 0; SV39_ENTRY_COUNT when there is none. Every step passes one
 * entry or a group. */
static size_t find_entry(const uint64_t *table, size_t index) {
    while (index % GROUP_COUNT != 0 && table[index] == 0) {
        index++;
    }
    if (index % GROUP_COUNT == 0) {
        while (index < SV39_ENTRY_COUNT && is_group_absent(table + index)) {
            index += GROUP_COUNT;
        }
    }
    while (index < SV39_ENTRY_COUNT && table[index] == 0) {
        index++;
    }
    return index;
}

/* The entry the walk is at, and with one that is 0 those after it that are; then moves to the next, or
 * at the first of the table it names. */
static struct verdict visit(struct walk *walk) {
    const uint64_t *const table = walk->tables[walk->level];
    const uint64_t entry = table[walk->indices[walk->level]];
    if (entry == 0) {
        walk->indices[walk->level] = find_entry(table, walk->indices[walk->level]);
        return verdict_sound();
    }
    walk->used_counts[walk->level]++;
    size_t page_index = NO_PAGE;
    const struct verdict verdict = visit_entry(walk, place_of(walk, entry), &page_index);
    if (page_index == NO_PAGE) {
        walk->indices[walk->level]++;
    } else {
        enter(walk, walk->expectation->pages->base + page_index * PAGE_SIZE, page_index, walk->level - 1);
    }
    return verdict;
}

/* The end of a table below the root; then moves past the entry that names it. */
static struct verdict leave(struct walk *walk) {
    const bool is_used = walk->used_counts[walk->level] != 0;
    walk->level++;
    const struct verdict verdict = is_used ? verdict_sound() : fail_table_used(place_of(walk, 0));
    walk->indices[walk->level]++;
    return is_on(walk->mask, verdict) ? verdict : verdict_sound();
}

/* All tables. Every step visits an entry or leaves a table, and no table is entered twice. */
static struct verdict check_tables(struct walk *walk) {
    while (walk->level < TOP_LEVEL || walk->indices[TOP_LEVEL] < SV39_ENTRY_COUNT) {
        const struct verdict verdict =
            walk->indices[walk->level] < SV39_ENTRY_COUNT ? visit(walk) : leave(walk);
        if (!verdict_is_sound(verdict)) {
            return verdict;
        }
    }
    return check_all_missed(walk, 0, true);
}

struct verdict sv39_invariant_check(const struct sv39 *tree, const struct sv39_expectation *expectation,
                                    uint64_t mask) {
    struct verdict verdict = check_root(tree, expectation);
    if (is_on(mask, verdict)) {
        return verdict;
    }
    for (size_t i = 0; i < expectation->pages->page_count; i++) {
        expectation->seen[i] = 0;
    }
    struct walk walk = {.expectation = expectation, .mask = mask};
    const uintptr_t distance = (uintptr_t)expectation->root - (uintptr_t)expectation->pages->base;
    enter(&walk, expectation->root, distance / PAGE_SIZE, TOP_LEVEL);
    verdict = check_tables(&walk);
    if (!verdict_is_sound(verdict)) {
        return verdict;
    }
    verdict = check_counters(tree, &walk);
    if (is_on(mask, verdict)) {
        return verdict;
    }
    verdict = check_pages_held(&walk);
    return is_on(mask, verdict) ? verdict : verdict_sound();
}

static const char *const invariant_text[SV39_INVARIANT_COUNT][2] = {
#define SV39_INVARIANT_TEXT(name, id, sentence) [SV39_INVARIANT_##name] = {id, sentence},
    SV39_INVARIANT_LIST(SV39_INVARIANT_TEXT)
#undef SV39_INVARIANT_TEXT
};

const char *sv39_invariant_id(unsigned invariant) {
    return invariant < SV39_INVARIANT_COUNT ? invariant_text[invariant][0] : NULL;
}

const char *sv39_invariant_sentence(unsigned invariant) {
    return invariant < SV39_INVARIANT_COUNT ? invariant_text[invariant][1] : NULL;
}
