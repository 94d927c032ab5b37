/* What the page tables refuse (src/riscv/sv39.h), and that a refusal changes nothing: bad arguments, too few
 * pages, and entries, roots and counters that cannot be true. Where the tables lie stands in sv39_fixture.h.
 */
#include "tests/unit/sv39_fixture.h"

TEST(every_address_that_is_not_canonical_is_refused) {
    set_up(8);
    for (unsigned bit = 39; bit < 64; bit++) {
        assert_refused(UINT64_C(1) << bit, SV39_NOT_CANONICAL);
        assert_refused(UINT64_MAX << 38 ^ UINT64_C(1) << bit, SV39_NOT_CANONICAL);
    }
    assert_refused(UINT64_C(0x4000000000), SV39_NOT_CANONICAL);
    assert_refused(UINT64_C(0xffffffbffffff000), SV39_NOT_CANONICAL);
    assert_refused(UINT64_C(0x4000000001), SV39_NOT_CANONICAL); /* before it is misaligned */
}

TEST(every_misaligned_address_is_refused) {
    set_up(8);
    map(GIB, DEVICE);
    for (unsigned bit = 0; bit < 12; bit++) {
        assert_map_refused(GIB + (UINT64_C(1) << bit), SV39_MISALIGNED);
        assert_unmap_refused(GIB + (UINT64_C(1) << bit), SV39_MISALIGNED);
        assert_map_refused_with(0, DEVICE + (UINT64_C(1) << bit), READ_WRITE, SV39_MISALIGNED);
    }
    assert_map_refused_with(0, UINT64_MAX, READ_WRITE, SV39_MISALIGNED); /* before it is too high */
}

TEST(a_physical_address_above_the_highest_is_refused) {
    set_up(8);
    for (unsigned bit = 56; bit < 64; bit++) {
        assert_map_refused_with(0, UINT64_C(1) << bit, READ_WRITE, SV39_BAD_PHYSICAL);
    }
    assert_map_refused_with(0, UINT64_MAX << 12, 0, SV39_BAD_PHYSICAL); /* before the flags */
}

TEST(every_flag_that_is_not_the_callers_is_refused) {
    set_up(8);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((UINT64_C(1) << bit & SV39_FLAGS) == 0) {
            assert_map_refused_with(0, DEVICE, READ_WRITE | UINT64_C(1) << bit, SV39_BAD_FLAGS);
        }
    }
    map(0, DEVICE);
    assert_map_refused_with(0, DEVICE, SV39_USER, SV39_BAD_FLAGS); /* before it is already mapped */
}

TEST(a_page_is_mapped_once) {
    set_up(8);
    map(GIB, DEVICE);
    assert_map_refused(GIB, SV39_ALREADY_MAPPED);
    assert_map_refused_with(GIB, DEVICE + PAGE_SIZE, SV39_READ, SV39_ALREADY_MAPPED);
    assert_translates(GIB, DEVICE, READ_WRITE);
}

TEST(what_no_level_knows_is_not_mapped) {
    set_up(8);
    map(0, DEVICE);
    static const uint64_t addresses[] = {PAGE_SIZE, 2 * MIB, GIB};
    for (size_t i = 0; i < 3; i++) {
        assert_unmap_refused(addresses[i], SV39_NOT_MAPPED);
        assert_translate_refused(addresses[i], SV39_NOT_MAPPED);
    }
    unmap(0);
    assert_unmap_refused(0, SV39_NOT_MAPPED);
}

TEST(tables_that_cannot_be_had_are_out_of_pages_and_those_had_are_given_back) {
    for (size_t page_count = 1; page_count <= 2; page_count++) {
        set_up(page_count);
        assert_map_refused(0, SV39_OUT_OF_PAGES);
        assert_int_equal(pages.taken_count, 1);
    }
    set_up(3);
    map(0, DEVICE);
    assert_map_refused(2 * MIB, SV39_OUT_OF_PAGES); /* one table */
    assert_map_refused(GIB, SV39_OUT_OF_PAGES);     /* two */
    map(PAGE_SIZE, DEVICE);                         /* none */
    set_up(4);
    map(0, DEVICE);
    assert_map_refused(GIB, SV39_OUT_OF_PAGES);
    map(2 * MIB, DEVICE);
    assert_counts(4, 2);
}

TEST(corrupt_descriptors_are_told_from_too_few_pages) {
    set_up(8);
    pages.descriptors[1] = 0x80;
    assert_map_refused(0, SV39_CORRUPT_PAGES);
    set_up(8);
    pages.descriptors[2] = 0x80; /* met when the second table is taken */
    assert_map_refused(0, SV39_CORRUPT_PAGES);
    assert_int_equal(pages.taken_count, 1);
}

/* Entries. HOME has another index in each level, so that a walk that takes a table for one of another level
 * comes upon nothing: 1 in the root, which is page 0; 2 in page 1; 3 in page 2. Pages 3 and 4 are a run of
 * someone else's, page 5 is another table of level 0, page 6 is free. */

#define HOME (GIB + 2 * 2 * MIB + 3 * PAGE_SIZE)

/* The entry on the way to HOME in the table that is this page. */
static uint64_t *home_entry(size_t page) {
    return &table_at(page)[page + 1];
}

static void set_up_mapped(void) {
    set_up(8);
    map(HOME, DEVICE);
    assert_non_null(page_alloc(&pages, 2));
    map(HOME + 2 * MIB, DEVICE);
}

