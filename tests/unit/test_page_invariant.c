/* The page allocator's checker (invariants/page_invariant.h): it must notice each kind of damage, name it,
 * and say where; it must find nothing wrong where nothing is; and it must survive any bytes whatever.
 *
 * Descriptors are drawn as in page_fixture.h: '.' free, 't' taken, 'T' taken and last, 'l' last but not
 * taken, 'x' taken with an unknown bit. */
#include <stdio.h>
#include <sys/mman.h>

#include "invariants/page_invariant.h"
#include "tests/unit/page_fixture.h"

#define LIVE_LIMIT ((size_t)16)

/* What the allocator under test (pages, of page_fixture.h) should be. */
static struct live_run live[LIVE_LIMIT];
static struct page_expectation expectation;

/* An allocator that is as drawn, and an expectation that agrees with its region and, for now, has nothing
 * live. */
static void draw(const char *picture) {
    set_up_as(picture);
    expectation = (struct page_expectation){.base = pages.base,
                                            .descriptors = pages.descriptors,
                                            .page_count = pages.page_count,
                                            .live = live,
                                            .live_count = 0};
}

static void expect_live(size_t first_index, size_t page_count) {
    assert_true(expectation.live_count < LIVE_LIMIT);
    live[expectation.live_count++] = (struct live_run){.first_index = first_index, .page_count = page_count};
}

static struct verdict check(uint64_t mask) {
    return page_invariant_check(&pages, &expectation, mask);
}

static void assert_sound(uint64_t mask) {
    const struct verdict verdict = check(mask);
    assert_int_equal(verdict.oracle, SOUND);
    assert_true(verdict_is_sound(verdict));
}

/* The damage breaks exactly this invariant: it is named, with these values, and no other names it. */
static void assert_broken(enum page_invariant invariant, uint64_t offset, uint64_t expected,
                          uint64_t observed) {
    struct verdict verdict = check(PAGE_INVARIANT_ALL);
    assert_int_equal(verdict.oracle, invariant);
    assert_int_equal(verdict.offset, offset);
    assert_int_equal(verdict.expected, expected);
    assert_int_equal(verdict.observed, observed);
    verdict = check(PAGE_INVARIANT_BIT(invariant));
    assert_int_equal(verdict.oracle, invariant);
    assert_int_equal(verdict.offset, offset);
    assert_sound(PAGE_INVARIANT_ALL & ~PAGE_INVARIANT_BIT(invariant));
    assert_sound(0);
}

/* Healthy allocators. */

TEST(a_fresh_allocator_is_sound) {
    for (size_t page_count = 1; page_count <= PAGE_LIMIT; page_count++) {
        draw(&"................"[PAGE_LIMIT - page_count]);
        assert_sound(PAGE_INVARIANT_ALL);
    }
}

TEST(an_expectation_without_live_runs_needs_no_list) {
    draw("....");
    expectation.live = NULL;
    assert_sound(PAGE_INVARIANT_ALL);
}

TEST(allocators_of_many_shapes_are_sound) {
    draw("tttT");
    expect_live(0, 4);
    assert_sound(PAGE_INVARIANT_ALL);
    draw("TTTT");
    for (size_t i = 0; i < 4; i++) {
        expect_live(i, 1);
    }
    assert_sound(PAGE_INVARIANT_ALL);
    draw("..tT.TttT...T");
    expect_live(2, 2);
    expect_live(5, 1);
    expect_live(6, 3);
    expect_live(12, 1);
    assert_sound(PAGE_INVARIANT_ALL);
    assert_sound(PAGE_INVARIANT_STRUCTURE);
    assert_sound(0);
}

