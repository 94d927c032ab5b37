/* The page tables' checker (invariants/sv39_invariant.h): it must notice each kind of damage, name it, and
 * say where; it must find nothing wrong where nothing is; and it must survive any bytes whatever.
 *
 * Every test but the last ones damages the same tree:
 *
 *     page 0, level 2    [0] page 1    [511] page 5
 *     page 1, level 1    [0] page 2    [1] page 3
 *     page 2, level 0    [0] leaf, address 0    [7] leaf, address 7 pages
 *     page 3, level 0    [511] leaf, address 4 MiB - 1 page
 *     page 4             someone else's
 *     page 5, level 1    [511] page 6
 *     page 6, level 0    [511] leaf, the highest page
 *     pages 7 and 8      someone else's, one run; page 9 is someone else's too; the others are free */

#include "invariants/sv39_invariant.h"
#include "tests/unit/sv39_fixture.h"
#include "tests/unit/verdict_fixture.h"

#define HIGHEST_PAGE UINT64_C(0xfffffffffffff000)
#define LIVE_LIMIT   ((size_t)8)

static struct live_mapping live[LIVE_LIMIT];
static unsigned char seen[PAGE_LIMIT];
static struct sv39_expectation expectation;

static void expect_live(uint64_t virtual_address, uint64_t physical_address, uint64_t flags) {
    assert_true(expectation.live_count < LIVE_LIMIT);
    live[expectation.live_count++] = (struct live_mapping){
        .virtual_address = virtual_address, .physical_address = physical_address, .flags = flags};
}

static void map_live(uint64_t virtual_address, uint64_t physical_address, uint64_t flags) {
    assert_int_equal(sv39_map(&tree, virtual_address, physical_address, flags), SV39_OK);
    expect_live(virtual_address, physical_address, flags);
}

/* An empty tree, and an expectation that agrees. */
static void draw_empty(void) {
    set_up(PAGE_LIMIT);
    expectation = (struct sv39_expectation){.pages = &pages,
                                            .root = tree.root,
                                            .physical_offset = offset_for(PHYSICAL_BASE),
                                            .live = live,
                                            .seen = seen};
}

static void draw(void) {
    draw_empty();
    map_live(0, DEVICE, READ_WRITE);
    map_live(7 * PAGE_SIZE, SV39_PHYSICAL_END - PAGE_SIZE, SV39_EXECUTE | SV39_USER);
    map_live(4 * MIB - PAGE_SIZE, 0, SV39_READ);
    assert_ptr_equal(page_alloc(&pages, 1), page_at(4));
    map_live(HIGHEST_PAGE, physical_at(4), READ_WRITE | SV39_EXECUTE);
    assert_ptr_equal(page_alloc(&pages, 2), page_at(7));
    assert_ptr_equal(page_zalloc(&pages, 1), page_at(9));
    expectation.other_count = 4;
    assert_counts(6, 4);
}

static struct verdict check(uint64_t mask) {
    return sv39_invariant_check(&tree, &expectation, mask);
}

static const struct checker checker = {check, sv39_invariant_id, SV39_INVARIANT_ALL};

static void assert_sound(uint64_t mask) {
    assert_checked(&checker, mask, "sound");
}

static const char *verdict_of(const char *id, uint64_t offset, uint64_t expected, uint64_t observed) {
    static char text[160];
    (void)snprintf(text, sizeof text, "sv39-%s %" PRId64 " %" PRId64 " %" PRId64, id, (int64_t)offset,
                   (int64_t)expected, (int64_t)observed);
    return text;
}

static void assert_named(const char *id, uint64_t offset, uint64_t expected, uint64_t observed) {
    assert_named_by(&checker, verdict_of(id, offset, expected, observed));
}

static void assert_broken(const char *id, uint64_t offset, uint64_t expected, uint64_t observed) {
    assert_broken_by(&checker, verdict_of(id, offset, expected, observed));
}

TEST(an_empty_tree_is_sound_and_needs_no_list) {
    draw_empty();
    expectation.live = NULL;
    assert_sound(SV39_INVARIANT_ALL);
}