/* Whatever walks over the entry is refused, whatever does not is not; put right, nothing has happened. */
static void assert_impossible(uint64_t *entry, uint64_t value) {
    const uint64_t before = *entry;
    *entry = value;
    assert_refused(HOME, SV39_CORRUPT);
    *entry = before;
    assert_translates(HOME, DEVICE, READ_WRITE);
}

TEST(a_leaf_that_cannot_be_true_is_corrupt) {
    set_up_mapped();
    uint64_t *const leaf = home_entry(2);
    for (unsigned bit = 0; bit < 64; bit++) {
        const bool is_page_number = (UINT64_C(1) << bit & SV39_PAGE_NUMBER_MASK) != 0;
        const bool is_callers = (UINT64_C(1) << bit & (SV39_EXECUTE | SV39_USER | SV39_WRITE)) != 0;
        if (!is_page_number && !is_callers) {
            assert_impossible(leaf, *leaf ^ UINT64_C(1) << bit); /* read: then it is write only */
        }
    }
    assert_impossible(leaf, *leaf & ~READ_WRITE); /* no permission: a table at level 0 */
    assert_impossible(leaf, *leaf & ~SV39_VALID); /* not valid, yet not 0 */
    assert_impossible(leaf, table_entry(DEVICE));
    assert_impossible(leaf, UINT64_MAX);
}

TEST(a_table_entry_that_cannot_be_true_is_corrupt) {
    set_up_mapped();
    for (size_t page = 0; page < 2; page++) {
        uint64_t *const entry = home_entry(page);
        for (unsigned bit = 0; bit < 64; bit++) {
            if ((UINT64_C(1) << bit & SV39_PAGE_NUMBER_MASK) == 0) {
                assert_impossible(entry, *entry ^ UINT64_C(1) << bit);
            }
        }
        assert_impossible(entry, *home_entry(2)); /* a leaf at an upper level */
        assert_impossible(entry, UINT64_MAX);
    }
}

TEST(a_table_that_is_not_a_page_of_the_allocator_is_corrupt) {
    set_up_mapped();
    const uint64_t places[] = {0,
                               DEVICE,
                               PHYSICAL_BASE - PAGE_SIZE,
                               SV39_PHYSICAL_END - PAGE_SIZE,
                               PHYSICAL_BASE + (UINT64_C(1) << 32),
                               physical_at(8), /* after the last */
                               physical_at(3),
                               physical_at(4),
                               /* a run of two */ physical_at(6)}; /* free */
    for (size_t i = 0; i < 2 * LENGTH(places); i++) {
        assert_impossible(home_entry(i % 2), table_entry(places[i / 2]));
    }
}

TEST(a_table_the_walk_has_come_through_is_corrupt) {
    set_up_mapped();
    assert_impossible(home_entry(0), table_entry(physical_at(0)));
    assert_impossible(home_entry(1), table_entry(physical_at(0)));
    assert_impossible(home_entry(1), table_entry(physical_at(1)));
}

TEST(a_table_whose_page_somebody_freed_is_corrupt) {
    for (size_t page = 0; page < 3; page++) {
        set_up_mapped();
        assert_int_equal(page_free(&pages, page_at(page)), PAGE_OK);
        assert_refused(HOME, SV39_CORRUPT);
    }
}

TEST(a_corrupt_entry_does_no_harm_beside_its_way) {
    set_up_mapped();
    *home_entry(2) = 0x800;
    map(HOME + PAGE_SIZE, DEVICE);
    unmap(HOME + PAGE_SIZE); /* and the table stays: it is not empty */
    assert_counts(4, 2);
    *home_entry(1) = 0x800;
    unmap(HOME + 2 * MIB);
    assert_counts(3, 1);
    *home_entry(0) = 0x800;
    map(0, DEVICE);
    unmap(0);
    assert_counts(3, 1);
}

TEST(counters_that_would_pass_below_zero_are_corrupt) {
    set_up(8);
    map(0, DEVICE);
    tree.mapped_count = 0;
    assert_unmap_refused(0, SV39_CORRUPT);
    tree.mapped_count = 1;
    for (tree.table_count = 0; tree.table_count < 3; tree.table_count++) {
        assert_unmap_refused(0, SV39_CORRUPT);
    }
    pages.taken_count = 2; /* fewer than there are tables */
    assert_unmap_refused(0, SV39_CORRUPT);
    pages.taken_count = 3;
    unmap(0);
    assert_counts(1, 0);
    assert_int_equal(pages.taken_count, 1);
}

/* AddressSanitizer watches the core, and the arena has nothing after its last page. */
TEST(no_entries_make_a_walk_loop_or_leave_the_pages) {
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    print_message("seed 0x%016llx\n", (unsigned long long)seed);
    for (size_t trial = 0; trial < 2000; trial++) {
        set_up(PAGE_LIMIT);
        while (pages.taken_count < 8) {
            assert_non_null(page_zalloc(&pages, 1 + next_random(&seed) % 4 / 3));
        }
        for (size_t i = 0; i < 8 * SV39_ENTRY_COUNT; i++) {
            table_at(0)[i] = random_entry(&seed, 10);
        }
        tree.table_count = next_random(&seed) % 10;
        tree.mapped_count = next_random(&seed) % 3;
        for (size_t step = 0; step < 32; step++) {
            const uint64_t virtual_address = next_random(&seed) >> 26 << 12;
            struct sv39_translation translation;
            (void)sv39_translate(&tree, virtual_address, &translation);
            (void)sv39_map(&tree, virtual_address, DEVICE, READ_WRITE);
            (void)sv39_unmap(&tree, virtual_address);
            assert_true(pages.taken_count <= pages.page_count);
        }
    }
}
