/* The page allocator's contract (src/page.h), sentence by sentence: making one, taking pages, names. How
 * pages are extended and freed stands in test_page_pointer.c; what the pictures mean, in page_fixture.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/page_fixture.h"

/* page_init. */

TEST(init_makes_every_page_free) {
    for (size_t page_count = 1; page_count <= PAGE_LIMIT; page_count++) {
        set_up(page_count);
        assert_ptr_equal(pages.descriptors, arena + PAGE_SIZE - page_count);
        assert_int_equal(pages.taken_count, 0);
        assert_int_equal(page_last_error(&pages), PAGE_OK);
        for (size_t i = 0; i < page_count; i++) {
            assert_int_equal(pages.descriptors[i], 0);
        }
    }
}

/* The most pages that fit, found by trying. */
static size_t count_fitting_pages(uintptr_t start, size_t size) {
    size_t page_count = 0;
    for (;;) {
        const uintptr_t descriptors_end = start + page_count + 1;
        const uintptr_t base = (descriptors_end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
        if (base + (page_count + 1) * PAGE_SIZE > start + size) {
            return page_count;
        }
        page_count++;
    }
}

static void check_init_at(size_t skew, size_t size) {
    unsigned char *const memory = arena + skew;
    const size_t expected = count_fitting_pages((uintptr_t)memory, size);
    memset(arena, DIRT, PAGE_SIZE + 2 * PAGE_LIMIT);
    const enum page_error error = page_init(&pages, memory, size);
    assert_int_equal(error, expected == 0 ? PAGE_BAD_REGION : PAGE_OK);
    assert_int_equal(page_last_error(&pages), error);
    assert_int_equal(pages.page_count, expected);
    if (expected == 0) {
        return;
    }
    assert_ptr_equal(pages.descriptors, memory);
    assert_int_equal((uintptr_t)pages.base % PAGE_SIZE, 0);
    assert_true(pages.base >= memory + expected);
    assert_true(pages.base < memory + expected + PAGE_SIZE);
    assert_true(pages.base + expected * PAGE_SIZE <= memory + size);
}

TEST(init_fits_as_many_pages_as_the_memory_holds_wherever_it_starts) {
    static const size_t skews[] = {0, 1, 2, 3, 7, 8, 9, 2048, 4080, 4088, 4092, 4093, 4094, 4095};
    for (size_t i = 0; i < sizeof skews / sizeof *skews; i++) {
        for (size_t page_count = 0; page_count <= 5; page_count++) {
            for (size_t size = page_count * PAGE_SIZE; size < page_count * PAGE_SIZE + 16; size++) {
                check_init_at(skews[i], size);
                check_init_at(skews[i], size + PAGE_SIZE - skews[i]);
                check_init_at(skews[i], size + PAGE_SIZE - 16);
            }
        }
    }
}

TEST(init_writes_nothing_but_descriptors) {
    memset(arena, DIRT, sizeof arena);
    unsigned char *const memory = arena + 17;
    assert_int_equal(page_init(&pages, memory, sizeof arena - 17 - PAGE_SIZE), PAGE_OK);
    for (size_t i = 0; i < sizeof arena; i++) {
        const unsigned char *const byte = arena + i;
        const int is_descriptor = byte >= memory && byte < memory + pages.page_count;
        assert_int_equal(*byte, is_descriptor ? 0 : DIRT);
    }
}

TEST(init_of_null_is_a_bad_region) {
    assert_int_equal(page_init(&pages, NULL, 0), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, NULL, 16 * PAGE_SIZE), PAGE_BAD_REGION);
    assert_int_equal(page_last_error(&pages), PAGE_BAD_REGION);
}

TEST(init_of_memory_that_wraps_is_a_bad_region) {
    assert_int_equal(page_init(&pages, arena, SIZE_MAX), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, arena, SIZE_MAX - (uintptr_t)arena + 1), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, address(UINTPTR_MAX), 1), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, address(UINTPTR_MAX - 2 * PAGE_SIZE), 3 * PAGE_SIZE), PAGE_BAD_REGION);
}

TEST(init_of_memory_at_the_end_of_the_address_space_without_room_is_a_bad_region) {
    assert_int_equal(page_init(&pages, address(UINTPTR_MAX), 0), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, address(UINTPTR_MAX - 1), 1), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, address(UINTPTR_MAX - PAGE_SIZE), PAGE_SIZE), PAGE_BAD_REGION);
}

TEST(init_of_more_memory_than_a_ptrdiff_can_say_is_a_bad_region) {
    assert_int_equal(page_init(&pages, address(PAGE_SIZE), (size_t)PTRDIFF_MAX + 1), PAGE_BAD_REGION);
}

