/* The page allocator's contract (src/page.h), sentence by sentence: what is done to a run by its pointer,
 * extending and freeing, and every misuse. What the pictures mean stands in page_fixture.h. */

#include "tests/unit/page_fixture.h"

/* page_extend. */

PAGE_CASES(extend_makes_a_run_longer_in_place, {"TtT...T", "extend 1 2", "ok", "TtttT.T"},
           {"TtttT.T", "extend 1 1", "ok", "TttttTT"}, {"TttttTT", "free 1", "ok", "T.....T"})

PAGE_CASES(extend_reaches_the_last_page, {"T...", "extend 0 3", "ok", "tttT"})

/* No page need follow, nor be possible. */
PAGE_CASES(extend_by_no_page_changes_nothing, {"tT.tT", "extend 0 0", "ok", NULL},
           {"tT.tT", "extend 3 0", "ok", NULL}, {"tTx", "extend 0 0", "ok", NULL})

PAGE_CASES(extend_is_exhausted_when_the_pages_behind_are_taken, {"tT..T..", "extend 0 3", "exhausted", NULL},
           {"tT..T..", "extend 0 4", "exhausted", NULL}, {"TT", "extend 0 1", "exhausted", NULL})

PAGE_CASES(extend_is_exhausted_when_the_pages_end, {"tT..", "extend 0 3", "exhausted", NULL},
           {"tT", "extend 0 1", "exhausted", NULL})

PAGE_CASES(the_first_page_behind_that_is_not_free_decides_how_extend_ends,
           {"T.lT", "extend 0 3", "corrupt", NULL}, {"T.Tl", "extend 0 3", "exhausted", NULL},
           {"T.lT", "extend 0 1", "ok", "tTlT"})

TEST(extending_null_is_a_foreign_pointer) {
    set_up_as("tT..");
    assert_extend_refused(NULL, 0, PAGE_FOREIGN_POINTER);
    assert_extend_refused(NULL, 1, PAGE_FOREIGN_POINTER);
}

/* page_free. */

PAGE_CASES(free_gives_back_the_whole_run_and_no_other, {"tTtttTT.", "free 2", "ok", "tT....T."},
           {"tT....T.", "free 0", "ok", "......T."}, {"......T.", "free 6", "ok", "........"})

TEST(free_of_null_does_nothing) {
    set_up_as("tT..");
    pages.error = PAGE_CORRUPT;
    assert_free_refused(NULL, PAGE_OK);
}

TEST(freed_pages_are_taken_again_first_fit) {
    set_up(6);
    void *const first = page_alloc(&pages, 2);
    assert_non_null(page_alloc(&pages, 2));
    assert_int_equal(page_free(&pages, first), PAGE_OK);
    assert_ptr_equal(page_alloc(&pages, 1), page_at(0));
    assert_ptr_equal(page_alloc(&pages, 2), page_at(4));
    assert_ptr_equal(page_alloc(&pages, 1), page_at(1));
    assert_picture("TTtTtT");
}

TEST(a_pointer_outside_the_pages_is_foreign_aligned_or_not) {
    set_up_as("tT.tT");
    unsigned char *const end = page_at(5);
    assert_pointer_refused(end, PAGE_FOREIGN_POINTER);
    assert_pointer_refused(end + 1, PAGE_FOREIGN_POINTER);
    assert_pointer_refused(end + PAGE_SIZE - 1, PAGE_FOREIGN_POINTER);
    assert_pointer_refused(pages.base - 1, PAGE_FOREIGN_POINTER);
    assert_pointer_refused(pages.base - PAGE_SIZE, PAGE_FOREIGN_POINTER);
    assert_pointer_refused(pages.descriptors, PAGE_FOREIGN_POINTER);
    assert_pointer_refused(address(1), PAGE_FOREIGN_POINTER);
    assert_pointer_refused(address(PAGE_SIZE), PAGE_FOREIGN_POINTER);
    assert_pointer_refused(address(UINTPTR_MAX), PAGE_FOREIGN_POINTER);
    assert_pointer_refused(address(UINTPTR_MAX - PAGE_SIZE + 1), PAGE_FOREIGN_POINTER);
}

