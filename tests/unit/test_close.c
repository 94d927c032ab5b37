/* Specification: sequences of a closure. Which heaps are put back into a state, and that a sequence begun
 * again is judged to its end. tests/tool/test_prove.py has what proofs find. */
#include "fuzz/search/close_state.h"
#include "tests/unit/executor_fixture.h"

static uint8_t depths[64]; /* a layout each */

/* The sequences of three from the empty heap of 64 bytes. Returns whether they are sound. */
static bool close_three(struct close_worker *worker) {
    struct close close = {.executor = &executor, .size = 64, .alphabet = CLOSE_CALLS, .route = CLOSE_PLAIN};
    assert_null(close_open(&close));
    assert_true(close.layouts.count <= sizeof depths);
    close.depths = depths;
    return close_sequences(&close, layouts_number(&close.layouts, NULL, 0), 3, worker);
}

/* Of a heap that hides something, which is started anew for each sequence: its calls are counted. */
EXECUTOR_TEST(what_a_refused_call_changes_shows_at_the_end_of_a_sequence_that_was_repeated) {
    struct close_worker worker = {.transition_count = 0};
    executor.subject = &subject_faulty;
    executor.oracles = ORACLE_BIT(ORACLE_REFUSAL_UNTOUCHED);
    faulty_subject_fault = fault_of("call 2: take 8");
    assert_false(close_three(&worker));
    assert_int_equal(worker.verdict.oracle, ORACLE_REFUSAL_UNTOUCHED);
    assert_int_equal(worker.place.length, 3);
    assert_int_equal(worker.place.operations[0], 0);
    assert_int_equal(worker.place.operations[1], 0); /* the first two are those of the first sequence */
    assert_true(worker.place.operations[2] != 0);
}

EXECUTOR_TEST(pointers_of_slots_that_were_freed_are_put_back_as_well) {
    struct close close = {.executor = &executor, .size = 64, .alphabet = CLOSE_CALLS, .route = CLOSE_PLAIN};
    struct close_place place = {.layout = 0};
    assert_null(close_open(&close));
    place.layout = layouts_number(&close.layouts, NULL, 0);
    assert_sound(close_start(&close, place.layout, place.growth, false));
    assert_sound(perform("alloc 0 8; alloc 1 8; free 1; free 0"));
    close_save(&close, &place, 3, false);
    const size_t freed_offset = tables.slots[1].stale_offset;
    assert_sound(perform("alloc 0 24; alloc 1 8; free 1"));
    assert_true(tables.slots[1].stale_offset != freed_offset);
    place.length = 1;
    assert_int_equal(close_restore(&close, &place), !PORT_ADDRESS_SANITIZER);
    if (!PORT_ADDRESS_SANITIZER) {
        assert_int_equal(tables.slots[1].stale_offset, freed_offset);
    }
}

static size_t start_count;

static bool start_counted(const struct subject_region *region) {
    start_count++;
    return subject_kmem.view->start(region);
}

/* Starts for sequences that all are sound. */
static uint64_t count_starts(bool is_whole, struct close_worker *worker) {
    struct subject_view *const view = own_view();
    view->start = start_counted;
    view->is_whole = is_whole;
    start_count = 0;
    assert_true(close_three(worker));
    return start_count;
}

EXECUTOR_TEST(only_a_heap_that_hides_nothing_is_put_back_into_a_state) {
    struct close_worker hiding = {.transition_count = 0};
    struct close_worker whole = {.transition_count = 0};
    const uint64_t starts_of_hiding = count_starts(false, &hiding);
    const uint64_t starts_of_whole = count_starts(true, &whole);
    assert_int_equal(starts_of_hiding, hiding.transition_count);
    assert_int_equal(starts_of_whole, PORT_ADDRESS_SANITIZER ? whole.transition_count : 1);
    assert_int_equal(whole.transition_count, hiding.transition_count);
    assert_true(whole.transition_count > 1000);
}
