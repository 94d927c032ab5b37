/* Specification: reports, traces and last words, word for word. */
#include "tests/unit/report_fixture.h"

#define REPLAY "kmemfuzz run crash"

#define ONE   "alloc 0 24"
#define TWO   ONE "; alloc 1 largest-16"
#define THREE TWO "; free 0"

static struct caught caught;

/* The report of a program, in caught. */
static const char *report_of(const struct program program) {
    catch_begin(&caught);
    (void)report_violation(&executor, &program, REPLAY, caught.stream);
    fflush(caught.stream);
    return caught.text;
}

static void assert_report(struct program program, const char *expected) {
    (void)report_of(program);
    assert_caught_text(&caught, expected);
}

#define HEAP     "  heap       4 pages of 64 bytes, growth by 2, 16 slots\n"
#define LAST     "\n  last operations (number, operation, what it did)\n"
#define PICTURES "\n  heap (# taken, . free, bytes with header, slot)\n"
#define AGAIN    "\n  replay  kmemfuzz run crash\n"

EXECUTOR_TEST(a_report_says_what_broke_where_and_how_to_run_it_again) {
    use_fault("call 1: answer-null");
    assert_report(
        program_of(&small_heap, TWO),
        "VIOLATION placement: Every operation returns the address the model predicts, or its NULL.\n" HEAP
        "  operation  1: alloc 1 largest-16\n"
        "  where      the address returned\n"
        "  expected   offset 40\n"
        "  observed   NULL\n" LAST "        0  alloc 0 24                   -> slot 0, offset 8\n"
        "  >     1  alloc 1 largest-16           -> NULL  (size 200)\n" PICTURES "    before  |#32 s0|.224|\n"
        "    after   |#32 s0|#208|.16|\n" AGAIN);
}

EXECUTOR_TEST(a_report_of_one_page_has_one_page) {
    static const struct program_header header = {.page_size = 32, .page_count = 1, .slot_count = 16};
    use_fault("call 0: taken-count 1");
    assert_report(program_of(&header, ONE),
                  "VIOLATION counters: The heap's counters of taken blocks and bytes equal what the walk "
                  "counts.\n"
                  "  heap       1 page of 32 bytes, growth by 0, 16 slots\n"
                  "  operation  0: alloc 0 24\n"
                  "  where      the heap's counters of taken blocks and bytes\n"
                  "  expected   1, by the walk\n"
                  "  observed   2, by the heap\n" LAST
                  "  >     0  alloc 0 24                   -> slot 0, offset 8\n" PICTURES
                  "    before  |.32|\n"
                  "    after   |#32 s0|\n" AGAIN);
}

EXECUTOR_TEST(a_heap_wrong_from_the_start_is_reported_without_operations) {
    use_fault("call 0: start");
    assert_report(program_of(&small_heap, TWO),
                  "VIOLATION region: The heap's base, page size and page count are those of the region it "
                  "was given.\n" HEAP "  operation  none: the heap is wrong before the first one\n"
                  "  where      the heap itself\n"
                  "  expected   4 (page size or page count)\n"
                  "  observed   0\n" AGAIN);
}

EXECUTOR_TEST(a_violation_in_recovery_shows_the_frees_at_the_end) {
    use_fault("call 2: write-byte 256 = 0");
    assert_report(program_of(&small_heap, TWO),
                  "VIOLATION guards: The guard bytes on both sides of the region are never written.\n" HEAP
                  "  operation  2: free 0\n"
                  "  where      the guard byte at offset 256\n"
                  "  expected   the byte 0xa5\n"
                  "  observed   the byte 0x00\n" LAST
                  "        0  alloc 0 24                   -> slot 0, offset 8\n"
                  "        1  alloc 1 largest-16           -> slot 1, offset 40  (size 200)\n"
                  "  >     2  free 0                       -> freed offset 8  (freeing everything at the "
                  "end)\n" PICTURES "    before  |#32 s0|#208 s1|.16|\n"
                  "    after   |.32|#208 s1|.16|\n" AGAIN);
}

EXECUTOR_TEST(a_report_looks_back_eight_operations) {
    char operations[256] = "alloc 0 8";
    for (unsigned i = 1; i < 12; i++) {
        (void)snprintf(operations + strlen(operations), sizeof operations - strlen(operations),
                       "; alloc %u 8", i);
    }
    use_fault("call 10: answer-null");
    const char *at = report_of(program_of(&small_heap, operations));
    assert_null(strstr(at, "alloc 2 8"));
    for (unsigned i = 3; i <= 10; i++) {
        char line[32];
        snprintf(line, sizeof line, "%5u  alloc %u 8 ", i, i);
        at = strstr(at, line);
        assert_non_null(at);
    }
    assert_null(strstr(at, "alloc 11 8"));
    catch_end(&caught);
}

EXECUTOR_TEST(a_violation_that_does_not_happen_again_is_said_so) {
    assert_report(
        program_of(&small_heap, TWO),
        "VIOLATION that did not happen again: the subject depends on more than its program\n" AGAIN);
}

