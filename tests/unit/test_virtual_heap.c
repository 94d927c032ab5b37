/* The contract of a heap's range of virtual addresses (src/riscv/virtual_heap.h), sentence by sentence. The
 * tables are looked at through sv39_translate; where they and the pages lie, sv39_fixture.h says. */
#include "src/riscv/virtual_heap.h"
#include "tests/unit/sv39_fixture.h"

#define BASE        (UINT64_C(0x40000000)) /* no other mapping shares a table with it */
#define TABLE_COUNT ((size_t)2)            /* tables that a range inside one table of level 0 needs */
#define FLAGS       (READ_WRITE | SV39_USER)

static struct virtual_heap heap, heap_before;

static struct virtual_heap_range range_of(uint64_t base, size_t reserved_count, enum virtual_heap_mode mode) {
    return (struct virtual_heap_range){
        .base = base, .reserved_count = reserved_count, .flags = FLAGS, .mode = mode, .fill = 0x5a};
}

static void start_at(uint64_t base, size_t page_count, enum virtual_heap_mode mode) {
    const struct virtual_heap_range range = range_of(base, 1000, mode);
    set_up(page_count);
    assert_int_equal(virtual_heap_init(&heap, &tree, &range), VIRTUAL_HEAP_OK);
}

/* A range of 1000 pages at BASE over an allocator of page_count, one of them the root. */
static void start(size_t page_count, enum virtual_heap_mode mode) {
    start_at(BASE, page_count, mode);
}

static void extend(size_t page_count) {
    assert_int_equal(virtual_heap_extend(&heap, page_count), VIRTUAL_HEAP_OK);
}

static uint64_t address_at(size_t index) {
    return heap.range.base + index * PAGE_SIZE;
}

static void touch(size_t index) {
    assert_int_equal(virtual_heap_touch(&heap, address_at(index)), VIRTUAL_HEAP_OK);
}

/* The call ends with this error, and changes nothing. */
#define ASSERT_REFUSED(call, error)                                                                          \
    do {                                                                                                     \
        heap_before = heap;                                                                                  \
        remember();                                                                                          \
        assert_int_equal(call, error);                                                                       \
        assert_unchanged();                                                                                  \
        assert_memory_equal(&heap, &heap_before, sizeof heap);                                               \
    } while (0)

static void assert_extend_refused(size_t page_count, enum virtual_heap_error error) {
    ASSERT_REFUSED(virtual_heap_extend(&heap, page_count), error);
}

static void assert_touch_refused(uint64_t address, enum virtual_heap_error error) {
    ASSERT_REFUSED(virtual_heap_touch(&heap, address), error);
}

/* The page of the allocator that is mapped at a page of the range. */
static unsigned char *assert_mapped(size_t index) {
    struct sv39_translation translation;
    assert_int_equal(sv39_translate(&tree, address_at(index), &translation), SV39_OK);
    assert_int_equal(translation.flags, heap.range.flags);
    unsigned char *const page = pages.base + (translation.physical_address - PHYSICAL_BASE);
    assert_int_equal(page_run_count(&pages, page), 1);
    return page;
}

static void assert_filled(size_t index) {
    unsigned char expected[PAGE_SIZE];
    memset(expected, 0x5a, sizeof expected);
    assert_memory_equal(assert_mapped(index), expected, PAGE_SIZE);
}

static void assert_not_mapped(size_t index) {
    assert_translate_refused(address_at(index), SV39_NOT_MAPPED);
}

static void assert_pages(size_t granted_count, size_t mapped_count, size_t owed_count) {
    assert_int_equal(heap.granted_count, granted_count);
    assert_int_equal(heap.mapped_count, mapped_count);
    assert_int_equal(virtual_heap_owed_count(&heap), owed_count);
}

static void assert_released(enum virtual_heap_error error) {
    assert_int_equal(virtual_heap_release(&heap), error);
}

static void assert_all_given_back(void) {
    assert_counts(1, 0);
    assert_int_equal(pages.taken_count, 1);
}

