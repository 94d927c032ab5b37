/* Specification: histories, and recordings of runs that die. */
#include <signal.h>

#include "fuzz/host/extent.h"
#include "fuzz/host/host.h"
#include "fuzz/host/recording.h"
#include "src/block.h"
#include "tests/unit/report_fixture.h"

/* A program of everything that changes a heap. */
#define BUSY                                                                                                 \
    "alloc 0 24; alloc 1 37; zalloc 2 16; free 1; alloc 3 8; realloc 0 60; coalesce; free 0; realloc 2 20; " \
    "double 0; alloc 4 200"
#define BUSY_COUNT 11

static struct history *history; /* of the test's program */
static struct history_cursor cursor;

static void close_history(void) {
    if (cursor.blocks != NULL) {
        history_cursor_close(&cursor);
    }
    if (history != NULL) {
        history_close(history);
    }
    cursor = (struct history_cursor){.blocks = NULL};
    history = NULL;
}

#define HISTORY_TEST(name) TEST_WITH(name, start_executor, close_history)

static void record(struct program program) {
    history = history_open();
    history_record(history, &executor, &program);
}

static void record_fault(const char *fault) {
    use_fault(fault);
    record(program_of(&small_heap, BUSY));
}

static void play_all(const struct history *played) {
    cursor = history_cursor_open(played);
    while (history_cursor_advance(&cursor)) {
    }
}

/* The heap at the cursor as a trace draws it, in storage that lasts until the next call. */
static const char *drawn(void) {
    static char heap[1024];
    char *line = heap + sprintf(heap, "|");
    for (size_t i = 0; i < cursor.count; i++) {
        const struct history_block *const block = &cursor.blocks[i];
        line += sprintf(line, "%c%zu", block->slot == HISTORY_FREE ? '.' : '#', (size_t)block->size);
        if (block->slot < HISTORY_NOBODY) {
            line += sprintf(line, " s%u", block->slot);
        }
        line += sprintf(line, "|");
    }
    return heap;
}

HISTORY_TEST(played_back_a_history_is_the_trace) {
    struct caught trace;
    const struct program program = program_of(&small_heap, BUSY);
    catch_begin(&trace);
    assert_sound(report_trace(&executor, &program, trace.stream));
    fflush(trace.stream);
    record(program);
    cursor = history_cursor_open(history);
    assert_string_equal(drawn(), "|.256|");
    char *rest = NULL;
    char *line = strtok_r(trace.text, "\n", &rest); /* a step in words, its heap, the next step */
    while (history_cursor_advance(&cursor)) {
        line = strtok_r(NULL, "\n", &rest);
        assert_non_null(line);
        assert_memory_equal(line + strlen("       "), drawn(), strlen(drawn()));
        line = strtok_r(NULL, "\n", &rest);
    }
    assert_null(line);
    assert_int_equal(history->end, HISTORY_SOUND);
    assert_int_equal(history->step_count, history->operation_count);
    assert_int_equal(history_failed_step(history), history->step_count);
    catch_end(&trace);
}

HISTORY_TEST(a_step_that_changes_nothing_costs_nothing) {
    record(program_of(&small_heap, "null; alloc 0 100000; coalesce; foreign 3"));
    assert_int_equal(history->step_count, 4);
    assert_int_equal(history->change_count, 0);
}

HISTORY_TEST(a_block_knows_what_was_asked_and_which_step_made_it) {
    record(program_of(&small_heap, BUSY));
    cursor = history_cursor_open(history);
    for (size_t i = 0; i < BUSY_COUNT; i++) {
        assert_true(history_cursor_advance(&cursor));
    }
    const struct history_block expected = {208, 200, 4, 10};
    bool found = false;
    for (size_t i = 0; i < cursor.count; i++) {
        const struct history_block *const block = &cursor.blocks[i];
        found = found || (block->slot == 2 && block->request == 20 && block->made_by == 8);
        assert_true(block->slot != 4 || memcmp(block, &expected, sizeof *block) == 0);
    }
    assert_true(found);
}

HISTORY_TEST(growth_is_in_the_step_it_happened_in) {
    record(program_of(&small_heap, "alloc 0 200; alloc 1 100"));
    assert_int_equal(history->steps[0].page_count, 4);
    assert_int_equal(history->steps[1].page_count, 5);
    assert_int_equal(history->page_limit, 5);
}

HISTORY_TEST(a_violation_is_the_last_step_with_its_verdict) {
    record_fault("call 1: answer-null");
    assert_int_equal(history->end, HISTORY_VIOLATION);
    assert_int_equal(history->verdict.oracle, ORACLE_PLACEMENT);
    assert_int_equal(history->step_count, 2);
    assert_int_equal(history_failed_step(history), 1);
}

HISTORY_TEST(a_broken_header_ends_the_heap_and_is_said) {
    record_fault("call 1: write-header 32 = 7");
    assert_false(history->steps[0].corrupt);
    assert_true(history->steps[1].corrupt);
    play_all(history);
    assert_int_equal(cursor.count, 2);
    assert_int_equal(cursor.blocks[1].size, 7);
}

HISTORY_TEST(a_heap_wrong_from_the_start_has_no_blocks_and_no_steps) {
    record_fault("call 0: start");
    assert_int_equal(history->end, HISTORY_VIOLATION);
    assert_int_equal(history->step_count, 0);
    assert_int_equal(history->first_block_count, 0);
    assert_int_equal(history_failed_step(history), 0);
}