TEST(a_pointer_inside_any_page_is_misaligned_whatever_its_descriptor) {
    static const size_t skews[] = {1, 2, 4, 8, 16, 2048, PAGE_SIZE - 8, PAGE_SIZE - 1};
    set_up_as("tT.xl");
    for (size_t index = 0; index < pages.page_count; index++) {
        for (size_t i = 0; i < sizeof skews / sizeof *skews; i++) {
            assert_pointer_refused(page_at(index) + skews[i], PAGE_MISALIGNED_POINTER);
        }
    }
}

TEST(freeing_a_free_page_is_a_double_free) {
    set_up_as("tT.tT.");
    assert_pointer_refused(page_at(2), PAGE_DOUBLE_FREE);
    assert_pointer_refused(page_at(5), PAGE_DOUBLE_FREE);
    assert_int_equal(page_free(&pages, page_at(0)), PAGE_OK);
    assert_pointer_refused(page_at(0), PAGE_DOUBLE_FREE);
    assert_pointer_refused(page_at(1), PAGE_DOUBLE_FREE); /* what was interior is free too */
}

TEST(a_free_page_behind_a_corrupt_one_is_still_a_double_free) {
    set_up_as("Tx.l.");
    assert_pointer_refused(page_at(2), PAGE_DOUBLE_FREE);
    assert_pointer_refused(page_at(4), PAGE_DOUBLE_FREE);
}

TEST(freeing_the_middle_of_a_run_is_an_interior_pointer) {
    set_up_as("TtttT.");
    assert_pointer_refused(page_at(2), PAGE_INTERIOR_POINTER);
    assert_pointer_refused(page_at(3), PAGE_INTERIOR_POINTER);
    assert_pointer_refused(page_at(4), PAGE_INTERIOR_POINTER); /* its last page too */
}

TEST(an_interior_pointer_is_named_before_its_run_is_judged) {
    set_up_as("tttx");
    assert_pointer_refused(page_at(1), PAGE_INTERIOR_POINTER);
    set_up_as("ttt.");
    assert_pointer_refused(page_at(2), PAGE_INTERIOR_POINTER);
}

TEST(a_run_without_a_last_page_is_corrupt) {
    static const char *const pictures[] = {"tt..", "t...", "ttl.", "ttx.", "tttt", "t.TTT"};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        set_up_as(pictures[i]);
        assert_pointer_refused(page_at(0), PAGE_CORRUPT);
    }
    set_up_as("...t");
    assert_pointer_refused(page_at(3), PAGE_CORRUPT);
    /* Nor does the byte behind the descriptors end one. */
    set_up_as("Tt");
    page_at(0)[0] = PAGE_TAKEN | PAGE_LAST;
    assert_pointer_refused(page_at(1), PAGE_CORRUPT);
}

TEST(an_impossible_descriptor_is_corrupt_inside_a_run_too) {
    static const char *const pictures[] = {"tx..", "tl..", "txT.", "tlT."};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        set_up_as(pictures[i]);
        assert_pointer_refused(page_at(1), PAGE_CORRUPT);
    }
}

TEST(a_run_of_more_pages_than_are_taken_is_corrupt) {
    set_up_as("ttT.");
    pages.taken_count = 2;
    assert_pointer_refused(page_at(0), PAGE_CORRUPT);
    pages.taken_count = 0;
    assert_pointer_refused(page_at(0), PAGE_CORRUPT);
    pages.taken_count = 3;
    assert_int_equal(page_free(&pages, page_at(0)), PAGE_OK);
}

/* page_run_count. */

TEST(run_count_is_the_length_of_the_run_that_starts_there) {
    set_up_as("TttT.tT");
    remember();
    assert_int_equal(page_run_count(&pages, page_at(0)), 1);
    assert_int_equal(page_run_count(&pages, page_at(1)), 3);
    assert_int_equal(page_run_count(&pages, page_at(5)), 2);
    assert_refused(PAGE_OK);
}

TEST(null_starts_no_run) {
    set_up_as("T");
    assert_int_equal(page_run_count(&pages, NULL), 0);
}