static const struct {
    const char *name;
    enum virtual_heap_mode mode;
} modes[] = {{"mapped", VIRTUAL_HEAP_MAPPED}, {"lazy", VIRTUAL_HEAP_LAZY}};

static enum virtual_heap_error init_at(uint64_t base, size_t reserved_count) {
    const struct virtual_heap_range range = range_of(base, reserved_count, VIRTUAL_HEAP_MAPPED);
    return virtual_heap_init(&heap, &tree, &range);
}

TEST(init_refuses_a_range_that_is_empty_misaligned_or_leaves_its_half_of_the_address_space) {
    const uint64_t lower_end = 256 * GIB;
    const uint64_t upper_base = 0 - lower_end;
    const size_t half = (size_t)(lower_end / PAGE_SIZE);
    const uint64_t page = PAGE_SIZE;
    const struct {
        uint64_t base;
        size_t most; /* pages that are not refused from here on; 0: none */
    } starts[] = {{BASE, half - (size_t)(BASE / PAGE_SIZE)},
                  {BASE + 8, 0},
                  {0, half},
                  {lower_end - page, 1},
                  {lower_end, 0},
                  {upper_base - page, 0},
                  {upper_base, half},
                  {0 - page, 1}};
    set_up(4);
    for (size_t i = 0; i < LENGTH(starts); i++) {
        const size_t most = starts[i].most;
        assert_int_equal(init_at(starts[i].base, 0), VIRTUAL_HEAP_BAD_RANGE);
        assert_int_equal(init_at(starts[i].base, 1), most == 0 ? VIRTUAL_HEAP_BAD_RANGE : VIRTUAL_HEAP_OK);
        assert_true(most == 0 || init_at(starts[i].base, most) == VIRTUAL_HEAP_OK);
        assert_int_equal(init_at(starts[i].base, most + 1), VIRTUAL_HEAP_BAD_RANGE);
        assert_int_equal(init_at(starts[i].base, SIZE_MAX), VIRTUAL_HEAP_BAD_RANGE);
    }
}

TEST(init_refuses_tables_without_a_root) {
    set_up_pages(4);
    assert_int_equal(sv39_init(&tree, &pages, NULL, offset_for(PHYSICAL_BASE)), SV39_BAD_ROOT);
    assert_int_equal(init_at(BASE, 1), VIRTUAL_HEAP_BAD_RANGE);
}

TEST(init_refuses_flags_without_read_or_write_or_with_an_unknown_bit) {
    set_up(4);
    static const uint64_t flags[] = {0,
                                     SV39_READ,
                                     SV39_WRITE,
                                     SV39_READ | SV39_EXECUTE,
                                     READ_WRITE | SV39_VALID,
                                     READ_WRITE | SV39_GLOBAL,
                                     READ_WRITE | UINT64_C(1) << 63};
    struct virtual_heap_range range = range_of(BASE, 1, VIRTUAL_HEAP_LAZY);
    for (size_t i = 0; i < LENGTH(flags); i++) {
        range.flags = flags[i];
        assert_int_equal(virtual_heap_init(&heap, &tree, &range), VIRTUAL_HEAP_BAD_FLAGS);
    }
    range.flags = READ_WRITE | SV39_EXECUTE;
    assert_int_equal(virtual_heap_init(&heap, &tree, &range), VIRTUAL_HEAP_OK);
}

TEST(extend_maps_pages_side_by_side_in_virtual_memory_wherever_they_lie_in_physical) {
    start(16, VIRTUAL_HEAP_MAPPED);
    extend(2);
    void *const between = page_alloc(&pages, 1); /* so that the next page cannot follow the last */
    extend(3);
    assert_pages(5, 5, 0);
    assert_counts(1 + TABLE_COUNT, 5);
    for (size_t index = 0; index < 5; index++) {
        assert_filled(index); /* before it is mapped */
        for (size_t other = 0; other < index; other++) {
            assert_ptr_not_equal(assert_mapped(index), assert_mapped(other));
        }
    }
    assert_ptr_not_equal(assert_mapped(2), assert_mapped(1) + PAGE_SIZE);
    assert_not_mapped(5);
    assert_int_equal(page_free(&pages, between), PAGE_OK);
}

