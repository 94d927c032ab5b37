/* The page allocator's checker (invariants/page_invariant.h): it must notice each kind of damage, name it,
 * and say where; it must find nothing wrong where nothing is; and it must survive any bytes whatever.
 *
 * Descriptors are drawn as in page_fixture.h: '.' free, 't' taken, 'T' taken and last, 'l' last but not
 * taken, 'x' taken with an unknown bit. */
#include <sys/mman.h>

#include "invariants/page_invariant.h"
#include "tests/unit/page_fixture.h"
#include "tests/unit/verdict_fixture.h"

#define LIVE_LIMIT ((size_t)16)

/* What the allocator under test (pages, of page_fixture.h) should be. */
static struct live_run live[LIVE_LIMIT];
static struct page_expectation expectation;

static void expect_live(size_t first_index, size_t page_count) {
    assert_true(expectation.live_count < LIVE_LIMIT);
    live[expectation.live_count++] = (struct live_run){.first_index = first_index, .page_count = page_count};
}

/* An allocator that is as drawn, and an expectation that agrees with its region, and of which what is drawn
 * in runs is live: those may reach past the pages. */
static void draw(const char *picture, const char *runs) {
    set_up_as(picture);
    expectation = (struct page_expectation){.base = pages.base,
                                            .descriptors = pages.descriptors,
                                            .page_count = pages.page_count,
                                            .live = live,
                                            .live_count = 0};
    size_t length = 0;
    for (size_t i = 0; runs[i] != '\0'; i++) {
        length += runs[i] != '.';
        if (runs[i] == 'T') {
            expect_live(i + 1 - length, length);
            length = 0;
        }
    }
}

static struct verdict check(uint64_t mask) {
    return page_invariant_check(&pages, &expectation, mask);
}

static const struct checker checker = {check, page_invariant_id, PAGE_INVARIANT_ALL};

static void assert_sound(uint64_t mask) {
    assert_checked(&checker, mask, "sound");
}

static void assert_broken(const char *expected) {
    assert_broken_by(&checker, expected);
}

/* Healthy allocators. */

TEST(a_fresh_allocator_is_sound) {
    for (size_t page_count = 1; page_count <= PAGE_LIMIT; page_count++) {
        draw(&"................"[PAGE_LIMIT - page_count], "");
        assert_sound(PAGE_INVARIANT_ALL);
    }
}

TEST(an_expectation_without_live_runs_needs_no_list) {
    draw("....", "");
    expectation.live = NULL;
    assert_sound(PAGE_INVARIANT_ALL);
}

static const struct {
    const char *name;
} shapes[] = {{"tttT"}, {"TTTT"}, {"..tT.TttT...T"}};

TEST_EACH(an_allocator_of_any_shape_is_sound, shapes) {
    draw(row->name, row->name);
    assert_sound(PAGE_INVARIANT_ALL);
    assert_sound(PAGE_INVARIANT_STRUCTURE);
    assert_sound(0);
}

TEST(an_allocator_stays_sound_while_it_is_used) {
    draw("........", "");
    void *const first = page_alloc(&pages, 2);
    assert_non_null(page_zalloc(&pages, 3));
    expect_live(0, 2);
    expect_live(2, 3);
    assert_sound(PAGE_INVARIANT_ALL);
    assert_int_equal(page_extend(&pages, page_at(2), 3), PAGE_OK);
    live[1].page_count = 6;
    assert_sound(PAGE_INVARIANT_ALL);
    assert_int_equal(page_free(&pages, first), PAGE_OK);
    live[0] = live[1];
    expectation.live_count = 1;
    assert_sound(PAGE_INVARIANT_ALL);
}

/* One kind of damage after the other. */

static uint64_t from(const void *pointer) {
    return (uintptr_t)0 - (uintptr_t)pointer;
}

TEST(another_base_is_not_the_expected_region) {
    draw("tT..", "tT");
    pages.base += PAGE_SIZE;
    assert_broken("page-region 0 0 4096");
    pages.base = NULL;
    assert_broken(with("page-region 0 0 %" PRId64, from(expectation.base)));
}

TEST(other_descriptors_are_not_the_expected_region) {
    draw("tT..", "tT");
    pages.descriptors += 2;
    assert_broken("page-region 0 0 2");
    pages.descriptors = NULL; /* and is not followed */
    assert_broken(with("page-region 0 0 %" PRId64, from(expectation.descriptors)));
}