TEST(a_tree_stays_sound_while_it_is_used) {
    draw();
    assert_sound(SV39_INVARIANT_ALL);
    assert_sound(SV39_INVARIANT_STRUCTURE);
    for (size_t i = 0; i < 4; i++) {
        unmap(live[i].virtual_address);
        expectation.live = live + i + 1;
        expectation.live_count--;
        assert_sound(SV39_INVARIANT_ALL);
    }
    assert_counts(1, 0);
}

TEST(a_full_table_is_sound) {
    static struct live_mapping many[SV39_ENTRY_COUNT];
    draw_empty();
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        many[i] = (struct live_mapping){
            .virtual_address = i * PAGE_SIZE, .physical_address = DEVICE, .flags = READ_WRITE};
        map(i * PAGE_SIZE, DEVICE);
    }
    expectation.live = many;
    expectation.live_count = SV39_ENTRY_COUNT;
    assert_sound(SV39_INVARIANT_ALL);
}

/* One kind of damage after the other. */

TEST(another_allocator_root_or_offset_is_not_the_expected_one) {
    draw();
    tree.pages = NULL; /* and is not followed */
    assert_broken("root", 0, 0, (uintptr_t)0 - (uintptr_t)&pages);
    tree.pages = &pages;
    tree.root = table_at(1);
    assert_broken("root", 0, 0, PAGE_SIZE);
    tree.root = NULL;
    assert_broken("root", 0, 0, (uintptr_t)0 - (uintptr_t)table_at(0));
    tree.root = table_at(0);
    tree.physical_offset++;
    assert_broken("root", 0, expectation.physical_offset, expectation.physical_offset + 1);
}

/* One entry of the tree is another, and breaks this invariant alone. */
static void assert_entry_broken(size_t page, size_t index, uint64_t entry, const char *id, uint64_t offset,
                                uint64_t expected, uint64_t observed) {
    draw();
    table_at(page)[index] = entry;
    assert_broken(id, offset, expected, observed);
}

TEST(an_entry_that_is_neither_valid_nor_zero_is_named) {
    const uint64_t high = UINT64_C(1) << 63;
    assert_entry_broken(2, 3, SV39_READ, "absent", 3 * PAGE_SIZE, 0, SV39_READ);
    assert_entry_broken(5, 256, high, "absent", HIGHEST_PAGE + PAGE_SIZE - 256 * 2 * MIB, 0, high);
    assert_entry_broken(0, 255, SV39_WRITE, "absent", 255 * GIB, 0, SV39_WRITE);
    assert_entry_broken(0, 256, SV39_WRITE, "absent", UINT64_MAX << 38, 0, SV39_WRITE);
}

TEST(a_leaf_at_an_upper_level_and_none_at_level_0_are_named) {
    const uint64_t leaf = DEVICE >> 2 | SV39_READ | SV39_PRESET;
    assert_entry_broken(1, 9, leaf, "leaf-level", 18 * MIB, 0, leaf);
    assert_entry_broken(0, 2, leaf, "leaf-level", 2 * GIB, 0, leaf);
    draw();
    table_at(2)[7] = table_entry(physical_at(9));
    assert_named("leaf-level", 7 * PAGE_SIZE, 1, table_entry(physical_at(9)));
}

TEST(a_leaf_without_its_bits_or_with_others_is_named) {
    for (unsigned bit = 1; bit < 64; bit++) {
        draw();
        uint64_t *const leaf = &table_at(3)[511]; /* readable */
        const uint64_t healthy = *leaf;
        *leaf ^= UINT64_C(1) << bit;
        const bool is_legal = (UINT64_C(1) << bit & (SV39_PAGE_NUMBER_MASK | SV39_FLAGS)) != 0;
        if (!is_legal) {
            assert_named("leaf-flags", 4 * MIB - PAGE_SIZE, healthy, *leaf);
        } else {
            assert_int_not_equal(check(SV39_INVARIANT_ALL).oracle, SV39_INVARIANT_LEAF_FLAGS);
        }
    }
}