TEST_EACH(init_and_extend_by_nothing_grant_and_map_nothing, modes) {
    start(1, row->mode);
    assert_pages(0, 0, 0);
    extend(0);
    assert_pages(0, 0, 0);
    assert_all_given_back();
    assert_not_mapped(0);
}

TEST_EACH(extend_past_the_reserved_range_is_refused, modes) {
    const struct virtual_heap_range range = range_of(BASE, 4, row->mode);
    set_up(16);
    assert_int_equal(virtual_heap_init(&heap, &tree, &range), VIRTUAL_HEAP_OK);
    assert_extend_refused(5, VIRTUAL_HEAP_FULL);
    extend(3);
    assert_extend_refused(2, VIRTUAL_HEAP_FULL);
    assert_extend_refused(SIZE_MAX, VIRTUAL_HEAP_FULL);
    extend(1);
    assert_extend_refused(1, VIRTUAL_HEAP_FULL);
}

/* With every number of free pages, in both modes: as many pages can be had as tables leave over, and one more
 * is refused and changes nothing, wherever on its way it fails. */
TEST_EACH(extend_is_refused_and_changes_nothing_wherever_the_pages_run_out, modes) {
    for (size_t page_count = 1; page_count <= PAGE_LIMIT; page_count++) {
        start(page_count, row->mode);
        const size_t most = page_count < 1 + TABLE_COUNT ? 0 : page_count - 1 - TABLE_COUNT;
        for (size_t more = most + 1; more < most + 4; more++) {
            assert_extend_refused(more, VIRTUAL_HEAP_OUT_OF_PAGES);
        }
        for (size_t granted = 0; granted < most; granted++) {
            assert_extend_refused(most - granted + 1, VIRTUAL_HEAP_OUT_OF_PAGES);
            extend(1);
        }
        assert_extend_refused(1, VIRTUAL_HEAP_OUT_OF_PAGES);
        assert_released(VIRTUAL_HEAP_OK);
        assert_all_given_back();
    }
}

/* A range over the border of two tables of level 0, and of level 1: pages and tables run out at either side.
 */
TEST(the_same_over_the_border_of_two_tables) {
    static const uint64_t borders[] = {BASE + 2 * MIB, BASE + GIB};
    for (size_t i = 0; i < LENGTH(borders); i++) {
        const size_t second_table_count = i == 0 ? 1 : 2;
        for (int mode = VIRTUAL_HEAP_MAPPED; mode <= VIRTUAL_HEAP_LAZY; mode++) {
            for (size_t page_count = 1; page_count <= PAGE_LIMIT; page_count++) {
                start_at(borders[i] - 2 * PAGE_SIZE, page_count, (enum virtual_heap_mode)mode);
                size_t granted = 0;
                while (virtual_heap_extend(&heap, 1) == VIRTUAL_HEAP_OK) {
                    granted++;
                }
                const size_t fixed = 1 + TABLE_COUNT + (granted > 2 ? second_table_count : 0);
                const size_t next = granted == 0   ? 1 + TABLE_COUNT + 1
                                    : granted == 2 ? fixed + second_table_count + 3
                                                   : fixed + granted + 1;
                assert_true(granted == 0 || fixed + granted <= page_count);
                assert_true(next > page_count);
                assert_extend_refused(1, VIRTUAL_HEAP_OUT_OF_PAGES);
                for (size_t index = granted; index > 0 && mode == VIRTUAL_HEAP_LAZY; index--) {
                    touch(index - 1);
                }
                assert_int_equal(virtual_heap_owed_count(&heap), 0);
                assert_released(VIRTUAL_HEAP_OK);
                assert_all_given_back();
            }
        }
    }
}

TEST(extend_over_a_page_that_someone_has_mapped_is_refused_and_leaves_that_mapping) {
    start(16, VIRTUAL_HEAP_MAPPED);
    map(address_at(3), DEVICE);
    extend(2);
    assert_extend_refused(2, VIRTUAL_HEAP_ALREADY_MAPPED);
    assert_translates(address_at(3), DEVICE, READ_WRITE);
    extend(1);
}

