/* The page tables' contract (src/riscv/sv39.h), sentence by sentence: making a tree, mapping, unmapping,
 * translating, names. What refuses them stands in test_sv39_refusal.c; where the tables lie, in
 * sv39_fixture.h. */
#include "tests/unit/sv39_fixture.h"

TEST(init_makes_an_empty_tree_with_one_table) {
    set_up(4);
    assert_counts(1, 0);
    assert_ptr_equal(tree.root, page_at(0));
    assert_int_equal(pages.taken_count, 1);
    assert_translate_refused(0, SV39_NOT_MAPPED);
    assert_int_equal(sv39_satp(&tree), UINT64_C(0x8000000000080000)); /* the mode and the root */
}

/* The tree is one without a root, which refuses everything. */
static void assert_init_refused(void *root, uint64_t physical_offset, enum sv39_error error) {
    memset(&tree, DIRT, sizeof tree);
    assert_int_equal(sv39_init(&tree, &pages, root, physical_offset), error);
    assert_null(tree.root);
    assert_counts(0, 0);
    assert_refused(0, SV39_BAD_ROOT);
    assert_refused(UINT64_C(1) << 63, SV39_BAD_ROOT); /* before the address is judged */
}

TEST(init_refuses_a_root_that_is_not_a_taken_run_of_one_page) {
    unsigned char *const root = set_up_root(8);
    unsigned char *const longer = page_zalloc(&pages, 2);
    const uint64_t offset = offset_for(PHYSICAL_BASE);
    void *const roots[] = {NULL,      arena,  page_at(8),         /* after the last */
                           root + 8,  longer, longer + PAGE_SIZE, /* of two */
                           page_at(3)};                           /* free */
    for (size_t i = 0; i < LENGTH(roots); i++) {
        assert_init_refused(roots[i], offset, SV39_BAD_ROOT);
    }
    assert_int_equal(sv39_init(&tree, &pages, root, offset), SV39_OK);
}

TEST(init_refuses_a_root_that_is_not_all_zero) {
    unsigned char *const root = set_up_root(4);
    static const size_t places[] = {0, 7, 8, 2048, PAGE_SIZE - 1};
    for (size_t i = 0; i < LENGTH(places); i++) {
        root[places[i]] = 1;
        assert_init_refused(root, offset_for(PHYSICAL_BASE), SV39_BAD_ROOT);
        root[places[i]] = 0;
    }
    assert_int_equal(sv39_init(&tree, &pages, root, offset_for(PHYSICAL_BASE)), SV39_OK);
}

TEST(init_refuses_an_offset_that_is_not_of_pages_or_puts_one_above_the_highest_physical_address) {
    void *const root = set_up_root(4);
    const uint64_t highest = SV39_PHYSICAL_END - 4 * PAGE_SIZE;
    const uint64_t starts[] = {PHYSICAL_BASE + 1,      PHYSICAL_BASE - 2048, highest + PAGE_SIZE,
                               SV39_PHYSICAL_END,      UINT64_C(1) << 63,    SV39_PHYSICAL_END + PAGE_SIZE,
                               (uint64_t)0 - PAGE_SIZE}; /* would wrap */
    for (size_t i = 0; i < LENGTH(starts); i++) {
        assert_init_refused(root, offset_for(starts[i]), SV39_BAD_OFFSET);
    }
    assert_int_equal(sv39_init(&tree, &pages, root, offset_for(highest)), SV39_OK);
}

TEST(init_refuses_an_allocator_without_a_page) {
    assert_int_equal(page_init(&pages, NULL, 0), PAGE_BAD_REGION);
    memset(&tree, DIRT, sizeof tree);
    assert_int_equal(sv39_init(&tree, &pages, arena, 0), SV39_BAD_ROOT);
    assert_null(tree.root);
}

TEST(physical_addresses_may_start_at_zero_and_end_at_the_highest) {
    static const uint64_t starts[] = {0, SV39_PHYSICAL_END - 4 * PAGE_SIZE};
    for (size_t i = 0; i < 2; i++) {
        void *const root = set_up_root(4);
        assert_int_equal(sv39_init(&tree, &pages, root, offset_for(starts[i])), SV39_OK);
        map(0, DEVICE);
        map(PAGE_SIZE, DEVICE);
        assert_translates(PAGE_SIZE, DEVICE, READ_WRITE);
        assert_int_equal(table_at(0)[0], (starts[i] + PAGE_SIZE) >> 2 | SV39_VALID);
        assert_int_equal(table_at(1)[0], (starts[i] + 2 * PAGE_SIZE) >> 2 | SV39_VALID);
        unmap(0);
        unmap(PAGE_SIZE);
        assert_counts(1, 0);
    }
}