TEST(a_leaf_that_can_be_written_but_not_read_is_named) {
    draw();
    table_at(2)[0] &= ~SV39_READ;
    assert_named("leaf-flags", 0, DEVICE >> 2 | READ_WRITE | SV39_PRESET,
                 DEVICE >> 2 | SV39_WRITE | SV39_PRESET);
}

TEST(a_table_entry_with_other_bits_is_named_and_followed_all_the_same) {
    for (unsigned bit = 4; bit < 64; bit++) {
        if ((UINT64_C(1) << bit & SV39_PAGE_NUMBER_MASK) == 0) {
            const uint64_t healthy = table_entry(physical_at(3));
            const uint64_t other = healthy | UINT64_C(1) << bit;
            assert_entry_broken(1, 1, other, "table-flags", 2 * MIB, healthy, other);
        }
    }
}

TEST(a_table_that_is_not_a_page_of_its_own_is_named) {
    const uint64_t places[][2] = {{PHYSICAL_BASE - PAGE_SIZE, 0},
                                  {physical_at(PAGE_LIMIT), 0},
                                  {0, 0},
                                  {SV39_PHYSICAL_END - PAGE_SIZE, 0},
                                  {physical_at(7), 2},
                                  {physical_at(8), 0},
                                  {physical_at(12), 0}};
    for (size_t i = 0; i < LENGTH(places); i++) {
        const uint64_t entry = table_entry(places[i][0]);
        assert_entry_broken(1, 5, entry, "table-page", 10 * MIB, 1, places[i][1]);
        assert_entry_broken(0, 5, entry, "table-page", 5 * GIB, 1, places[i][1]);
    }
}

TEST(a_table_somebody_freed_is_named) {
    draw();
    assert_int_equal(page_free(&pages, page_at(6)), PAGE_OK);
    assert_named("table-page", HIGHEST_PAGE + PAGE_SIZE - 2 * MIB, 1, 0);
}

TEST(a_table_named_twice_is_named_at_the_second_time_and_a_root_at_all) {
    assert_entry_broken(1, 511, table_entry(physical_at(2)), "table-once", 1022 * MIB, 0, 2);
    assert_entry_broken(0, 4, table_entry(physical_at(1)), "table-once", 4 * GIB, 0, 1);
    assert_entry_broken(0, 4, table_entry(physical_at(0)), "table-once", 4 * GIB, 0, 0);
    draw();
    table_at(5)[511] = table_entry(physical_at(5));
    assert_named("table-once", HIGHEST_PAGE + PAGE_SIZE - 2 * MIB, 0, 5);
}

TEST(an_empty_table_is_named) {
    draw();
    table_at(1)[3] = table_entry(physical_at(9)); /* a zeroed page, and now a table */
    tree.table_count++;
    expectation.other_count--;
    assert_broken("table-used", 6 * MIB, 1, 0);
    draw();
    table_at(0)[511] = 0;
    table_at(0)[300] = table_entry(physical_at(9));
    assert_named("table-used", (UINT64_MAX << 39) + 300 * GIB, 1, 0);
}

TEST(a_leaf_that_is_not_live_is_named) {
    draw();
    const uint64_t leaf = table_at(2)[0];
    table_at(2)[1] = leaf;
    tree.mapped_count++;
    assert_broken("leaf-is-live", PAGE_SIZE, 0, leaf);
    draw();
    expectation.live_count--; /* the last one */
    assert_broken("leaf-is-live", HIGHEST_PAGE, 0, table_at(6)[511]);
}

TEST(a_live_mapping_that_is_no_leaf_is_named) {
    draw();
    const uint64_t leaf = table_at(2)[7];
    table_at(2)[7] = 0;
    tree.mapped_count--;
    assert_broken("live-is-leaf", 7 * PAGE_SIZE, leaf, 0);
    draw();
    live[3].virtual_address -= GIB; /* in front of the last leaf, which is not live then */
    assert_checked(&checker, SV39_INVARIANT_ALL,
                   verdict_of("live-is-leaf", HIGHEST_PAGE - GIB, table_at(6)[511], 0));
    draw();
    unmap(HIGHEST_PAGE); /* after the last leaf */
    assert_broken("live-is-leaf", HIGHEST_PAGE, physical_at(4) >> 2 | 0xcf, 0);
}