TEST(extend_says_when_the_page_allocator_or_the_tables_are_damaged) {
    start(8, VIRTUAL_HEAP_MAPPED);
    pages.descriptors[1] = 0x40;
    assert_extend_refused(1, VIRTUAL_HEAP_CORRUPT);
    start(8, VIRTUAL_HEAP_MAPPED);
    table_at(0)[1] = SV39_WRITE; /* the entry of the root that BASE goes by */
    assert_extend_refused(1, VIRTUAL_HEAP_CORRUPT);
}

TEST(lazy_extend_maps_nothing_and_touch_maps_just_that_page_filled) {
    start(16, VIRTUAL_HEAP_LAZY);
    extend(8);
    assert_pages(8, 0, 8 + TABLE_COUNT);
    assert_all_given_back();
    assert_int_equal(virtual_heap_touch(&heap, address_at(5) + 123), VIRTUAL_HEAP_OK);
    assert_pages(8, 1, 7);
    assert_counts(1 + TABLE_COUNT, 1);
    assert_filled(5);
    assert_not_mapped(4);
    assert_not_mapped(6);
}

TEST(a_page_that_is_mapped_is_touched_by_nobodys_fault) {
    start(16, VIRTUAL_HEAP_LAZY);
    extend(2);
    touch(1);
    assert_touch_refused(address_at(1), VIRTUAL_HEAP_ALREADY_MAPPED);
    start(4, VIRTUAL_HEAP_MAPPED); /* and no page is free to find that out with */
    extend(1);
    assert_touch_refused(address_at(0), VIRTUAL_HEAP_ALREADY_MAPPED);
}

TEST_EACH(touching_past_the_granted_end_is_refused_and_named_in_both_modes, modes) {
    start(16, row->mode);
    assert_touch_refused(address_at(0), VIRTUAL_HEAP_PAST_END);
    extend(3);
    assert_touch_refused(address_at(3), VIRTUAL_HEAP_PAST_END);
    assert_touch_refused(address_at(1000) - 1, VIRTUAL_HEAP_PAST_END);
    assert_touch_refused(address_at(1000), VIRTUAL_HEAP_FOREIGN);
    assert_touch_refused(address_at(0) - 1, VIRTUAL_HEAP_FOREIGN);
    assert_touch_refused(0, VIRTUAL_HEAP_FOREIGN);
    assert_touch_refused(UINT64_MAX, VIRTUAL_HEAP_FOREIGN);
}

TEST(a_granted_page_can_always_be_mapped_in_whatever_order) {
    for (size_t page_count = 1 + TABLE_COUNT + 1; page_count <= PAGE_LIMIT; page_count++) {
        for (size_t step = 1; step < page_count; step++) { /* every step that visits all */
            const size_t most = page_count - 1 - TABLE_COUNT;
            start(page_count, VIRTUAL_HEAP_LAZY);
            extend(most);
            for (size_t i = 0; i < most; i++) {
                const size_t index = i * step % most;
                const enum virtual_heap_error error = virtual_heap_touch(&heap, address_at(index));
                assert_true(error == VIRTUAL_HEAP_OK || error == VIRTUAL_HEAP_ALREADY_MAPPED);
                (void)assert_mapped(index);
                assert_int_equal(virtual_heap_owed_count(&heap), most - heap.mapped_count);
            }
        }
    }
}

TEST(owed_pages_are_those_not_mapped_and_the_tables_not_taken) {
    start_at(BASE + GIB - PAGE_SIZE, 16, VIRTUAL_HEAP_LAZY);
    extend(1);
    assert_pages(1, 0, 1 + 2);
    extend(2); /* after the border: two tables more */
    assert_pages(3, 0, 3 + 4);
    touch(1);
    assert_pages(3, 1, 2 + 2);
    touch(2);
    assert_pages(3, 2, 1 + 2);
    touch(0);
    assert_pages(3, 3, 0);
}

