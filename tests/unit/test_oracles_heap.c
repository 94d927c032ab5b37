/* Specification: the oracles on the heap and on its payloads, each against a subject that damages in just its
 * way; test_oracles.c says how a scenario reads. */
#include "tests/unit/oracle_fixture.h"

static const struct scenario damages[] = {
    /* Structure. Each fault strikes while slot 2 is allocated, over the headers at 0, 32, 64 and 112. */
    {"a header of 0", "call 2: write-header 64 = taken 0", THREE, "walk-ends 64 16 0", "usable-size 72 40 0"},
    {"a header of an odd size", "call 2: write-header 64 = taken 44", THREE, "block-size 64 48 44",
     "usable-size 72 40 0"},
    {"a header of a small size", "call 2: write-header 112 = 8", THREE, "block-size 112 16 8",
     "refusal-named 72 none corrupt"},
    {"a header that reaches past the end", "call 2: write-header 112 = 152", THREE,
     "block-tiling 112 144 152", "refusal-named 72 none corrupt"},
    /* Where slot 1 was, the header of the free block after it still lies, and counts again when the one in
     * front of it is cut short. */
    {"two adjacent free blocks", "call 2: write-header 32 = 32", "alloc 0 24; alloc 1 24; free 1",
     "free-merged 64 224 192", "recovery 0 1 2"},
    {"a taken block that no slot has", "call 2: take 24", THREE, "taken-is-live 112 0 32", "recovery 0 1 3"},
    {"a live block freed", "call 2: write-header 32 = 32", THREE, "live-is-taken 32 32 0", "counters 0 2 3"},
    /* The header of the rest cuts into the payload. */
    {"a live block of another size", "call 3: resize 72 = 8", THREE "; alloc 3 24", "live-is-taken 64 48 16",
     "contents-kept 80 written(2,8) 32"},
    {"a wrong count of taken blocks", "call 2: taken-count 1", THREE, "counters 0 3 4"},
    {"a wrong count of taken bytes", "call 2: taken-size 8", THREE, "counters 0 112 120"},
    {"another base", "call 2: base 8", THREE, "region 0 0 8", "usable-size 72 40 0"},
    {"another page size", "call 2: page-size 64", THREE, "region 0 64 128"},
    {"another page count", "call 2: page-count 1", THREE, "region 0 4 5"},
    /* Asked at a run's start and at its end: here at the end, of four pages and of five. */
    {"a wrong answer about the head", "call 2: head 8", THREE, "region 0 0 8"},
    {"a wrong answer about the pages", "call 2: said-pages 1", THREE, "region 0 4 5"},
    {"a wrong answer about grown pages", "call 2: said-pages -1", THREE "; alloc 3 200", "region 0 5 4"},
    /* Usable sizes. */
    {"a usable size too large", "call 2: usable-size 8", THREE, "usable-size 72 40 48"},
    {"a usable size too small", "call 3: usable-size -8", THREE "; realloc 0 16", "usable-size 8 24 16"},
    {"a size of what is no payload", "call 3: usable-size 8", THREE "; interior 1 1", "usable-size 48 0 8"},
    /* The dirt after the region is not looked at. */
    {"a usable size past the region does not lead the harness out of it", "call 0: usable-size 1099511627776",
     "zalloc 0 248", "usable-size 8 248 1099511628024"},
    /* The coalesce is the call that is struck: none after it is asked about but by the operation that
       follows. */
    {"a wrong size of slot 0", "call 3: usable-size 8", THREE "; coalesce; usable 0", "usable-size 8 24 32"},
    {"a wrong size of slot 2", "call 3: usable-size 8", THREE "; coalesce; usable 2", "usable-size 72 40 48"},
    {"a wrong size of an interior pointer", "call 3: usable-size 8", THREE "; coalesce; interior 1 1 usable",
     "usable-size 48 0 8"},
    {"a wrong size of a foreign pointer", "call 3: usable-size 8", THREE "; coalesce; foreign 0 usable",
     "usable-size 256 0 8"},
    {"a wrong size of NULL", "call 3: usable-size 8", THREE "; coalesce; null usable", "usable-size 0 0 8"},
    {"a wrong size of slot 127", "call 3: usable-size -8", THREE_HIGH "; coalesce; usable 127",
     "usable-size 72 40 32", .slot_count = TWO_WORDS_OF_SLOTS},
    /* Guards. */
    {"the byte in front of the region", "call 2: write-byte -1 = 90", THREE, "guards -1 165 90"},
    {"the word in front of the region", "call 2: write-byte -8 = 90", THREE, "guards -8 165 90"},
    {"the first byte of the guard in front", "call 2: write-byte -64 = 90", THREE, "guards -64 165 90"},
    {"the byte after the region", "call 2: write-byte 256 = 90", THREE, "guards 256 165 90"},
    {"the second byte after the region", "call 2: write-byte 257 = 90", THREE, "guards 257 165 90"},
    {"the last byte of the page after the region", "call 2: write-byte 319 = 90", THREE, "guards 319 165 90"},
    /* The arena's capacity of 65,536 bytes less the page in front of the region. */
    {"the byte after the arena", "call 2: write-byte 65472 = 90", THREE, "guards 65472 165 90"},
    {"the last byte of the arena's guard", "call 2: write-byte 65535 = 90", THREE, "guards 65535 165 90"},
    {"a byte after a grown heap", "call 3: write-byte 320 = 0", THREE "; alloc 3 200", "guards 320 165 0"},
    {"a byte in a refused call", "call 3: write-byte -3 = 1", THREE "; interior 0 3", "guards -3 165 1"},
};

