/* Specification: payloads judged by a copy of the region. What a step may change explains itself, anything
 * else lets every payload be compared: so what is found, and when, is what is found without a copy. */
#include "fuzz/execute/copy.h"
#include "fuzz/execute/stores.h"
#include "fuzz/generate/generate.h"
#include "fuzz/host/guard.h"
#include "tests/unit/executor_fixture.h"

void __sanitizer_cov_store1(void *address);

static unsigned char copy[TEST_CAPACITY];
static struct subject subject; /* this project's heap but for what each test changes */

static void start_copy(void) {
    subject = subject_kmem;
    make_executor(&subject, first_arena, ORACLE_ALL);
    executor.copy = copy;
}

#define COPY_TEST(name) TEST_WITH(name, start_copy, NULL)

static unsigned char *at(size_t offset) {
    return executor_pointer(&executor, offset);
}

/* What each does to the blocks of a sound heap. */
static const struct {
    const char *name;
    const char *before;
    const char *operation;
} sound[] = {
    {"a block is split off", "alloc 0 24", "alloc 1 24"},
    {"a hole is filled", "alloc 0 24; alloc 1 24; alloc 2 24; free 0", "alloc 0 24"},
    {"a gap is left in front", "alloc 0 24; alloc 1 24; alloc 2 120; alloc 3 8; free 2", "aligned 2 8 64"},
    {"zeroes are written", "alloc 0 24; alloc 1 24; alloc 2 24; free 0", "zalloc 0 24"},
    {"the last block is freed", "alloc 0 24; alloc 1 24", "free 1"},
    {"a free block has none beside it", "alloc 0 24; alloc 1 24; alloc 2 24", "free 1"},
    {"it has one on the left", "alloc 0 24; alloc 1 24; alloc 2 24; free 0", "free 1"},
    {"it has one on the right", "alloc 0 24; alloc 1 24; alloc 2 24; alloc 3 8; free 2", "free 1"},
    {"it has one on both sides", "alloc 0 24; alloc 1 24; alloc 2 24; alloc 3 8; free 0; free 2", "free 1"},
    {"a payload shrinks", "alloc 0 64; alloc 1 24", "realloc 0 24"},
    {"a payload grows", "alloc 0 24; alloc 1 24; alloc 2 8; free 1", "realloc 0 32"},
    {"a payload moves", "alloc 0 24; alloc 1 24", "realloc 0 64"},
    {"the heap grows", "alloc 0 24; alloc 1 100", "alloc 2 200"},
    {"a call is refused", "alloc 0 24", "alloc 1 999"},
    {"a misuse is reported", "alloc 0 24; free 0", "double 0"},
    {"nothing is called", "alloc 0 24", "alloc 1 0"},
};

TEST_EACH_WITH(what_a_sound_step_changes_lets_nothing_be_compared, sound, start_copy, NULL) {
    have(row->before);
    assert_sound(perform(row->operation));
    assert_false(executor.is_compared);
    assert_true(executor.is_walked);
    assert_sound(executor_recover(&executor));
}

/* What the next call does besides, to a byte. */
static size_t struck;

static void *alloc_and_strike(size_t size) {
    void *const payload = subject_kmem.alloc(size);
    *at(struck) ^= 1;
    return payload;
}

COPY_TEST(a_byte_of_another_payload_is_named_as_without_a_copy) {
    have("alloc 0 24; alloc 1 24; alloc 2 24; free 1");
    subject.alloc = alloc_and_strike;
    struck = 95;
    const struct verdict verdict = perform("alloc 1 24");
    assert_verdict(verdict, words("contents-kept 95 %d %d", *at(95) ^ 1, *at(95)));
}

COPY_TEST(a_byte_of_no_payload_lets_everything_be_compared_once) {
    have("alloc 0 24; alloc 1 20; alloc 2 24; alloc 3 24; free 2");
    subject.alloc = alloc_and_strike;
    struck = 60; /* slack */
    assert_sound(perform("alloc 4 999"));
    assert_true(executor.is_compared);
    subject.alloc = subject_kmem.alloc;
    assert_sound(perform("alloc 2 24"));
    assert_false(executor.is_compared);
}

static void flip_in_copy(void *context, const struct executor *run, const struct step *step) {
    (void)context, (void)run, (void)step;
    copy[8] ^= 1;
    *at(8) ^= 1; /* so that the copy does not show it */
}

COPY_TEST(everything_is_compared_every_64_steps_and_at_the_end) {
    const struct observer observer = {.before = flip_in_copy};
    have("alloc 0 24");
    executor.observers = (struct observers){{&observer}, 1};
    assert_sound(perform("alloc 1 0"));
    executor.observers.count = 0;
    struct verdict verdict = verdict_sound();
    for (size_t i = 0; verdict_is_sound(verdict) && i < STORES_JUDGE_STEPS; i++) {
        verdict = perform("alloc 1 0");
    }
    assert_int_equal(executor.operation_count, STORES_JUDGE_STEPS);
    assert_verdict(verdict, words("contents-kept 8 %d %d", *at(8) ^ 1, *at(8)));
    start_copy();
    have("alloc 0 24");
    executor.observers = (struct observers){{&observer}, 1};
    assert_sound(perform("alloc 1 0"));
    executor.observers.count = 0;
    assert_int_equal(executor_recover(&executor).oracle, ORACLE_CONTENTS_KEPT);
}