TEST(an_allocator_stays_sound_while_it_is_used) {
    draw("........");
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

TEST(another_base_is_not_the_expected_region) {
    draw("tT..");
    expect_live(0, 2);
    pages.base += PAGE_SIZE;
    assert_broken(PAGE_INVARIANT_REGION, 0, 0, PAGE_SIZE);
    pages.base = NULL;
    assert_broken(PAGE_INVARIANT_REGION, 0, 0, (uintptr_t)0 - (uintptr_t)expectation.base);
}

TEST(other_descriptors_are_not_the_expected_region) {
    draw("tT..");
    expect_live(0, 2);
    pages.descriptors += 2;
    assert_broken(PAGE_INVARIANT_REGION, 0, 0, 2);
    pages.descriptors = NULL; /* and is not followed */
    assert_broken(PAGE_INVARIANT_REGION, 0, 0, (uintptr_t)0 - (uintptr_t)expectation.descriptors);
}

TEST(another_page_count_is_not_the_expected_region) {
    draw("tT..");
    expect_live(0, 2);
    pages.page_count = SIZE_MAX; /* and is not believed */
    assert_broken(PAGE_INVARIANT_REGION, 0, 4, SIZE_MAX);
    pages.page_count = 0;
    assert_broken(PAGE_INVARIANT_REGION, 0, 4, 0);
}

TEST(every_impossible_descriptor_is_named) {
    for (unsigned value = 0; value <= 0xff; value++) {
        if (value == 0 || value == PAGE_TAKEN || value == (PAGE_TAKEN | PAGE_LAST)) {
            continue;
        }
        draw("tT.....T");
        expect_live(0, 2);
        expect_live(7, 1);
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

TEST(unknown_bits_and_last_without_taken_break_nothing_else) {
    draw("xT..T");
    expect_live(0, 2);
    expect_live(4, 1);
    assert_broken(PAGE_INVARIANT_DESCRIPTOR, 0, PAGE_TAKEN, 0x80 | PAGE_TAKEN);
    draw("tT.lT");
    expect_live(0, 2);
    expect_live(4, 1);
    assert_broken(PAGE_INVARIANT_DESCRIPTOR, 3, 0, PAGE_LAST);
}

TEST(a_run_before_a_free_page_must_have_a_last_page) {
    draw(".ttt.T");
    expect_live(1, 3);
    expect_live(5, 1);
    assert_broken(PAGE_INVARIANT_RUN_ENDS, 3, PAGE_TAKEN | PAGE_LAST, PAGE_TAKEN);
}

TEST(a_run_before_the_end_of_the_pages_must_have_a_last_page) {
    draw("T.tt");
    expect_live(0, 1);
    expect_live(2, 2);
    assert_broken(PAGE_INVARIANT_RUN_ENDS, 3, PAGE_TAKEN | PAGE_LAST, PAGE_TAKEN);
    draw("t");
    expect_live(0, 1);
    assert_broken(PAGE_INVARIANT_RUN_ENDS, 0, PAGE_TAKEN | PAGE_LAST, PAGE_TAKEN);
}

TEST(a_taken_run_that_is_not_live_is_named) {
    draw("tT.ttT.T");
    expect_live(0, 2);
    expect_live(7, 1);
    assert_broken(PAGE_INVARIANT_TAKEN_IS_LIVE, 3, 0, 3);
    draw("tT");
    assert_broken(PAGE_INVARIANT_TAKEN_IS_LIVE, 0, 0, 2);
}

TEST(a_taken_run_behind_the_last_live_one_is_named) {
    draw("tT..T");
    expect_live(0, 2);
    assert_broken(PAGE_INVARIANT_TAKEN_IS_LIVE, 4, 0, 1);
}

TEST(the_second_half_of_a_run_cut_in_two_is_not_live) {
    draw("tTtT");
    expect_live(0, 4);
    struct verdict verdict = check(PAGE_INVARIANT_ALL);
    assert_int_equal(verdict.oracle, PAGE_INVARIANT_LIVE_IS_TAKEN);
    assert_int_equal(verdict.offset, 0);
    assert_int_equal(verdict.expected, 4);
    assert_int_equal(verdict.observed, 2);
    verdict = check(PAGE_INVARIANT_ALL & ~PAGE_INVARIANT_BIT(PAGE_INVARIANT_LIVE_IS_TAKEN));
    assert_int_equal(verdict.oracle, PAGE_INVARIANT_TAKEN_IS_LIVE);
    assert_int_equal(verdict.offset, 2);
    assert_int_equal(verdict.observed, 2);
}

TEST(a_live_run_whose_pages_are_free_is_named) {
    draw("tT....T");
    expect_live(0, 2);
    expect_live(3, 2);
    expect_live(6, 1);
    assert_broken(PAGE_INVARIANT_LIVE_IS_TAKEN, 3, 2, 0);
    draw("tT.....");
    expect_live(0, 2);
    expect_live(3, 2); /* behind the last taken run */
    assert_broken(PAGE_INVARIANT_LIVE_IS_TAKEN, 3, 2, 0);
}

TEST(a_live_run_beyond_the_pages_is_named) {
    draw("tT..");
    expect_live(0, 2);
    expect_live(4, 1);
    assert_broken(PAGE_INVARIANT_LIVE_IS_TAKEN, 4, 1, 0);
}

TEST(a_live_run_of_another_length_is_named) {
    draw(".ttT.");
    expect_live(1, 2);
    assert_broken(PAGE_INVARIANT_LIVE_IS_TAKEN, 1, 2, 3);
    live[0].page_count = 4;
    assert_broken(PAGE_INVARIANT_LIVE_IS_TAKEN, 1, 4, 3);
}

TEST(a_live_run_inside_a_longer_taken_one_is_named) {
    draw("tttT..");
    expect_live(0, 2);
    expect_live(2, 2);
    live[0].page_count = 4; /* so that only the second one is wrong */
    assert_broken(PAGE_INVARIANT_LIVE_IS_TAKEN, 2, 2, 0);
}

TEST(a_counter_that_the_walk_does_not_agree_with_is_named) {
    draw("tT.T");
    expect_live(0, 2);
    expect_live(3, 1);
    pages.taken_count = 4;
    assert_broken(PAGE_INVARIANT_COUNTER, 0, 3, 4);
    pages.taken_count = 2;
    assert_broken(PAGE_INVARIANT_COUNTER, 0, 3, 2);
    pages.taken_count = SIZE_MAX;
    assert_broken(PAGE_INVARIANT_COUNTER, 0, 3, SIZE_MAX);
}

TEST(the_first_broken_invariant_is_the_verdict_and_masking_it_shows_the_next) {
    draw("tT.tt.T.l");
    expect_live(0, 2);
    expect_live(3, 1); /* the wrong length */
    expect_live(7, 1); /* free; and the run at 6 is not live */
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

/* Marsaglia's xorshift64: *state is never 0. */
static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

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
    draw("tT.");
    expect_live(0, 2);
    guard(PROT_NONE);
    pages.base = guarded;
    expectation.base = guarded;
    assert_sound(PAGE_INVARIANT_ALL);
    guard(PROT_READ | PROT_WRITE);
}

TEST(the_checker_writes_nothing) {
    draw("tTxl.tt.T");
    expect_live(1, 1);
    remember();
    for (uint64_t mask = 0; mask < PAGE_INVARIANT_BIT(PAGE_INVARIANT_COUNT); mask++) {
        (void)!verdict_is_sound(check(mask));
        assert_refused(PAGE_OK);
    }
}

/* Names. */

TEST(every_invariant_has_an_id_and_a_sentence) {
    for (unsigned invariant = 1; invariant < PAGE_INVARIANT_COUNT; invariant++) {
        const char *const sentence = page_invariant_sentence(invariant);
        assert_int_equal(strncmp(page_invariant_id(invariant), "page-", 5), 0);
        assert_int_equal(sentence[strlen(sentence) - 1], '.');
        for (unsigned other = 1; other < invariant; other++) {
            assert_string_not_equal(page_invariant_id(invariant), page_invariant_id(other));
        }
    }
}

TEST(what_is_no_invariant_has_neither) {
    assert_null(page_invariant_id(PAGE_INVARIANT_NONE));
    assert_null(page_invariant_sentence(PAGE_INVARIANT_NONE));
    assert_null(page_invariant_id(PAGE_INVARIANT_COUNT));
    assert_null(page_invariant_sentence(PAGE_INVARIANT_COUNT));
}