TEST(offset_zero_makes_pointers_physical_addresses) {
    void *const root = set_up_root(4);
    assert_int_equal(sv39_init(&tree, &pages, root, 0), SV39_OK);
    map(0, (uintptr_t)page_at(3));
    assert_translates(5, (uintptr_t)page_at(3) + 5, READ_WRITE);
    assert_int_equal(table_at(0)[0], (uint64_t)(uintptr_t)page_at(1) >> 2 | SV39_VALID);
    assert_int_equal(sv39_satp(&tree), UINT64_C(8) << 60 | (uint64_t)(uintptr_t)root >> 12);
}

TEST(map_writes_one_entry_in_each_level_as_the_specification_has_them) {
    set_up(8);
    /* Indices 1, 2 and 3. */
    map(GIB + 2 * 2 * MIB + 3 * 4 * KIB, UINT64_C(0x23456789abc000));
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        assert_int_equal(table_at(0)[i], i == 1 ? UINT64_C(0x20000401) : 0);
        assert_int_equal(table_at(1)[i], i == 2 ? UINT64_C(0x20000801) : 0);
        assert_int_equal(table_at(2)[i], i == 3 ? UINT64_C(0x8d159e26af0c7) : 0);
    }
    assert_counts(3, 1);
    assert_int_equal(pages.taken_count, 3);
}

TEST(every_byte_of_a_mapped_page_translates_and_none_beside_it) {
    set_up(8);
    map(GIB, DEVICE);
    assert_translates(GIB, DEVICE, READ_WRITE);
    assert_translates(GIB + 1, DEVICE + 1, READ_WRITE);
    assert_translates(GIB + 4095, DEVICE + 4095, READ_WRITE);
    assert_translate_refused(GIB - 1, SV39_NOT_MAPPED);
    assert_translate_refused(GIB + 4096, SV39_NOT_MAPPED);
}

TEST(each_bit_of_the_page_number_selects_another_page) {
    for (unsigned bit = 12; bit <= 38; bit++) {
        set_up(8);
        const uint64_t top = ~((UINT64_C(1) << 39) - 1);
        const uint64_t virtual_address = bit == 38 ? top | UINT64_C(1) << 38 : UINT64_C(1) << bit;
        map(0, DEVICE);
        map(virtual_address, DEVICE + PAGE_SIZE);
        assert_translates(7, DEVICE + 7, READ_WRITE);
        assert_translates(virtual_address + 7, DEVICE + PAGE_SIZE + 7, READ_WRITE);
        assert_counts(bit < 21 ? 3 : bit < 30 ? 4 : 5, 2);
    }
}

TEST(both_ends_of_both_halves_can_be_mapped) {
    set_up(16);
    static const uint64_t ends[] = {0, UINT64_C(0x3ffffff000), UINT64_C(0xffffffc000000000),
                                    UINT64_C(0xfffffffffffff000)};
    for (size_t i = 0; i < 4; i++) {
        map(ends[i], DEVICE + i * PAGE_SIZE);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_translates(ends[i] + 4095, DEVICE + i * PAGE_SIZE + 4095, READ_WRITE);
        assert_int_not_equal(table_at(0)[i / 2 * 256 + i % 2 * 255], 0);
    }
    assert_counts(9, 4);
}

TEST(every_bit_of_the_physical_address_is_kept) {
    for (unsigned bit = 12; bit < 56; bit++) {
        set_up(4);
        map(0, UINT64_C(1) << bit);
        assert_translates(9, (UINT64_C(1) << bit) + 9, READ_WRITE);
        assert_int_equal(table_at(2)[0], UINT64_C(1) << (bit - 2) | 0xc7);
    }
    set_up(4);
    map(0, SV39_PHYSICAL_END - PAGE_SIZE);
    assert_translates(4095, SV39_PHYSICAL_END - 1, READ_WRITE);
}

/* The specification's table of permissions, all sixteen with and without U. */
TEST(every_legal_permission_is_kept_and_every_reserved_one_refused) {
    for (uint64_t permissions = 0; permissions < 8; permissions++) {
        const bool is_legal =
            permissions == 1 || permissions == 3 || permissions == 4 || permissions == 5 || permissions == 7;
        for (uint64_t user = 0; user < 2; user++) {
            const uint64_t flags = permissions << 1 | user << 4;
            set_up(4);
            if (is_legal) {
                assert_int_equal(sv39_map(&tree, 0, DEVICE, flags), SV39_OK);
                assert_translates(0, DEVICE, flags);
                assert_int_equal(table_at(2)[0], DEVICE >> 2 | flags | 0xc1);
            } else {
                assert_map_refused_with(0, DEVICE, flags, SV39_BAD_FLAGS);
            }
        }
    }
}