HISTORY_TEST(a_program_too_long_leaves_out_the_last_steps_and_keeps_the_verdict) {
    const size_t count = HISTORY_STEP_CAPACITY + 10;
    const size_t size = program_size(small_heap.version, count);
    uint8_t *const bytes = calloc(1, size);
    assert_non_null(bytes);
    program_encode_header(&small_heap, bytes);
    const struct operation nothing = {.kind = OPERATION_NULL_FREE};
    for (size_t i = 0; i < count; i++) {
        program_encode_operation(&small_heap, i, &nothing, bytes);
    }
    record(program_decode(bytes, size));
    assert_true(history->full);
    assert_int_equal(history->step_count, HISTORY_STEP_CAPACITY);
    assert_int_equal(history->end, HISTORY_SOUND);
    assert_int_equal(history->operation_count, count);
    free(bytes);
}

static const struct {
    const char *name;
    const char *fault;
    const char *extents; /* "OFFSET+SIZE", each followed by a blank */
} marks[] = {
    {"nothing of a sound run", "", ""},
    {"nothing of a wrong counter", "call 1: taken-count 1", ""},
    {"the payload that is not there", "call 1: answer-null", "40+37 "},
    {"the payload and where it is instead", "call 1: accept 80", "40+37 80+37 "},
    {"a header", "call 1: write-header 32 = 0", "32+8 "},
    {"a byte of a payload", "call 1: write-byte 10 = 0x11", "10+1 "},
    {"a byte of a guard", "call 1: write-byte -3 = 0x11", "-3+1 "},
};

TEST_EACH_WITH(a_failure_marks_the_bytes_it_is_about, marks, NULL, close_history) {
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    char found[64] = "";
    record_fault(row->fault);
    const size_t count = extent_find_last(history, extents);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(extents[i].what);
        (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%lld+%zu ",
                       (long long)extents[i].offset, (size_t)extents[i].size);
    }
    assert_string_equal(found, row->extents);
}

/* Recordings. The child inherits the host's executor, and so a subject that dies. */

static struct subject dying_subject;
static int dying_signal;

static void dying_free(void *pointer) {
    subject_kmem.free(pointer);
    raise(dying_signal);
}

static struct recording record_death(int number) {
    const struct program program = program_of(&small_heap, BUSY);
    dying_subject = subject_kmem;
    dying_subject.free = dying_free;
    dying_signal = number;
    host_executor(PROGRAM_SLOT_COUNT_MAXIMUM)->subject = number == 0 ? &subject_kmem : &dying_subject;
    return recording_make(&program);
}

HISTORY_TEST(a_recording_of_a_sound_run_is_its_history) {
    struct recording recording = record_death(0);
    const struct program program = program_of(&small_heap, BUSY);
    assert_false(recording_died(&recording));
    assert_int_equal(recording.history->end, HISTORY_SOUND);
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(recording.history->digest, executor.digest);
    recording_close(&recording);
}

HISTORY_TEST(a_subject_that_dies_leaves_what_it_did_and_the_step_it_died_in) {
    static const struct {
        int signal;
        const char *words;
    } deaths[] = {{SIGKILL, "SIGKILL"}, {SIGPROF, "hang"}, {SIGABRT, "SIGABRT"}};
    for (size_t i = 0; i < LENGTH(deaths); i++) {
        char words[FAILURE_TEXT_SIZE];
        struct recording recording = record_death(deaths[i].signal);
        assert_true(recording_died(&recording));
        assert_int_equal(recording.history->step_count, 4);
        assert_true(recording.history->under_way);
        assert_int_equal(history_failed_step(recording.history), 3);
        assert_int_equal(recording.outcome.step.index, 3);
        recording.outcome.failure.place[0] = '\0'; /* which a signal that is sent has only in some builds */
        assert_string_equal(failure_text(&recording.outcome.failure, words), deaths[i].words);
        recording_close(&recording);
    }
}

/* The heap after a death in the middle of `free 1`: the block was free already. */
HISTORY_TEST(a_subject_that_can_be_watched_dying_leaves_the_heap_as_it_was_then) {
    struct recording recording = record_death(SIGPROF);
    play_all(recording.history);
    assert_string_equal(drawn(), "|#32 s0|.48|#24 s2|.152|");
    recording_close(&recording);
}

#if PORT_ADDRESS_SANITIZER
static void *stray_alloc(size_t size) {
    unsigned char *const payload = subject_kmem.alloc(size);
    volatile size_t size_of_header =
        8; /* so that the library is called, whose accesses are watched everywhere */
    memset(payload - 8, 0, size_of_header);
    return payload;
}

HISTORY_TEST(under_a_sanitizer_the_address_died_at_and_the_report_are_kept) {
    char words[FAILURE_TEXT_SIZE];
    struct extent extents[EXTENT_COUNT_MAXIMUM];
    const struct program program = program_of(&small_heap, BUSY);
    dying_subject = subject_kmem;
    dying_subject.alloc = stray_alloc;
    host_executor(PROGRAM_SLOT_COUNT_MAXIMUM)->subject = &dying_subject;
    struct recording recording = recording_make(&program);
    assert_true(recording_died(&recording));
    assert_int_equal(extent_find_last(recording.history, extents), 1);
    assert_int_equal(extents[0].offset, 0);
    assert_int_equal(extents[0].size, 8);
    assert_non_null(strstr(recording.outcome.report, "use-after-poison"));
    assert_string_equal(recording.outcome.failure.name, "use-after-poison");
    assert_memory_equal(failure_text(&recording.outcome.failure, words), "use-after-poison in ",
                        strlen("use-after-poison in "));
    recording_close(&recording);
}
#endif
