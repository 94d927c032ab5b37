/* Specification: runs. The same program gives the same digest wherever and whenever it runs; observers see
 * every step; and with an oracle switched off, a deviation is lived with. test_oracles*.c prove the oracles,
 * test_resolve.c what operations mean, test_arrange.c runs from a given state. */
#include "fuzz/execute/judge.h"
#include "tests/unit/report_fixture.h"

#define BUSY                                                                                                 \
    "alloc 0 24; alloc 1 24; zalloc 2 40; free 1; aligned 3 64 8; realloc 0 40; double 1; calloc 4 3 5; "    \
    "refuse; "                                                                                               \
    "alloc 5 200; alloc 6 100; coalesce; null; interior 0 3; misaligned 0 2 realloc; foreign 2; realloc 2 "  \
    "100; free 0"

static uint64_t digest_of_busy(void) {
    assert_sound(run(&small_heap, BUSY));
    return executor.digest;
}

EXECUTOR_TEST(a_digest_is_the_same_every_time) {
    const uint64_t digest = digest_of_busy();
    assert_int_equal(digest_of_busy(), digest);
    assert_int_equal(digest_of_busy(), digest);
}

EXECUTOR_TEST(a_digest_does_not_depend_on_the_arena_s_address) {
    const uint64_t digest = digest_of_busy();
    make_executor(&subject_kmem, second_arena, ORACLE_ALL);
    assert_int_equal(digest_of_busy(), digest);
}

EXECUTOR_TEST(a_digest_does_not_depend_on_the_run_before) {
    const uint64_t digest = digest_of_busy();
    const struct program_header header = {.page_size = 4096, .page_count = 4, .slot_count = 1024};
    assert_sound(run(&header, "alloc 5 1000; alloc 9 100; zalloc 3 2000; free 5"));
    assert_int_equal(digest_of_busy(), digest);
}

EXECUTOR_TEST(a_digest_does_not_depend_on_a_violation_in_between) {
    static const char *const faults[] = {"call 1: write-byte -64 = 1", "call 1: write-header 0 = 1"};
    const uint64_t digest = digest_of_busy();
    for (size_t i = 0; i < LENGTH(faults); i++) {
        executor.subject = &subject_faulty;
        faulty_subject_fault = fault_of(faults[i]);
        assert_false(verdict_is_sound(run(&small_heap, BUSY)));
        executor.subject = &subject_kmem;
        assert_int_equal(digest_of_busy(), digest);
    }
}

EXECUTOR_TEST(a_digest_does_not_depend_on_the_oracles_asked) {
    const uint64_t digest = digest_of_busy();
    make_executor(&subject_kmem, first_arena, 0);
    assert_int_equal(digest_of_busy(), digest);
}

EXECUTOR_TEST(digests_differ_with_the_layout_and_with_the_answer) {
    assert_sound(run(&small_heap, "alloc 0 24"));
    const uint64_t digest = executor.digest;
    assert_sound(run(&small_heap, "alloc 0 32"));
    assert_true(executor.digest != digest);
    assert_sound(run(&small_heap, "alloc 0 17"));
    assert_int_equal(executor.digest, digest);
    assert_sound(run(&small_heap, "alloc 0 24; null"));
    assert_true(executor.digest != digest);
}

/* What the target prints for the same bytes: to be changed only with the program format's version. */
EXECUTOR_TEST(digests_of_published_programs_are_pinned) {
    static const uint8_t empty[1];
    static const uint8_t one[] = {1, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0};
    struct program program = program_decode(empty, 0);
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(executor.digest, 0);
    assert_int_equal(executor.operation_count, 0);
    program = program_decode(one, sizeof one);
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(executor.digest, UINT64_C(0xa0dfe41dcb358ba3));
    assert_int_equal(executor.operation_count, 2);
    assert_int_equal(digest_of_busy(), UINT64_C(0x95f50cae3bca204b));
    uint8_t scrambled[11 + 6 * 100] = {1, 0, 2, 3, 0, 7, 1, 0x12, 0x80};
    uint64_t random = 1;
    for (size_t i = 11; i < sizeof scrambled; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        scrambled[i] = (uint8_t)(random >> 56);
    }
    program = program_decode(scrambled, sizeof scrambled);
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(executor.digest, UINT64_C(0xffbaa56f4a48d9b1));
}