TEST_EACH(the_oracle_on_the_heap_names_the_damage, damages) {
    assert_caught(row);
}

/* Before a coalesce the subject cuts what is free into pieces, which it has to merge again. */
TEST(a_coalesce_that_merges_nothing_is_free_merged_s) {
    static const char program[] = THREE "; coalesce";
    assert_verdict(run_faulty("call 3: accept 0", program, ORACLE_ALL, 0), "free-merged 128 32 16");
    assert_int_equal(
        run_faulty("call 3: accept 0", program, ORACLE_ALL & ~ORACLE_BIT(INVARIANT_FREE_MERGED), 0).oracle,
        ORACLE_REFUSAL_UNTOUCHED);
}

static size_t no_pages(void) {
    return 0;
}

EXECUTOR_TEST(a_wrong_answer_about_a_new_region_is_region_s) {
    struct subject_view *const view = own_view();
    view->page_count = no_pages;
    assert_verdict(executor_start(&executor, &small_heap), "region 0 4 0");
    executor_end(&executor, true);
    executor.oracles = ORACLE_ALL & ~ORACLE_BIT(INVARIANT_REGION);
    assert_sound(run(&small_heap, ""));
    view->page_count = NULL;
    view->head = NULL;
    executor.oracles = ORACLE_ALL;
    assert_sound(run(&small_heap, ""));
}

TEST(a_heap_that_cannot_start_is_region_s_whatever_is_switched_on) {
    assert_verdict(run_faulty("call 0: start", "", ORACLE_ALL, 0), "region 0 4 0");
    assert_verdict(run_faulty("call 0: start", "", 0, 0), "region 0 4 0");
}

TEST(guards_are_looked_at_before_the_first_call_too) {
    static const char fault[] = "call 0: start-write 256 = 0";
    assert_verdict(run_faulty(fault, "", ORACLE_ALL, 0), "guards 256 165 0");
    assert_sound(run_faulty(fault, "", ORACLE_ALL & ~ORACLE_BIT(ORACLE_GUARDS), 0));
}

/* Refused calls that change something. */

static uint64_t layout_before; /* after the last step but one */

static void note_layout(void *context, const struct executor *observed, const struct step *step) {
    (void)context;
    (void)step;
    layout_before = observed->census.layout;
}

static const struct observer layout_observer = {.before = note_layout};

/* The refused call also shrinks slot 2 to 16 bytes: a sound heap, but not the one there was. */
static const struct {
    const char *refused;
} refusals[] = {
    {"double 1"},       {"double 1 realloc"}, {"interior 0 0"},
    {"misaligned 0 0"}, {"foreign 0"},        {"null"},
    {"coalesce"},       {"alloc 1 0"},        {"alloc 1 1000"},
    {"realloc 0 1000"}, {"aligned 1 24 8"},   {"calloc 1 0x2000000000000001 8"},
};

TEST_EACH(a_refused_or_failed_call_that_changes_a_header_is_refusal_untouched_s, refusals) {
    char program[128];
    (void)snprintf(program, sizeof program, THREE "; free 1; %s", row->refused);
    for (int alone = 0; alone < 2; alone++) {
        make_executor(&subject_faulty, first_arena,
                      alone ? ORACLE_BIT(ORACLE_REFUSAL_UNTOUCHED) : ORACLE_ALL);
        executor_observe(&executor, &layout_observer);
        faulty_subject_fault = fault_of("call 4: resize 72 = 8");
        const struct verdict verdict = run(&small_heap, program);
        assert_int_equal(verdict.oracle, ORACLE_REFUSAL_UNTOUCHED);
        assert_int_equal(verdict.offset, 0);
        assert_int_equal(verdict.expected, layout_before);
        assert_int_equal(verdict.observed, executor.census.layout);
        assert_true(layout_before != executor.census.layout);
    }
    executor.observers.count = 0;
    executor.oracles = ORACLE_ALL & ~ORACLE_BIT(ORACLE_REFUSAL_UNTOUCHED);
    assert_verdict(run(&small_heap, program), "live-is-taken 64 48 16");
}
