/* Specification: guarded calls. Endless ones, failed assertions and stray stores of a subject without a view
 * end the call and are named; a sound heap's calls are left alone. The callbacks are called here as
 * instrumented code calls them. */
#include <assert.h>
#include <stdlib.h>

#include "fuzz/host/guard.h"
#include "tests/subjects/list_heap.h"
#include "tests/unit/executor_fixture.h"

void guard_step(void);
void __sanitizer_cov_store4(void *address);
void *guard_memset(void *to, int value, size_t size);

static const struct program_header page_heap = {.page_size = 256, .page_count = 1, .slot_count = 16};

int subject_defect;
static struct subject subject; /* a copy of the list heap's, for tests to change */
static uint64_t step_count;    /* of every call of it */
static unsigned char *store;   /* where it stores before each call; NULL: nowhere */

static void *alloc(size_t size) {
    for (uint64_t i = 0; i < step_count; i++) {
        guard_step();
    }
    if (store != NULL) {
        __sanitizer_cov_store4(store);
    }
    return subject_list_heap.alloc(size);
}

static void start_guarded(void) {
    subject = subject_list_heap;
    subject.alloc = alloc;
    subject_defect = LIST_HEAP_SOUND;
    step_count = 0;
    store = NULL;
    make_executor(&subject, first_arena, ORACLE_ALL);
    executor.guard = &host_guard;
}

/* A heap to go on in. */
static void begin(const char *text) {
    assert_sound(executor_start(&executor, &page_heap));
    assert_sound(perform(text));
}

#define GUARD_TEST(name) TEST_WITH(name, start_guarded, NULL)

/* Steps. */

#define LIMIT (UINT64_C(65536) + UINT64_C(16) * 256) /* in page_heap, with nothing live */

GUARD_TEST(a_call_may_take_all_its_steps_and_not_one_more) {
    step_count = LIMIT;
    assert_sound(run(&page_heap, "alloc 0 8"));
    step_count++;
    assert_verdict(run(&page_heap, "alloc 0 8"), "bounded 0 69632 69632");
    executor.oracles &= ~ORACLE_BIT(ORACLE_BOUNDED);
    assert_sound(run(&page_heap, "alloc 0 8"));
}

GUARD_TEST(live_payloads_allow_more_steps) {
    step_count = LIMIT + UINT64_C(16) * 4;
    executor.oracles &= ~ORACLE_BIT(ORACLE_BOUNDED);
    begin("alloc 0 8; alloc 1 8");
    executor.oracles = ORACLE_ALL;
    assert_sound(perform("alloc 2 8"));
    assert_sound(perform("free 2; free 1"));
    assert_verdict(perform("alloc 3 8"), "bounded 0 69648 69648");
}

/* Stores. */

static unsigned char *at(size_t offset) {
    return executor_pointer(&executor, offset);
}

GUARD_TEST(a_store_into_a_live_payload_is_stray) {
    begin("alloc 0 8; alloc 1 8; free 0");
    store = at(12); /* the header in front of slot 1's payload */
    assert_sound(perform("alloc 0 8"));
    store = at(13);
    assert_verdict(perform("alloc 2 8"), "stray-store 16 16 4");
    executor.oracles &= ~ORACLE_BIT(ORACLE_STRAY_STORE);
    assert_sound(perform("alloc 2 8"));
}

static void *store_and_resize(void *pointer, size_t size) {
    __sanitizer_cov_store4(pointer);
    return subject_list_heap.realloc(pointer, size);
}

GUARD_TEST(a_call_may_store_in_its_own_payload_and_in_what_is_freed) {
    subject.realloc = store_and_resize;
    begin("alloc 0 8; realloc 0 16; realloc 0 300; alloc 1 8; free 1");
    store = at(executor.tables.slots[1].stale_offset);
    assert_sound(perform("alloc 1 4"));
    store = at(executor.tables.slots[0].offset);
    assert_verdict(perform("alloc 2 4"), "stray-store 16 16 4"); /* kept by the resize that failed */
}

GUARD_TEST(outside_the_region_only_the_program_s_variables_and_the_call_s_stack_are_stored_to) {
    unsigned char mine[4]; /* of the caller's stack */
    static unsigned char variable[4];
    static _Thread_local unsigned char local[4];
    begin(""); /* for the region */
    unsigned char *const allowed[] = {variable, local, at(0), at(252)};
    unsigned char *const stray[] = {at(253), at((size_t)-1), mine, NULL};
    for (size_t i = 0; i < LENGTH(allowed); i++) {
        store = NULL;
        begin("");
        store = allowed[i];
        assert_sound(perform("alloc 0 8"));
    }
    for (size_t i = 0; i < LENGTH(stray); i++) {
        store = NULL;
        begin("");
        store = stray[i];
        assert_int_equal(perform("alloc 0 8").oracle, store == NULL ? SOUND : ORACLE_STRAY_STORE);
    }
}

