/* The page tables' contract (src/riscv/sv39.h), sentence by sentence: making a tree, mapping, unmapping,
 * translating, names. What refuses them stands in test_sv39_refusal.c; where the tables lie, in
 * sv39_fixture.h. */
#include <string.h>

#include "tests/unit/sv39_fixture.h"

TEST(init_makes_an_empty_tree_with_one_table) {
    set_up(4);
    assert_counts(1, 0);
    assert_ptr_equal(tree.root, page_at(0));
    assert_int_equal(pages.taken_count, 1);
    assert_translate_refused(0, SV39_NOT_MAPPED);
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
    set_up_pages(8);
    const uint64_t offset = offset_for(PHYSICAL_BASE);
    unsigned char *const root = page_zalloc(&pages, 1);
    unsigned char *const longer = page_zalloc(&pages, 2);
    assert_init_refused(NULL, offset, SV39_BAD_ROOT);
    assert_init_refused(arena, offset, SV39_BAD_ROOT);
    assert_init_refused(page_at(8), offset, SV39_BAD_ROOT);
    assert_init_refused(root + 8, offset, SV39_BAD_ROOT);
    assert_init_refused(longer, offset, SV39_BAD_ROOT);
    assert_init_refused(longer + PAGE_SIZE, offset, SV39_BAD_ROOT);
    assert_init_refused(page_at(3), offset, SV39_BAD_ROOT); /* free */
    assert_int_equal(sv39_init(&tree, &pages, root, offset), SV39_OK);
}

TEST(init_refuses_a_root_that_is_not_all_zero) {
    set_up_pages(4);
    unsigned char *const root = page_zalloc(&pages, 1);
    static const size_t places[] = {0, 7, 8, 2048, PAGE_SIZE - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        root[places[i]] = 1;
        assert_init_refused(root, offset_for(PHYSICAL_BASE), SV39_BAD_ROOT);
        root[places[i]] = 0;
    }
    assert_int_equal(sv39_init(&tree, &pages, root, offset_for(PHYSICAL_BASE)), SV39_OK);
}

TEST(init_refuses_an_offset_that_is_not_of_pages) {
    set_up_pages(4);
    void *const root = page_zalloc(&pages, 1);
    assert_init_refused(root, offset_for(PHYSICAL_BASE + 1), SV39_BAD_OFFSET);
    assert_init_refused(root, offset_for(PHYSICAL_BASE) - 2048, SV39_BAD_OFFSET);
}

TEST(init_refuses_an_offset_that_puts_a_page_above_the_highest_physical_address) {
    set_up_pages(4);
    void *const root = page_zalloc(&pages, 1);
    const uint64_t highest = SV39_PHYSICAL_END - 4 * PAGE_SIZE;
    assert_init_refused(root, offset_for(highest + PAGE_SIZE), SV39_BAD_OFFSET);
    assert_init_refused(root, offset_for(SV39_PHYSICAL_END), SV39_BAD_OFFSET);
    assert_init_refused(root, offset_for(SV39_PHYSICAL_END + PAGE_SIZE), SV39_BAD_OFFSET);
    assert_init_refused(root, offset_for((uint64_t)0 - PAGE_SIZE), SV39_BAD_OFFSET); /* would wrap */
    assert_init_refused(root, offset_for(UINT64_C(1) << 63), SV39_BAD_OFFSET);
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
        set_up_pages(4);
        void *const root = page_zalloc(&pages, 1);
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
    set_up_pages(4);
    void *const root = page_zalloc(&pages, 1);
    assert_int_equal(sv39_init(&tree, &pages, root, 0), SV39_OK);
    map(0, (uintptr_t)page_at(3));
    assert_translates(5, (uintptr_t)page_at(3) + 5, READ_WRITE);
    assert_int_equal(table_at(0)[0], (uint64_t)(uintptr_t)page_at(1) >> 2 | SV39_VALID);
    assert_int_equal(sv39_satp(&tree), UINT64_C(8) << 60 | (uint64_t)(uintptr_t)root >> 12);
}

TEST(satp_names_the_mode_and_the_root) {
    set_up(4);
    assert_int_equal(sv39_satp(&tree), UINT64_C(0x8000000000080000));
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
    }
    assert_int_not_equal(table_at(0)[0], 0);
    assert_int_not_equal(table_at(0)[255], 0);
    assert_int_not_equal(table_at(0)[256], 0);
    assert_int_not_equal(table_at(0)[511], 0);
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

TEST(tables_are_shared_by_neighbours) {
    set_up(8);
    map(0, DEVICE);
    assert_counts(3, 1);
    map(2 * MIB - PAGE_SIZE, DEVICE);
    assert_counts(3, 2);
    map(2 * MIB, DEVICE);
    assert_counts(4, 3);
    map(GIB - PAGE_SIZE, DEVICE);
    assert_counts(5, 4);
    map(GIB, DEVICE);
    assert_counts(7, 5);
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

TEST(unmap_gives_back_the_tables_that_are_then_empty) {
    set_up(8);
    map(0, DEVICE);
    map(PAGE_SIZE, DEVICE);
    map(2 * MIB, DEVICE);
    map(GIB, DEVICE);
    assert_counts(6, 4);
    unmap(0);
    assert_counts(6, 3);
    unmap(PAGE_SIZE);
    assert_counts(5, 2);
    unmap(2 * MIB);
    assert_counts(3, 1);
    unmap(GIB);
    assert_counts(1, 0);
    assert_int_equal(pages.taken_count, 1);
    assert_int_equal(page_run_count(&pages, tree.root), 1);
}

TEST(unmap_leaves_every_other_mapping) {
    set_up(16);
    static const uint64_t addresses[] = {0,   PAGE_SIZE, 511 * PAGE_SIZE, 2 * MIB, 511 * 2 * MIB,
                                         GIB, 255 * GIB};
    const size_t count = sizeof addresses / sizeof *addresses;
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
    for (unsigned error = SV39_OK; error <= SV39_CORRUPT_PAGES; error++) {
        assert_string_not_equal(sv39_error_name((enum sv39_error)error), "unknown");
        for (unsigned other = 0; other < error; other++) {
            assert_string_not_equal(sv39_error_name((enum sv39_error)error),
                                    sv39_error_name((enum sv39_error)other));
        }
    }
    assert_string_equal(sv39_error_name((enum sv39_error)(SV39_CORRUPT_PAGES + 1)), "unknown");
    assert_string_equal(sv39_error_name(SV39_NOT_CANONICAL), "not-canonical");
}