static bool extend_and_strike(void *pointer, size_t size) {
    const bool extended = subject_kmem.realloc(pointer, size) == pointer;
    *at(struck) ^= 1;
    return extended;
}

COPY_TEST(what_an_extended_payload_keeps_is_compared) {
    subject.extend = extend_and_strike;
    struck = 10;
    have("alloc 0 24; alloc 1 24; alloc 2 8; free 1");
    assert_int_equal(perform("extend 0 32").oracle, ORACLE_CONTENTS_KEPT);
}

COPY_TEST(a_heap_that_is_arranged_is_copied) {
    const struct live_block live[] = {{0, 32}, {64, 32}};
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(executor_arrange(&executor, live, LENGTH(live)));
    subject.alloc = alloc_and_strike;
    struck = 80;
    assert_int_equal(perform("alloc 5 24").oracle, ORACLE_CONTENTS_KEPT);
}

/* A stray byte that the next call heals. Call number `call` of a run flips a bit in some live payload, after
 * it has done what it should. */
static struct {
    size_t call;
    uint64_t choice; /* of the payload and the byte in it */
    bool told;
    size_t call_count;
    unsigned char *flipped; /* NULL: none is, now */
} transient;

static void change(unsigned char *byte) {
    if (transient.told) {
        __sanitizer_cov_store1(byte);
    }
    *byte ^= 0x10;
}

/* What is done to a damaged heap is undone by the harness. */
static void heal(void) {
    if (transient.flipped != NULL && executor.last_call != CALL_DAMAGED) {
        change(transient.flipped);
        transient.flipped = NULL;
    }
}

static void flip(void) {
    if (executor.last_call == CALL_DAMAGED || transient.call_count++ != transient.call) {
        return;
    }
    const size_t slot = executor_next_live(&executor, (size_t)(transient.choice % executor.slot_count));
    if (slot != executor.slot_count && executor.tables.slots[slot].size != 0) {
        const struct slot *const live = &executor.tables.slots[slot];
        transient.flipped = at(live->offset + (size_t)(transient.choice >> 32) % live->size);
        change(transient.flipped);
    }
}

static void *alloc(size_t size) {
    heal();
    void *const payload = subject_kmem.alloc(size);
    flip();
    return payload;
}

static void *call_realloc(void *pointer, size_t size) {
    heal();
    void *const payload = subject_kmem.realloc(pointer, size);
    flip();
    return payload;
}

static void call_free(void *pointer) {
    heal();
    subject_kmem.free(pointer);
    flip();
}

static bool start_told(const struct subject_region *region) {
    const bool started = subject_kmem.view->start(region);
    __sanitizer_cov_store1(subject_kmem.view->heap);
    return started;
}

enum judged_by {
    BY_ALL,
    BY_COPY,
    BY_STORES
};

static struct verdict run_transient(const struct program *program, uint64_t seed, enum judged_by by) {
    static struct subject_view view;
    view = *subject_kmem.view;
    view.start = start_told;
    start_copy();
    subject.alloc = alloc;
    subject.realloc = call_realloc;
    subject.free = call_free;
    subject.view = &view;
    executor.copy = by == BY_COPY ? copy : NULL;
    executor.stores = &host_stores;
    executor.trusts_stores = by == BY_STORES;
    executor.oracles &= ~ORACLE_BIT(ORACLE_STRAY_STORE); /* which finds more, and has tests of its own */
    transient.told = by == BY_STORES;
    transient.call = (size_t)(seed >> 8) % program->operation_count;
    transient.choice = seed;
    transient.call_count = 0;
    transient.flipped = NULL;
    return executor_run(&executor, program);
}

static bool fits(const struct program_header *header) {
    return header->slot_count <= SLOT_CAPACITY &&
           (header->page_count + header->growth_limit + 1) * header->page_size <= TEST_CAPACITY;
}

TEST(a_stray_byte_that_the_next_call_heals_is_found_as_often_and_as_early) {
    static uint8_t bytes[1024];
    size_t run_count = 0;
    size_t found = 0;
    for (size_t i = 0; i < 1000; i++) {
        const uint64_t seed = generate_seed(3, i);
        const struct program program = program_decode(bytes, generate_program(seed, bytes, sizeof bytes));
        if (!fits(&program.header)) {
            continue;
        }
        const struct verdict expected = run_transient(&program, seed, BY_ALL);
        const size_t steps = executor.operation_count;
        for (enum judged_by by = BY_COPY; by <= BY_STORES; by++) {
            const struct verdict verdict = run_transient(&program, seed, by);
            assert_int_equal(verdict.oracle, expected.oracle);
            assert_int_equal(verdict.offset, expected.offset);
            assert_int_equal(executor.operation_count, steps);
        }
        run_count++;
        found += !verdict_is_sound(expected);
    }
    print_message("%zu runs, %zu found\n", run_count, found);
    assert_true(found > run_count / 2);
}