TEST(tables_shared_with_other_mappings_are_never_counted_on) {
    start(16, VIRTUAL_HEAP_LAZY);
    map(address_at(0) - PAGE_SIZE + 4 * PAGE_SIZE, DEVICE); /* the range's own tables, taken by another */
    assert_int_equal(pages.taken_count, 1 + TABLE_COUNT);
    extend(2);
    assert_int_equal(virtual_heap_owed_count(&heap), 2 + TABLE_COUNT);
    unmap(address_at(3)); /* and given back by it */
    touch(0);
    touch(1);
    assert_int_equal(virtual_heap_owed_count(&heap), 0);
}

TEST(a_touch_says_when_others_have_taken_what_was_owed) {
    for (size_t left = 0; left < 1 + TABLE_COUNT; left++) {
        start(16, VIRTUAL_HEAP_LAZY);
        extend(13);
        assert_non_null(page_alloc(&pages, 15 - left));
        assert_touch_refused(address_at(0), VIRTUAL_HEAP_OUT_OF_PAGES);
    }
}

TEST(a_touch_says_when_the_tables_or_the_page_allocator_are_damaged) {
    start(16, VIRTUAL_HEAP_LAZY);
    extend(2);
    table_at(0)[1] = SV39_WRITE;
    assert_touch_refused(address_at(0), VIRTUAL_HEAP_CORRUPT);
    table_at(0)[1] = 0;
    pages.descriptors[1] = 0x40;
    assert_touch_refused(address_at(0), VIRTUAL_HEAP_CORRUPT);
    pages.descriptors[1] = 0;
    touch(0);
}

TEST_EACH(release_gives_back_every_page_and_table_and_the_range_can_be_used_again, modes) {
    start_at(BASE + 2 * MIB - 3 * PAGE_SIZE, 16, row->mode);
    for (int round = 0; round < 3; round++) {
        extend(6);
        (void)virtual_heap_touch(&heap, address_at(1));
        (void)virtual_heap_touch(&heap, address_at(4));
        (void)assert_mapped(4);
        assert_released(VIRTUAL_HEAP_OK);
        assert_all_given_back();
        assert_pages(0, 0, 0);
        assert_not_mapped(1);
        assert_touch_refused(address_at(1), VIRTUAL_HEAP_PAST_END);
    }
    assert_released(VIRTUAL_HEAP_OK); /* of nothing */
}

TEST(release_leaves_other_mappings_of_the_tables) {
    start(16, VIRTUAL_HEAP_MAPPED);
    map(GIB - PAGE_SIZE, DEVICE);
    const size_t taken_count = pages.taken_count;
    extend(4);
    assert_released(VIRTUAL_HEAP_OK);
    assert_int_equal(pages.taken_count, taken_count);
    assert_translates(GIB - PAGE_SIZE, DEVICE, READ_WRITE);
}

TEST(release_goes_on_after_an_impossible_mapping_and_says_so) {
    start(16, VIRTUAL_HEAP_MAPPED);
    extend(4);
    table_at(2 + 1)[1] =
        SV39_VALID | SV39_WRITE; /* the tables are pages 2 and 3, taken after the first page */
    assert_released(VIRTUAL_HEAP_CORRUPT);
    assert_int_equal(pages.taken_count, 1 + TABLE_COUNT + 1);
    assert_not_mapped(0);
    assert_not_mapped(2);
}

TEST(release_says_when_a_counter_of_the_tables_is_damaged_or_someone_has_freed_a_mapped_page) {
    start(16, VIRTUAL_HEAP_MAPPED);
    extend(1);
    tree.mapped_count = 0;
    assert_released(VIRTUAL_HEAP_CORRUPT);
    start(16, VIRTUAL_HEAP_MAPPED);
    extend(2);
    assert_int_equal(page_free(&pages, assert_mapped(1)), PAGE_OK);
    assert_released(VIRTUAL_HEAP_CORRUPT);
    assert_all_given_back();
}

TEST(every_error_has_its_own_name) {
    ASSERT_NAMES(virtual_heap_error_name,
                 "ok bad-range bad-flags full out-of-pages foreign past-end already-mapped corrupt");
}