TEST(another_page_count_is_not_the_expected_region) {
    draw("tT..", "tT");
    pages.page_count = SIZE_MAX; /* and is not believed */
    assert_broken("page-region 0 4 -1");
    pages.page_count = 0;
    assert_broken("page-region 0 4 0");
}

TEST(every_impossible_descriptor_is_named) {
    for (unsigned value = 0; value <= 0xff; value++) {
        if (value == 0 || value == PAGE_TAKEN || value == (PAGE_TAKEN | PAGE_LAST)) {
            continue;
        }
        draw("tT.....T", "tT.....T");
        pages.descriptors[5] = (unsigned char)value;
        const unsigned possible = (value & PAGE_TAKEN) != 0 ? value & (PAGE_TAKEN | PAGE_LAST) : 0;
        const struct verdict verdict = check(PAGE_INVARIANT_ALL);
        assert_int_equal(verdict.oracle, PAGE_INVARIANT_DESCRIPTOR);
        assert_int_equal(verdict.offset, 5);
        assert_int_equal(verdict.expected, possible);
        assert_int_equal(verdict.observed, value);
        assert_int_equal(check(PAGE_INVARIANT_BIT(PAGE_INVARIANT_DESCRIPTOR)).offset, 5);
        assert_sound(PAGE_INVARIANT_BIT(PAGE_INVARIANT_REGION));
    }
}

/* What is drawn, what is live, and the one invariant that is broken. */
static const struct {
    const char *name;
    const char *picture;
    const char *runs;
    const char *verdict;
} damages[] = {
    {"an unknown bit breaks nothing else", "xT..T", "tT..T", "page-descriptor 0 1 129"},
    {"last without taken breaks nothing else", "tT.lT", "tT..T", "page-descriptor 3 0 2"},
    {"a run before a free page must have a last page", ".ttt.T", ".ttT.T", "page-run-ends 3 3 1"},
    {"a run before the end of the pages must have a last page", "T.tt", "T.tT", "page-run-ends 3 3 1"},
    {"a run of the only page must have a last page", "t", "T", "page-run-ends 0 3 1"},
    {"a taken run that is not live is named", "tT.ttT.T", "tT.....T", "page-taken-is-live 3 0 3"},
    {"a taken run is not live where none is", "tT", "", "page-taken-is-live 0 0 2"},
    {"a taken run after the last live one is named", "tT..T", "tT", "page-taken-is-live 4 0 1"},
    {"a live run whose pages are free is named", "tT....T", "tT.tT.T", "page-live-is-taken 3 2 0"},
    {"a live run after the last taken one is named", "tT.....", "tT.tT", "page-live-is-taken 3 2 0"},
    {"a live run beyond the pages is named", "tT..", "tT..T", "page-live-is-taken 4 1 0"},
    {"a live run that is longer is named", ".ttT.", ".tT", "page-live-is-taken 1 2 3"},
    {"a live run that is shorter is named", ".ttT.", ".tttT", "page-live-is-taken 1 4 3"},
};

TEST_EACH(the_broken_invariant_is_named_and_no_other, damages) {
    draw(row->picture, row->runs);
    assert_broken(row->verdict);
}

TEST(the_second_half_of_a_run_cut_in_two_is_not_live) {
    draw("tTtT", "tttT");
    assert_checked(&checker, PAGE_INVARIANT_ALL, "page-live-is-taken 0 4 2");
    assert_checked(&checker, PAGE_INVARIANT_ALL & ~PAGE_INVARIANT_BIT(PAGE_INVARIANT_LIVE_IS_TAKEN),
                   "page-taken-is-live 2 0 2");
}

TEST(a_live_run_inside_a_longer_taken_one_is_named) {
    draw("tttT..", "tttT");
    expect_live(2, 2);
    assert_broken("page-live-is-taken 2 2 0");
}

TEST(a_counter_that_the_walk_does_not_agree_with_is_named) {
    draw("tT.T", "tT.T");
    pages.taken_count = 4;
    assert_broken("page-counter 0 3 4");
    pages.taken_count = 2;
    assert_broken("page-counter 0 3 2");
    pages.taken_count = SIZE_MAX;
    assert_broken("page-counter 0 3 -1");
}