EXECUTOR_TEST(a_report_leaves_the_executor_as_it_was) {
    static const struct observer mine = {.context = NULL};
    use_fault("call 1: answer-null");
    executor_observe(&executor, &mine);
    const struct program program = program_of(&small_heap, TWO);
    (void)report_of(program);
    catch_end(&caught);
    assert_ptr_equal(executor.observers.list[0], &mine);
    assert_int_equal(executor.observers.count, 1);
    executor.subject = &subject_kmem;
    assert_sound(executor_run(&executor, &program));
}

static const struct {
    const char *name; /* the fault */
    unsigned oracle;
} faults[] = {
    {"call 1: base 8", INVARIANT_REGION},
    {"call 1: write-header 32 = taken 0", INVARIANT_WALK_ENDS},
    {"call 1: write-header 32 = 20", INVARIANT_BLOCK_SIZE},
    {"call 1: write-header 32 = 1024", INVARIANT_BLOCK_TILING},
    {"call 1: take 8", INVARIANT_TAKEN_IS_LIVE},
    {"call 1: resize 8 = 8", INVARIANT_LIVE_IS_TAKEN},
    {"call 1: taken-size 8", INVARIANT_COUNTERS},
    {"call 1: answer 1024", ORACLE_INSIDE},
    {"call 1: answer 44", ORACLE_ALIGNMENT},
    {"call 1: answer 24", ORACLE_DISJOINT},
    {"call 1: write-byte -1 = 0", ORACLE_GUARDS},
    {"call 1: answer-null", ORACLE_PLACEMENT},
    {"call 1: report corrupt", ORACLE_REFUSAL_NAMED},
    {"call 1: ask-as-well 1", ORACLE_GROWTH},
    {"call 1: usable-size 8", ORACLE_USABLE_SIZE},
    {"call 1: write-byte 8 = 0", ORACLE_CONTENTS_KEPT},
};

TEST_EACH(every_oracle_s_report_names_it_first_and_is_whole, faults) {
    use_fault(row->name);
    char title[160];
    snprintf(title, sizeof title, "VIOLATION %s: %s\n  heap ", oracle_id(row->oracle),
             oracle_sentence(row->oracle));
    const char *const report = report_of(program_of(&small_heap, TWO));
    assert_memory_equal(report, title, strlen(title));
    assert_null(strchr(report, '%'));
    assert_non_null(strstr(report, AGAIN));
    catch_end(&caught);
}

EXECUTOR_TEST(a_trace_of_a_violation_ends_without_a_digest) {
    use_fault("call 0: answer-null");
    const struct program program = program_of(&small_heap, THREE);
    catch_begin(&caught);
    assert_int_equal(report_trace(&executor, &program, caught.stream).oracle, ORACLE_PLACEMENT);
    assert_caught_text(&caught, "    0  alloc 0 24                   -> NULL\n"
                                "       |#32|.224|\n");
}

static bool dying; /* the next allocation is the one the subject dies in */
static struct caught last_words;

static void *dying_alloc(size_t size) {
    void *const pointer = subject_kmem.alloc(size);
    if (dying) {
        catch_begin(&last_words);
        report_last_words(last_words.stream);
    }
    return pointer;
}

static void watch_mortal(const char *replay) {
    static struct subject mortal;
    mortal = subject_kmem;
    mortal.alloc = dying_alloc;
    make_executor(&mortal, first_arena, ORACLE_ALL);
    report_watch(&executor, replay);
}

EXECUTOR_TEST(last_words_tell_where_a_run_stood) {
    watch_mortal(REPLAY);
    have(ONE);
    dying = true;
    assert_sound(perform("alloc 1 largest-16"));
    dying = false;
    executor_end(&executor, false);
    assert_caught_text(&last_words,
                       "\nDIED in the subject: the report above says why, this says where\n"
                       "  operation  1: alloc 1 largest-16\n" LAST
                       "        0  alloc 0 24                   -> slot 0, offset 8\n"
                       "  >     1  alloc 1 largest-16             (size 200)\n"
                       "\n"
                       "  heap (# taken, . free, bytes with header, slot), in the middle of the operation\n"
                       "            |#32 s0|#208|.16|\n" AGAIN);
}

EXECUTOR_TEST(nothing_is_said_between_operations) {
    report_watch(&executor, REPLAY);
    catch_begin(&caught);
    report_last_words(caught.stream);
    have(ONE);
    report_last_words(caught.stream);
    executor_end(&executor, false);
    assert_caught_text(&caught, "");
}

EXECUTOR_TEST(a_trace_keeps_the_watch_s_replay) {
    watch_mortal("the watch's own");
    const struct program program = program_of(&small_heap, ONE);
    catch_begin(&caught);
    dying = true;
    assert_sound(report_trace(&executor, &program, caught.stream));
    dying = false;
    catch_end(&caught);
    fflush(last_words.stream);
    assert_non_null(strstr(last_words.text, "\n  replay  the watch's own\n"));
    catch_end(&last_words);
}