static void *store_on_the_stack(size_t size) {
    unsigned char mine[4];
    __sanitizer_cov_store4(mine);
    return subject_list_heap.alloc(size);
}

GUARD_TEST(a_call_may_store_on_its_own_stack) {
    subject.alloc = store_on_the_stack;
    assert_sound(run(&page_heap, "alloc 0 8"));
}

GUARD_TEST(what_was_live_in_one_run_is_not_in_the_next) {
    assert_sound(run(&page_heap, "alloc 0 200"));
    store = at(8);
    assert_sound(run(&page_heap, "alloc 0 8"));
}

static size_t fill_offset;

static void *fill(size_t size) {
    (void)guard_memset(at(fill_offset), 0, 40);
    return subject_list_heap.alloc(size);
}

GUARD_TEST(a_fill_is_a_store_of_all_its_bytes) {
    begin("alloc 0 8; alloc 1 8; free 0");
    subject.alloc = fill;
    fill_offset = 100;
    assert_sound(perform("alloc 0 8"));
    fill_offset = 216;
    assert_sound(perform("alloc 2 8"));
    fill_offset = 217;
    assert_verdict(perform("alloc 3 8"), "stray-store 217 -1 40");
}

GUARD_TEST(a_fill_is_judged_up_to_its_last_byte) {
    begin("alloc 0 40; alloc 1 8; free 0");
    subject.alloc = fill;
    fill_offset = 9; /* slot 1's payload starts at 48 */
    assert_verdict(perform("alloc 0 8"), "stray-store 48 48 40");
}

/* Assertions. */

static void *fail_an_assertion(size_t size) {
    assert(size == 0);
    return NULL;
}

static void *fail_by_name(size_t size) {
    (void)size;
    subject_failed("there is room", "their_heap.c", 42);
}

static void *give_up(size_t size) {
    (void)size;
    abort();
}

static const struct {
    const char *name;
    void *(*alloc)(size_t size);
    const char *text;
    const char *file;
} failures[] = {
    {"assert.h's", fail_an_assertion, "size == 0", "tests/unit/test_guard.c"},
    {"an author's own", fail_by_name, "there is room", "their_heap.c"},
    {"a call of abort", give_up, "abort", ""},
};

TEST_EACH_WITH(a_failed_assertion_is_named_or_where_promised_a_refusal, failures, start_guarded, NULL) {
    struct assertion place;
    subject.alloc = row->alloc;
    const struct verdict verdict = run(&page_heap, "alloc 0 8");
    assert_verdict(verdict, "assertion 0 0 0");
    guard_find_place(verdict, &place);
    assert_string_equal(place.text, row->text);
    if (row->file[0] != '\0') {
        assert_string_equal(place.source.file, row->file);
        assert_int_not_equal(place.source.line, 0);
    }
    subject.facts.assertion_refuses = true;
    assert_sound(run(&page_heap, "alloc 0 8; alloc 1 8"));
    assert_int_equal(executor.operation_count, 2);
    assert_int_equal(executor.grant_count, 0);
    guard_find_place((struct verdict){ORACLE_ALIGNMENT, 0, 0, 0}, &place);
    assert_string_equal(place.text, ""); /* a refusal is not what any other verdict is about */
}

static void refuse_to_free(void *pointer) {
    (void)pointer;
    subject_failed("it is mine", "their_heap.c", 43);
}

static bool refuse_to_start(void *memory, size_t size) {
    (void)memory;
    (void)size;
    subject_failed("it is enough", "their_heap.c", 44);
}

GUARD_TEST(a_start_may_be_refused_so_and_a_free_may_not) {
    subject.facts.assertion_refuses = true;
    subject.free = refuse_to_free;
    assert_verdict(run(&page_heap, "alloc 0 8; free 0"), "assertion 0 0 0");
    subject.start = refuse_to_start;
    assert_sound(run(&page_heap, ""));
    assert_false(executor.started);
    subject.facts.assertion_refuses = false;
    assert_verdict(run(&page_heap, ""), "assertion 0 0 0");
}

GUARD_TEST(what_is_known_at_one_line_is_set_aside_there_alone) {
    struct subject_known known[] = {{"assertion", NULL, "heap.c:42"}, {NULL, NULL, NULL}};
    const struct program program = program_of(&page_heap, "alloc 0 8");
    subject.alloc = fail_by_name; /* at their_heap.c:42 */
    subject.known = known;
    assert_verdict(executor_run(&executor, &program), "assertion 0 0 0");
    known[0].place = "their_heap.c:4";
    assert_verdict(executor_run(&executor, &program), "assertion 0 0 0");
    known[0].place = "their_heap.c:42";
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(executor.set_aside.oracle, ORACLE_ASSERTION);
    known[0].oracle = "bounded";
    assert_verdict(executor_run(&executor, &program), "assertion 0 0 0");
}