TEST(a_leaf_with_another_page_or_other_flags_is_named) {
    draw();
    const uint64_t leaf = table_at(3)[511];
    const uint64_t others[] = {leaf | UINT64_C(1) << 53, leaf | SV39_USER};
    for (size_t i = 0; i < LENGTH(others); i++) {
        assert_entry_broken(3, 511, others[i], "live-is-leaf", 4 * MIB - PAGE_SIZE, leaf, others[i]);
    }
}

TEST(counts_the_walk_does_not_agree_with_are_named) {
    draw();
    tree.table_count = 7;
    assert_broken("counters", 0, 6, 7);
    tree.table_count = 6;
    tree.mapped_count = SIZE_MAX;
    assert_broken("counters", 0, 4, SIZE_MAX);
}

TEST(a_page_that_nobody_holds_is_named) {
    draw();
    assert_non_null(page_alloc(&pages, 1));
    assert_broken("pages-held", 0, 10, 11);
    expectation.other_count = 6;
    assert_broken("pages-held", 0, 12, 11);
}

TEST(the_first_broken_invariant_is_the_verdict_and_masking_it_shows_the_next) {
    draw();
    tree.physical_offset++;
    table_at(0)[1] = SV39_READ;                   /* absent */
    table_at(0)[2] = SV39_READ | SV39_VALID;      /* a leaf at level 2 */
    table_at(0)[3] = table_entry(0) | SV39_USER;  /* table flags, and no page */
    table_at(0)[4] = table_entry(physical_at(1)); /* twice */
    table_at(0)[5] = table_entry(physical_at(9)); /* empty */
    table_at(6)[510] = table_at(6)[511] | SV39_GLOBAL;
    table_at(6)[511] = 0; /* a leaf that is not live, and a live one that is none */
    uint64_t mask = SV39_INVARIANT_ALL;
    static const enum sv39_invariant order[] = {
        SV39_INVARIANT_ROOT,         SV39_INVARIANT_ABSENT,     SV39_INVARIANT_LEAF_LEVEL,
        SV39_INVARIANT_TABLE_FLAGS,  SV39_INVARIANT_TABLE_PAGE, SV39_INVARIANT_TABLE_ONCE,
        SV39_INVARIANT_TABLE_USED,   SV39_INVARIANT_LEAF_FLAGS, SV39_INVARIANT_LEAF_IS_LIVE,
        SV39_INVARIANT_LIVE_IS_LEAF, SV39_INVARIANT_COUNTERS,   SV39_INVARIANT_PAGES_HELD};
    for (size_t i = 0; i < LENGTH(order); i++) {
        assert_int_equal(check(mask).oracle, order[i]);
        mask &= ~SV39_INVARIANT_BIT(order[i]);
    }
    assert_int_equal(mask, 0);
}

TEST(no_entries_make_the_checker_loop_or_write) {
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    print_message("seed 0x%016llx\n", (unsigned long long)seed);
    for (size_t trial = 0; trial < 1000; trial++) {
        draw();
        for (size_t i = 0; i < PAGE_LIMIT * SV39_ENTRY_COUNT; i++) {
            table_at(0)[i] = random_entry(&seed, PAGE_LIMIT + 2);
        }
        for (size_t i = 0; i < expectation.live_count; i++) {
            live[i].virtual_address = next_random(&seed) >> 38 << 12;
        }
        remember();
        const uint64_t mask = trial % 2 == 0 ? next_random(&seed) : 0;
        const struct verdict verdict = check(mask);
        assert_unchanged();
        assert_true(verdict.oracle < SV39_INVARIANT_COUNT);
        assert_true(verdict_is_sound(verdict) || (mask & SV39_INVARIANT_BIT(verdict.oracle)) != 0);
    }
}

TEST(every_invariant_has_an_id_and_a_sentence) {
    assert_named_apart(sv39_invariant_id, sv39_invariant_sentence, SV39_INVARIANT_COUNT, "sv39-");
}