TEST(a_physical_page_may_be_mapped_twice) {
    set_up(4);
    map(0, DEVICE);
    assert_int_equal(sv39_map(&tree, PAGE_SIZE, DEVICE, SV39_EXECUTE), SV39_OK);
    assert_translates(0, DEVICE, READ_WRITE);
    assert_translates(PAGE_SIZE, DEVICE, SV39_EXECUTE);
}

TEST(a_table_can_be_full) {
    set_up(3);
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        map(i * PAGE_SIZE, DEVICE + i * PAGE_SIZE);
    }
    assert_counts(3, 512);
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        assert_translates(i * PAGE_SIZE, DEVICE + i * PAGE_SIZE, READ_WRITE);
    }
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        unmap(i * PAGE_SIZE);
        assert_counts(i == 511 ? 1 : 3, 511 - i);
    }
}

/* What is mapped in turn and then unmapped, and how many tables there are then. */
static const struct {
    uint64_t virtual_address;
    size_t mapped_table_count;
    size_t unmapped_table_count;
} neighbours[] = {
    {0, 3, 7}, {2 * MIB - PAGE_SIZE, 3, 6}, {2 * MIB, 4, 5}, {GIB - PAGE_SIZE, 5, 3}, {GIB, 7, 1}};

TEST(neighbours_share_tables_and_unmap_gives_back_those_that_are_then_empty) {
    set_up(8);
    for (size_t i = 0; i < LENGTH(neighbours); i++) {
        map(neighbours[i].virtual_address, DEVICE);
        assert_counts(neighbours[i].mapped_table_count, i + 1);
    }
    for (size_t i = 0; i < LENGTH(neighbours); i++) {
        unmap(neighbours[i].virtual_address);
        assert_counts(neighbours[i].unmapped_table_count, LENGTH(neighbours) - 1 - i);
    }
    assert_int_equal(pages.taken_count, 1);
    assert_int_equal(page_run_count(&pages, tree.root), 1);
}

TEST(unmap_leaves_every_other_mapping) {
    set_up(16);
    static const uint64_t addresses[] = {0,   PAGE_SIZE, 511 * PAGE_SIZE, 2 * MIB, 511 * 2 * MIB,
                                         GIB, 255 * GIB};
    const size_t count = LENGTH(addresses);
    for (size_t gone = 0; gone < count; gone++) {
        for (size_t i = 0; i < count; i++) {
            if (gone == 0 || i == gone - 1) {
                map(addresses[i], DEVICE + i * PAGE_SIZE);
            }
        }
        unmap(addresses[gone]);
        assert_translate_refused(addresses[gone], SV39_NOT_MAPPED);
        for (size_t i = 0; i < count; i++) {
            if (i != gone) {
                assert_translates(addresses[i], DEVICE + i * PAGE_SIZE, READ_WRITE);
            }
        }
    }
}

TEST(tables_go_back_all_zero_and_the_root_forgets_them) {
    set_up(8);
    map(5 * GIB, DEVICE);
    unmap(5 * GIB);
    for (size_t i = 0; i < SV39_ENTRY_COUNT; i++) {
        assert_int_equal(table_at(0)[i], 0);
        assert_int_equal(table_at(1)[i], 0);
        assert_int_equal(table_at(2)[i], 0);
    }
}

TEST(the_first_and_the_last_entry_keep_a_table_as_any_other_does) {
    static const size_t indices[] = {0, 1, 255, 256, 510, 511};
    static const uint64_t spans[] = {4 * KIB, 2 * MIB}; /* of an entry of level 0, and of level 1 */
    for (size_t i = 0; i < 12; i++) {
        set_up(8);
        const uint64_t kept = indices[i / 2] * spans[i % 2];
        const uint64_t gone = 100 * spans[i % 2];
        map(kept, DEVICE);
        map(gone, DEVICE + PAGE_SIZE);
        unmap(gone);
        assert_translates(kept, DEVICE, READ_WRITE);
        assert_counts(3, 1);
    }
}

TEST(what_was_unmapped_can_be_mapped_again) {
    set_up(3);
    for (size_t i = 0; i < 100; i++) {
        const uint64_t virtual_address = i * 37 * GIB % (256 * GIB);
        map(virtual_address, DEVICE + i * PAGE_SIZE);
        assert_translates(virtual_address, DEVICE + i * PAGE_SIZE, READ_WRITE);
        unmap(virtual_address);
        assert_counts(1, 0);
    }
}

TEST(every_error_has_its_own_name) {
    ASSERT_NAMES(sv39_error_name, "ok bad-offset bad-root not-canonical misaligned bad-physical bad-flags "
                                  "already-mapped not-mapped out-of-pages corrupt corrupt-pages");
}