/* The formula, once more: what a second implementation of the digest needs to know. */
static uint64_t folded(uint64_t hash, uint64_t value) {
    return ((hash << 5 | hash >> 59) ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

EXECUTOR_TEST(a_digest_folds_the_offset_and_the_layout_of_every_step) {
    const uint64_t layout = folded(folded(0, 32 * 2 + 1), 224 * 2);
    const uint64_t first = folded(folded(0, 8), layout);
    assert_sound(executor_start(&executor, &small_heap));
    assert_int_equal(executor.digest, 0);
    assert_sound(perform("alloc 0 24"));
    assert_int_equal(executor.census.layout, layout);
    assert_int_equal(executor.digest, first);
    assert_sound(perform("null"));
    assert_int_equal(executor.digest, folded(folded(first, UINT64_MAX), layout));
}

EXECUTOR_TEST(after_a_run_of_no_operations_the_first_header_is_dirt_again) {
    assert_sound(run(&small_heap, ""));
    for (ptrdiff_t offset = 0; offset < 8; offset++) {
        assert_int_equal(arena_byte(executor.region, offset), ARENA_DIRT);
    }
}

static bool start_on_zeros(const struct subject_region *region) {
    const struct subject_view *const view = subject_kmem.view;
    for (size_t i = 0; i < view->heap_size; i++) {
        assert_int_equal(((const unsigned char *)view->heap)[i], 0);
    }
    return view->start(region);
}

EXECUTOR_TEST(a_subject_starts_on_zeros_however_the_last_run_left_them) {
    own_view()->start = start_on_zeros;
    (void)digest_of_busy();
    (void)digest_of_busy();
}

static void assert_dirt_again(void) {
    for (size_t i = 0; i < TEST_CAPACITY + 2 * ARENA_GUARD_SIZE; i++) {
        assert_int_equal(arena_byte(first_arena, (ptrdiff_t)(i - ARENA_GUARD_SIZE)), ARENA_DIRT);
    }
}

EXECUTOR_TEST(after_a_sound_run_every_byte_of_the_arena_is_dirt_again) {
    (void)digest_of_busy();
    assert_sound(run(&small_heap, "zalloc 0 376; realloc 0 300; free 0; alloc 0 8"));
    assert_dirt_again();
}

EXECUTOR_TEST(after_a_violation_every_byte_of_the_arena_is_dirt_again) {
    use_fault("call 0: write-header 4096 = 0");
    assert_sound(run(&small_heap, "alloc 0 24")); /* too far out for anyone to see */
    faulty_subject_fault = fault_of("call 0: answer-null");
    assert_false(verdict_is_sound(run(&small_heap, "alloc 0 24")));
    assert_dirt_again();
}

EXECUTOR_TEST(a_region_starts_a_page_past_the_arena_so_that_alignment_is_of_addresses) {
    have("aligned 0 128 8; aligned 1 256 8");
    assert_ptr_equal(executor.region.base, first_arena.base + 64);
    assert_int_equal(executor.tables.slots[0].offset, 64);  /* 128 bytes from the arena's start */
    assert_int_equal(executor.tables.slots[1].offset, 192); /* 256 */
}

/* What the observer has seen: for each step its number and operation, in parentheses the prediction, what it
 * did, the pages asked for, "new" where the heap has another layout then, and the oracle that it broke. */
static char seen[1024];
static uint64_t layout_seen;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
    const size_t length = strlen(seen);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(seen + length, sizeof seen - length, format, arguments);
    va_end(arguments);
}

static void see_before(void *context, const struct executor *observed, const struct step *step) {
    char text[TEXT_OPERATION_SIZE];
    assert_ptr_equal(context, seen);
    assert_int_equal(step->offset, MODEL_NOTHING);
    layout_seen = observed->census.layout;
    note("%zu %s%s", step->index, step->recovery ? "recovery " : "", text_operation(&step->operation, text));
    if (step->predicted.offset != MODEL_NOTHING) {
        note(" (at %zu, asks %zu)", (size_t)step->predicted.offset, (size_t)step->predicted.asked_pages);
    }
    if (step->predicted.freed_offset != MODEL_NOTHING) {
        note(" (frees %zu)", (size_t)step->predicted.freed_offset);
    }
}

static void see_after(void *context, const struct executor *observed, const struct step *step,
                      struct verdict verdict) {
    char text[EXPLAIN_OUTCOME_SIZE];
    assert_ptr_equal(context, seen);
    note(" %s, asked %zu%s%s%s; ", explain_outcome(step, text), (size_t)step->asked_pages,
         observed->census.layout == layout_seen ? "" : ", new", verdict_is_sound(verdict) ? "" : ", broke ",
         verdict_is_sound(verdict) ? "" : oracle_id(verdict.oracle));
}

static const struct observer seeing = {.before = see_before, .after = see_after, .context = seen};

static void watch(void) {
    executor_observe(&executor, &seeing);
    seen[0] = '\0';
}

EXECUTOR_TEST(an_observer_sees_what_each_step_is_to_do_and_does_recovery_included) {
    watch();
    assert_sound(run(&small_heap, "alloc 0 24; alloc 7 300; double 3; refuse; free 0"));
    assert_string_equal(
        seen,
        "0 alloc 0 24 (at 8, asks 0) -> slot 0, offset 8, asked 0, new; "
        "1 alloc 7 300 (at 40, asks 2) -> slot 7, offset 40, asked 2, new; 2 double 3 -> done, asked 0; "
        "3 refuse -> nothing called, asked 0; 4 free 0 (frees 8) -> freed offset 8, asked 0, new; "
        "5 recovery free 7 (frees 40) -> freed offset 40, asked 0, new; ");
    assert_int_equal(executor.operation_count, 6);
}

EXECUTOR_TEST(an_observer_sees_the_verdict_of_the_step_that_broke) {
    use_fault("call 1: answer-null");
    watch();
    assert_false(verdict_is_sound(run(&small_heap, "alloc 0 24; alloc 1 24; alloc 2 24")));
    assert_string_equal(seen, "0 alloc 0 24 (at 8, asks 0) -> slot 0, offset 8, asked 0, new; "
                              "1 alloc 1 24 (at 40, asks 0) -> NULL, asked 0, broke placement; ");
    assert_int_equal(executor.operation_count, 2);
}

EXECUTOR_TEST(an_observer_may_leave_out_either_side) {
    const struct observer neither = {.context = NULL};
    executor_observe(&executor, &neither);
    (void)digest_of_busy();
}

static void start_deviating(const char *fault, uint64_t off, const struct program_header *header) {
    use_fault(fault);
    executor.oracles = ORACLE_ALL & ~off;
    assert_sound(executor_start(&executor, header));
}

EXECUTOR_TEST(a_run_goes_on_without_the_model_once_they_disagree) {
    start_deviating("call 1: report exhausted", ORACLE_BIT(ORACLE_REFUSAL_NAMED), &small_heap);
    assert_sound(perform("alloc 0 24"));
    assert_true(executor.exact);
    assert_sound(perform("null"));
    assert_false(executor.exact);
    assert_sound(perform("alloc 1 24; zalloc 2 9; realloc 0 40; free 1; coalesce; alloc 3 0; realloc 2 0; "
                         "refuse; alloc 4 9999"));
    assert_sound(finish(verdict_sound()));
    assert_sound(executor_start(&executor, &small_heap));
    assert_true(executor.exact);
}

EXECUTOR_TEST(each_kind_of_disagreement_alone_ends_the_model) {
    static const struct step agreed = {.call = CALL_ALLOC,
                                       .offset = 8,
                                       .predicted = {.offset = 8, .asked_pages = 1},
                                       .asked_pages = 1,
                                       .ask_count = 1};
    assert_false(judge_disagrees(&executor, &agreed));
    struct step step = agreed;
    step.offset = 16;
    assert_true(judge_disagrees(&executor, &step));
    step.call = CALL_NONE;
    assert_false(judge_disagrees(&executor, &step));
    step = agreed;
    step.refusal = REFUSAL_CORRUPT;
    assert_true(judge_disagrees(&executor, &step));
    step = agreed;
    step.asked_pages = 0;
    assert_true(judge_disagrees(&executor, &step));
    step = agreed;
    step.ask_count = 2;
    assert_true(judge_disagrees(&executor, &step));
}

EXECUTOR_TEST(without_the_model_no_misuse_is_made) {
    start_deviating("call 1: report exhausted", ORACLE_BIT(ORACLE_REFUSAL_NAMED), &small_heap);
    watch();
    assert_sound(
        perform("alloc 0 24; null; free 0; alloc 1 24; double 0; interior 1 2; foreign 1; misaligned 1 1"));
    assert_string_equal(
        strstr(seen, "4 double"),
        "4 double 0 -> nothing called, asked 0; 5 interior 1 2 -> nothing called, asked 0; "
        "6 foreign 1 -> nothing called, asked 0; 7 misaligned 1 1 -> nothing called, asked 0; ");
}

EXECUTOR_TEST(without_the_model_the_page_source_grants_what_it_has) {
    struct program_header header = small_heap;
    header.refused_asks = 0xffff;
    start_deviating("call 1: report exhausted", ORACLE_BIT(ORACLE_REFUSAL_NAMED), &header);
    watch();
    assert_sound(perform("alloc 0 24; null; alloc 1 300; alloc 2 100"));
    assert_int_equal(executor.given_pages, 6);
    assert_string_equal(
        seen,
        "0 alloc 0 24 (at 8, asks 0) -> slot 0, offset 8, asked 0, new; 1 null -> refused: exhausted, asked "
        "0; "
        "2 alloc 1 300 -> slot 1, offset 40, asked 2, new; 3 alloc 2 100 -> refused: exhausted, asked 0; ");
    assert_sound(finish(verdict_sound()));
    assert_int_equal(executor.touched_size, 6 * 64 + 64); /* the region, and where a header may follow it */
}

EXECUTOR_TEST(without_the_model_a_request_is_the_least_usable_size) {
    const uint64_t off = ORACLE_BIT(ORACLE_REFUSAL_NAMED) | ORACLE_BIT(ORACLE_REFUSAL_UNTOUCHED);
    start_deviating("call 0: report exhausted", off, &small_heap);
    assert_sound(perform("alloc 0 24"));
    faulty_subject_fault = fault_of("call 1: usable-size 100");
    assert_sound(perform("alloc 1 20"));
    executor_end(&executor, false);
    start_deviating("call 0: report exhausted", off, &small_heap);
    assert_sound(perform("alloc 0 24"));
    faulty_subject_fault = fault_of("call 1: usable-size -8");
    assert_verdict(perform("alloc 1 20"), "usable-size 40 20 16");
}

EXECUTOR_TEST(without_the_model_a_call_that_gave_nothing_still_may_change_nothing) {
    static const char *const changers[] = {"coalesce", "alloc 5 0"};
    for (size_t i = 0; i < LENGTH(changers); i++) {
        start_deviating("call 2: report exhausted", ORACLE_BIT(ORACLE_REFUSAL_NAMED), &small_heap);
        assert_sound(perform("alloc 0 24; alloc 1 40; null"));
        assert_false(executor.exact);
        faulty_subject_fault = fault_of("call 3: resize 40 = 8");
        assert_int_equal(perform(changers[i]).oracle, ORACLE_REFUSAL_UNTOUCHED);
        executor_end(&executor, true);
    }
}

static const struct {
    const char *name;
    const char *fault;
    const char *verdict;
} lies[] = {
    {"too much", "call 0: usable-size 100", "sound"},
    {"the request", "call 0: usable-size -4", "sound"},
    {"less than the request", "call 0: usable-size -5", "usable-size 24 20 19"},
};

TEST_EACH(without_the_model_a_slot_s_request_is_the_least_usable_size_it_may_answer, lies) {
    struct program_header header = small_heap;
    header.slot_count = 128;
    start_deviating("call 2: report exhausted", ORACLE_BIT(ORACLE_REFUSAL_NAMED), &header);
    assert_sound(perform("alloc 0 8; alloc 127 20; null"));
    assert_false(executor.exact);
    faulty_subject_fault = fault_of(row->fault);
    assert_verdict(perform("usable 127"), row->verdict);
}

/* What lies in front of the slots, where number STEP_NO_SLOT would be, names a payload at 200. */
EXECUTOR_TEST(a_payload_given_for_a_misuse_is_not_written_to) {
    static struct slot slots[65];
    slots[0] = (struct slot){.offset = 200, .size = 16};
    start_deviating("call 2: accept 120", ORACLE_ALL, &small_heap);
    executor_end(&executor, false);
    executor.tables.slots = slots + 1;
    have("alloc 0 24; free 0; double 0 realloc");
    assert_false(executor.exact);
    assert_int_equal(arena_byte(executor.region, 200), ARENA_DIRT);
}

EXECUTOR_TEST(a_payload_can_move_while_every_slot_is_live) {
    static struct slot slots[64];
    static struct live_block live[67];
    static uint64_t live_bits[1];
    static uint64_t stale_bits[1];
    static const struct program_header header = {.page_size = 4096, .page_count = 2, .slot_count = 64};
    live[66] = (struct live_block){.offset = 1, .size = 2};
    executor.tables = (struct executor_tables){slots, live, live_bits, stale_bits, 64};
    assert_sound(executor_start(&executor, &header));
    for (unsigned slot = 0; slot < 64; slot++) {
        assert_sound(perform(words("alloc %u 24", slot)));
    }
    const size_t room = executor.model.live_capacity;
    assert_in_range(room, 64, 65);
    live[room] = (struct live_block){.offset = 1, .size = 2};
    assert_sound(perform("realloc 3 100"));
    assert_int_equal(live[room].offset, 1);
    assert_int_equal(live[room].size, 2);
    assert_sound(finish(verdict_sound()));
}