/* Its start is less than its size, so that arithmetic with the two mixed up shows. */
TEST(init_of_memory_below_its_own_size_is_fine) {
    const uintptr_t start = (uintptr_t)1 << 16;
    const size_t size = 2 * start;
    void *const memory =
        mmap(address(start), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != address(start)) {
        if (memory != MAP_FAILED) {
            munmap(memory, size);
        }
        SKIP("no memory at 64 KiB: vm.mmap_min_addr is higher, or something else lies there");
    }
    assert_int_equal(page_init(&pages, memory, size), PAGE_OK);
    assert_int_equal(pages.page_count, size / PAGE_SIZE - 1);
    assert_ptr_equal(pages.base, address(start + PAGE_SIZE));
    munmap(memory, size);
}

TEST(init_with_too_little_memory_is_a_bad_region) {
    static const size_t sizes[] = {0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(page_init(&pages, arena, sizes[i]), PAGE_BAD_REGION);
    }
    assert_int_equal(page_init(&pages, arena, 2 * PAGE_SIZE), PAGE_OK);
    assert_int_equal(page_init(&pages, arena + PAGE_SIZE - 1, PAGE_SIZE), PAGE_BAD_REGION);
    assert_int_equal(page_init(&pages, arena + PAGE_SIZE - 1, PAGE_SIZE + 1), PAGE_OK);
}

TEST(an_allocator_without_a_page_refuses_everything) {
    set_up_as("tT..");
    assert_int_equal(page_init(&pages, NULL, 0), PAGE_BAD_REGION);
    assert_int_equal(pages.page_count, 0);
    assert_int_equal(pages.taken_count, 0);
    assert_null(page_alloc(&pages, 1));
    assert_int_equal(page_last_error(&pages), PAGE_EXHAUSTED);
    assert_null(page_zalloc(&pages, SIZE_MAX));
    assert_int_equal(page_last_error(&pages), PAGE_EXHAUSTED);
    assert_int_equal(page_free(&pages, arena), PAGE_FOREIGN_POINTER);
    assert_int_equal(page_extend(&pages, arena, 0), PAGE_FOREIGN_POINTER);
    assert_int_equal(page_extend(&pages, NULL, 0), PAGE_FOREIGN_POINTER);
    assert_int_equal(page_free(&pages, NULL), PAGE_OK);
}

/* page_alloc and page_zalloc. */

PAGE_CASES(alloc_takes_the_lowest_run_that_is_long_enough,
           {".T..tT...T....", "alloc 3", "at 6", ".T..tTttTT...."},
           {".T..tTttTT....", "alloc 2", "at 2", ".TtTtTttTT...."},
           {".TtTtTttTT....", "alloc 1", "at 0", "TTtTtTttTT...."},
           {"TTtTtTttTT....", "alloc 4", "at 10", "TTtTtTttTTtttT"})

PAGE_CASES(alloc_takes_no_more_of_a_longer_run_than_it_was_asked_for,
           {"T.....T", "alloc 2", "at 1", "TtT...T"})

TEST(alloc_can_take_all_pages_at_once_or_one_by_one) {
    set_up(5);
    assert_ptr_equal(page_alloc(&pages, 5), page_at(0));
    assert_picture("ttttT");
    set_up(5);
    for (size_t i = 0; i < 5; i++) {
        assert_ptr_equal(page_alloc(&pages, 1), page_at(i));
    }
    assert_picture("TTTTT");
}

PAGE_CASES(alloc_of_no_page_is_null_and_no_error, {"tT..", "alloc 0", "ok", NULL},
           {"tT..", "zalloc 0", "ok", NULL}, {"xl", "alloc 0", "ok", NULL}, {"xl", "zalloc 0", "ok", NULL})

PAGE_CASES(alloc_without_a_run_that_long_is_exhausted, {"..T..tT..", "alloc 3", "exhausted", NULL},
           {"..T..tT..", "zalloc 3", "exhausted", NULL}, {"....", "alloc 5", "exhausted", NULL},
           {"....", "zalloc 5", "exhausted", NULL}, {"tT", "alloc 1", "exhausted", NULL},
           {"tT", "zalloc 1", "exhausted", NULL})

TEST(alloc_of_a_huge_count_is_exhausted_and_nothing_wraps) {
    static const size_t counts[] = {SIZE_MAX,
                                    SIZE_MAX - 1,
                                    SIZE_MAX - 3,
                                    SIZE_MAX / 2,
                                    SIZE_MAX / 2 + 1,
                                    SIZE_MAX / PAGE_SIZE,
                                    SIZE_MAX / PAGE_SIZE + 1,
                                    SIZE_MAX / PAGE_SIZE + 2,
                                    SIZE_MAX / PAGE_SIZE + 5};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        set_up_as("tT.....");
        assert_alloc_refused(counts[i], PAGE_EXHAUSTED);
        assert_extend_refused(page_at(0), counts[i], PAGE_EXHAUSTED);
    }
}