TEST(the_first_broken_invariant_is_the_verdict_and_masking_it_shows_the_next) {
    draw("tT.tt.T.l",
         "tT.T...T"); /* of the second run the wrong length; the third is free, and that at 6 not live */
    pages.taken_count = 99;
    pages.page_count = 1;
    uint64_t mask = PAGE_INVARIANT_ALL;
    static const enum page_invariant order[] = {PAGE_INVARIANT_REGION,        PAGE_INVARIANT_DESCRIPTOR,
                                                PAGE_INVARIANT_RUN_ENDS,      PAGE_INVARIANT_LIVE_IS_TAKEN,
                                                PAGE_INVARIANT_TAKEN_IS_LIVE, PAGE_INVARIANT_COUNTER};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_int_equal(check(mask).oracle, order[i]);
        mask &= ~PAGE_INVARIANT_BIT(order[i]);
    }
    assert_int_equal(mask, 0);
    assert_sound(mask);
}

/* Any bytes. */

/* A page nobody may touch on either side of one that holds the descriptors. */
static _Alignas(4096) unsigned char guarded[3 * PAGE_SIZE];

static void guard(int protection) {
    assert_int_equal(mprotect(guarded, PAGE_SIZE, protection), 0);
    assert_int_equal(mprotect(guarded + 2 * PAGE_SIZE, PAGE_SIZE, protection), 0);
}

/* Mostly descriptors that can be true, so that walks get far; or no such thing. */
static unsigned char random_descriptor(uint64_t *state) {
    static const unsigned char likely[4] = {0, PAGE_TAKEN, PAGE_TAKEN | PAGE_LAST, PAGE_TAKEN};
    const uint64_t value = next_random(state);
    return value % 16 == 0 ? (unsigned char)(value >> 8) : likely[value >> 8 & 3];
}

static void check_random(uint64_t *state) {
    const size_t page_count = 1 + next_random(state) % 40;
    const bool at_end = next_random(state) % 2 == 0;
    unsigned char *const descriptors = guarded + PAGE_SIZE + (at_end ? PAGE_SIZE - page_count : 0);
    for (size_t i = 0; i < page_count; i++) {
        descriptors[i] = random_descriptor(state);
    }
    expectation = (struct page_expectation){
        .base = guarded, .descriptors = descriptors, .page_count = page_count, .live = live};
    expectation.live_count = next_random(state) % (LIVE_LIMIT + 1);
    for (size_t i = 0; i < expectation.live_count; i++) {
        live[i].first_index = next_random(state) % 48;
        live[i].page_count = next_random(state) % 5;
    }
    pages = (struct page_allocator){.descriptors = guarded, /* not readable */
                                    .base = guarded + next_random(state) % 2,
                                    .page_count = (size_t)next_random(state),
                                    .taken_count = next_random(state) % 40};
    const uint64_t mask = next_random(state);
    const struct verdict verdict = check(mask);
    assert_true(verdict.oracle < PAGE_INVARIANT_COUNT);
    if (!verdict_is_sound(verdict)) {
        assert_true((mask & PAGE_INVARIANT_BIT(verdict.oracle)) != 0);
        assert_true(verdict.offset < 48);
    }
}

TEST(no_descriptors_make_the_checker_loop_or_read_elsewhere) {
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    (void)printf("seed 0x%016llx\n", (unsigned long long)seed);
    guard(PROT_NONE);
    for (size_t trial = 0; trial < 100000; trial++) {
        check_random(&seed);
    }
    guard(PROT_READ | PROT_WRITE);
}

TEST(the_checker_reads_no_page) {
    draw("tT.", "tT");
    guard(PROT_NONE);
    pages.base = guarded;
    expectation.base = guarded;
    assert_sound(PAGE_INVARIANT_ALL);
    guard(PROT_READ | PROT_WRITE);
}

TEST(the_checker_writes_nothing) {
    draw("tTxl.tt.T", ".T");
    remember();
    for (uint64_t mask = 0; mask < PAGE_INVARIANT_BIT(PAGE_INVARIANT_COUNT); mask++) {
        (void)!verdict_is_sound(check(mask));
        assert_refused(PAGE_OK);
    }
}

/* Names. */

TEST(every_invariant_has_an_id_and_a_sentence) {
    assert_named_apart(page_invariant_id, page_invariant_sentence, PAGE_INVARIANT_COUNT, "page-");
}