TEST(a_corrupt_descriptor_on_the_way_refuses_alloc) {
    static const char *const pictures[] = {"l....", "x....", "T.l..", ".x...", "..l..", "tTx..", "txT.."};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        set_up_as(pictures[i]);
        assert_alloc_refused(3, PAGE_CORRUPT);
        assert_alloc_refused(SIZE_MAX, PAGE_CORRUPT);
    }
}

TEST(a_run_without_a_last_page_on_the_way_refuses_alloc) {
    static const char *const pictures[] = {"t...", "tt..", "Tt..", ".t..", "...t", "tTtt", "tttt"};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        set_up_as(pictures[i]);
        assert_alloc_refused(4, PAGE_CORRUPT);
        assert_alloc_refused(SIZE_MAX, PAGE_CORRUPT);
    }
}

PAGE_CASES(alloc_does_not_look_beyond_the_run_it_takes, {"..xlt", "alloc 2", "at 0", "tTxlt"})

TEST(every_impossible_descriptor_is_corrupt_to_every_operation) {
    for (unsigned value = 0; value <= 0xff; value++) {
        if (value == 0 || value == PAGE_TAKEN || value == (PAGE_TAKEN | PAGE_LAST)) {
            continue;
        }
        const unsigned char descriptor = (unsigned char)value;
        set_up_as("TtttT...");
        pages.descriptors[1] = descriptor; /* the run's first page */
        assert_pointer_refused(page_at(1), PAGE_CORRUPT);
        assert_pointer_refused(page_at(2), PAGE_CORRUPT); /* interior or first? Nobody can tell */
        assert_alloc_refused(1, PAGE_CORRUPT);
        set_up_as("TtttT...");
        pages.descriptors[3] = descriptor; /* inside the run */
        assert_pointer_refused(page_at(1), PAGE_CORRUPT);
        set_up_as("TtttT...");
        pages.descriptors[4] = descriptor; /* where its last page should be */
        assert_pointer_refused(page_at(1), PAGE_CORRUPT);
        set_up_as("TtttT...");
        pages.descriptors[0] = descriptor; /* in front of the run */
        assert_pointer_refused(page_at(1), PAGE_CORRUPT);
        set_up_as("TtttT...");
        pages.descriptors[6] = descriptor; /* behind the run */
        assert_extend_refused(page_at(1), 2, PAGE_CORRUPT);
        assert_extend_refused(page_at(1), SIZE_MAX, PAGE_CORRUPT);
        assert_int_equal(page_extend(&pages, page_at(1), 1), PAGE_OK);
        assert_int_equal(page_free(&pages, page_at(1)), PAGE_OK);
    }
}

TEST(zalloc_sets_every_byte_of_dirty_pages_to_zero_and_no_other) {
    set_up_as("T....T");
    assert_ptr_equal(page_zalloc(&pages, 3), page_at(1));
    assert_picture("TttT.T");
    assert_int_equal(page_last_error(&pages), PAGE_OK);
    for (size_t i = 0; i < 6 * PAGE_SIZE + MARGIN_SIZE; i++) {
        const size_t index = i / PAGE_SIZE;
        assert_int_equal(pages.base[i], index >= 1 && index <= 3 ? 0 : DIRT);
    }
}

PAGE_CASES(zalloc_places_as_alloc_does, {".T..tT...T....", "zalloc 3", "at 6", ".T..tTttTT...."},
           {".T..tTttTT....", "zalloc 4", "at 10", ".T..tTttTTtttT"},
           {".T..tTttTTtttT", "zalloc 1", "at 0", "TT..tTttTTtttT"})

TEST(alloc_writes_no_byte_of_a_page) {
    set_up(4);
    assert_non_null(page_alloc(&pages, 2));
    assert_int_equal(page_extend(&pages, page_at(0), 1), PAGE_OK);
    assert_int_equal(page_free(&pages, page_at(0)), PAGE_OK);
    for (size_t i = 0; i < 4 * PAGE_SIZE + MARGIN_SIZE; i++) {
        assert_int_equal(pages.base[i], DIRT);
    }
}

/* Names. */

TEST(every_error_has_a_name_and_any_other_value_is_unknown) {
    assert_string_equal(page_error_name(PAGE_OK), "ok");
    assert_string_equal(page_error_name(PAGE_EXHAUSTED), "exhausted");
    assert_string_equal(page_error_name(PAGE_BAD_REGION), "bad-region");
    assert_string_equal(page_error_name(PAGE_FOREIGN_POINTER), "foreign-pointer");
    assert_string_equal(page_error_name(PAGE_MISALIGNED_POINTER), "misaligned-pointer");
    assert_string_equal(page_error_name(PAGE_INTERIOR_POINTER), "interior-pointer");
    assert_string_equal(page_error_name(PAGE_DOUBLE_FREE), "double-free");
    assert_string_equal(page_error_name(PAGE_CORRUPT), "corrupt");
    assert_string_equal(page_error_name((enum page_error)(PAGE_CORRUPT + 1)), "unknown");
}
