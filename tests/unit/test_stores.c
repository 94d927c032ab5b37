/* Specification: stores judged as they happen. What a call stores explains itself, or everything is compared,
 * and a store that nothing else objects to is stray. The callbacks are called here as instrumented code calls
 * them, before the store that they tell of. */
#include "fuzz/execute/stores.h"
#include "fuzz/host/guard.h"
#include "src/block.h"
#include "tests/unit/executor_fixture.h"

void __sanitizer_cov_store1(void *address);
void __sanitizer_cov_store8(void *address);

/* What the next call stores besides: at most once. */
static struct {
    unsigned char *at; /* NULL: nothing */
    size_t times;      /* bytes, each told of by itself */
    int flip;          /* bits that are changed; 0: the value is the one that is there already */
    int flip_untold;   /* the same, and no one is told */
} extra;

static size_t told_count; /* stores of the start that are told of */

static unsigned char *at(size_t offset) {
    return executor_pointer(&executor, offset);
}

/* A header as the call has just written it. */
static void tell_header(void *payload) {
    if (payload != NULL) {
        __sanitizer_cov_store8((unsigned char *)payload - BLOCK_HEADER_SIZE);
    }
}

static void store_extra(void) {
    for (size_t i = 0; i < extra.times; i++) {
        PORT_UNPOISON(extra.at + i, 1);
        if (extra.flip_untold == 0) {
            __sanitizer_cov_store1(extra.at + i);
        }
        extra.at[i] = (unsigned char)(extra.at[i] ^ extra.flip ^ extra.flip_untold);
    }
    extra.times = 0;
}

static void *alloc(size_t size) {
    void *const payload = subject_kmem.alloc(size);
    tell_header(payload);
    store_extra();
    return payload;
}

static void *call_realloc(void *pointer, size_t size) {
    void *const payload = subject_kmem.realloc(pointer, size);
    tell_header(payload);
    store_extra();
    return payload;
}

static void call_free(void *pointer) {
    subject_kmem.free(pointer);
    store_extra();
}

static bool start_told(const struct subject_region *region) {
    const bool started = subject_kmem.view->start(region);
    for (size_t i = 0; i < told_count; i++) {
        __sanitizer_cov_store8(region->base);
    }
    return started;
}

static struct subject_view *view; /* of the subject */

static void start_stores(void) {
    static struct subject subject;
    view = own_view();
    view->start = start_told;
    view->poisons = false; /* or its oracle would object to what the tests unpoison */
    subject = subject_kmem;
    subject.view = view;
    subject.alloc = alloc;
    subject.realloc = call_realloc;
    subject.free = call_free;
    executor.subject = &subject;
    executor.stores = &host_stores;
    executor.trusts_stores = true;
    told_count = 1;
    extra.times = 0;
}

#define STORES_TEST(name) TEST_WITH(name, start_stores, NULL)

/*     0        32         64        96                 256
 *     | slot 0 | free     | slot 2  | free .............|   */
static void have_two(void) {
    have("alloc 0 24; alloc 1 24; alloc 2 24; free 1");
}

static void store(size_t offset, size_t times, int flip) {
    extra.at = at(offset);
    extra.times = times;
    extra.flip = flip;
    extra.flip_untold = 0;
}

STORES_TEST(what_a_call_of_a_sound_heap_stores_explains_itself) {
    have_two();
    assert_sound(perform("alloc 1 24"));
    assert_int_equal(host_stores.count, 1);
    assert_int_equal(host_stores.explained, 1);
    assert_false(executor.is_compared);
    assert_sound(executor_recover(&executor));
}

STORES_TEST(a_call_may_store_all_over_the_payload_that_it_returns) {
    have_two();
    store(40, 24, 0);
    assert_sound(perform("alloc 1 20"));
    assert_int_equal(host_stores.count, 1); /* with its header: all lie in a row */
    assert_false(executor.is_compared);
}

STORES_TEST(a_call_may_store_where_the_header_of_what_it_frees_was) {
    have_two();
    store(64, 8, 0);
    assert_sound(perform("free 2")); /* merged with what is free on either side */
    assert_false(executor.is_compared);
    have_two();
    store(64, 9, 0);
    assert_verdict(perform("free 2"), "stray-store 72 -2 9");
}

STORES_TEST(a_call_may_store_in_the_heap_s_own_data) {
    have_two();
    extra.at = subject_kmem.view->heap;
    extra.times = 1;
    extra.flip = extra.flip_untold = 0;
    assert_sound(perform("alloc 1 20"));
    assert_false(executor.is_compared);
}

STORES_TEST(stores_in_a_row_may_go_on_from_a_payload_into_the_heap_s_own_data) {
    have_two();
    view->own = at(72);
    view->own_size = 1;
    store(40, 33, 0);
    assert_sound(perform("alloc 1 24"));
    assert_int_equal(host_stores.count, 1);
    assert_false(executor.is_compared);
    have_two();
    store(40, 34, 0);
    assert_verdict(perform("alloc 1 24"), "stray-store 73 72 42");
}

static bool always(const struct executor *judged) {
    (void)judged;
    return true;
}

STORES_TEST(a_stray_store_of_a_refused_call_shows_where_nothing_has_changed) {
    have_two();
    executor.is_as_judged = always;
    store(8, 1, 0);
    assert_verdict(perform("double 1"), "stray-store 8 8 1");
}

/* Each reason by which a store is not explained, when it stores the value that is there. */
static const struct {
    const char *name;
    size_t offset;
    const char *operation;
    const char *verdict;
} strays[] = {
    {"a live payload", 8, "alloc 1 24", "stray-store 8 8 1"},
    {"the last byte of one", 95, "alloc 1 24", "stray-store 95 72 1"},
    {"slack of another block", 31, "alloc 1 24", "stray-store 31 8 1"},
    {"a free payload", 104, "alloc 1 24", "stray-store 104 -2 1"},
    {"the payload just freed", 72, "free 2", "stray-store 72 -2 1"},
    {"the payload just moved away from", 72, "realloc 2 100", "sound"},
    {"before the region", (size_t)-1, "alloc 1 24", "stray-store -1 -1 1"},
    {"past the region", 256, "alloc 1 24", "stray-store 256 -1 1"},
    {"a payload that could not be resized", 72, "realloc 2 999", "stray-store 72 72 1"},
    {"a payload, when the call is refused", 8, "alloc 1 999", "stray-store 8 8 1"},
};

TEST_EACH_WITH(a_store_that_nothing_explains_is_stray_even_of_the_value_that_was_there, strays, start_stores,
               NULL) {
    for (int trusts = 0; trusts < 2; trusts++) {
        executor.trusts_stores = trusts != 0;
        have_two();
        store(row->offset, 1, 0);
        assert_verdict(perform(row->operation), row->verdict);
    }
    executor.oracles &= ~ORACLE_BIT(ORACLE_STRAY_STORE);
    have_two();
    store(row->offset, 1, 0);
    assert_sound(perform(row->operation));
}

STORES_TEST(a_store_that_is_not_explained_lets_everything_be_compared_and_that_names_it) {
    have_two();
    store(8, 1, 1);
    assert_int_equal(perform("alloc 1 24").oracle, ORACLE_CONTENTS_KEPT);
    have_two();
    store(96, 1, 8); /* the header of the last free block */
    assert_int_equal(perform("alloc 1 24").oracle, INVARIANT_BLOCK_TILING);
    have_two();
    store(256, 1, 1);
    assert_int_equal(perform("alloc 1 24").oracle, ORACLE_GUARDS);
}

STORES_TEST(a_line_is_that_of_the_store_that_is_stray_not_of_those_beside_it) {
    have_two();
    store(40, 25, 0); /* the block that is returned has 24 bytes, and the next header follows */
    assert_sound(perform("alloc 1 24"));
    have("alloc 0 24; alloc 1 24; alloc 2 24; free 1");
    store(40, 33, 0);
    assert_verdict(perform("alloc 1 24"), "stray-store 72 72 41");
    assert_int_equal(host_stores.stray.pc, host_stores.list[0].last.pc);
    assert_int_not_equal(host_stores.list[0].first.pc, host_stores.list[0].last.pc);
}

STORES_TEST(what_no_one_tells_of_is_found_within_64_steps_and_at_the_end) {
    have_two();
    store(8, 1, 0);
    extra.flip_untold = 1;
    assert_sound(perform("alloc 1 24"));
    struct verdict verdict = verdict_sound();
    size_t steps = 1;
    for (; verdict_is_sound(verdict) && steps <= STORES_JUDGE_STEPS; steps++) {
        verdict = perform("alloc 4 0");
    }
    assert_verdict(verdict, words("contents-kept 8 %d %d", at(8)[0] ^ 1, at(8)[0]));
    have_two();
    store(8, 1, 0);
    extra.flip_untold = 1;
    assert_sound(perform("alloc 1 24"));
    assert_int_equal(executor_recover(&executor).oracle, ORACLE_CONTENTS_KEPT);
}

static void *alloc_and_lift(size_t size) {
    void *const payload = alloc(size);
    PORT_UNPOISON(extra.at, 8);
    return payload;
}

static void *alloc_poisoned(size_t size) {
    void *const payload = alloc(size);
    PORT_POISON(payload, size);
    return payload;
}

static void free_and_lift(void *pointer) {
    call_free(pointer);
    PORT_UNPOISON(pointer, 8);
}

STORES_TEST(poison_is_judged_at_once_where_a_step_changes_it_and_elsewhere_within_64_steps) {
    static const struct {
        const char *text;
        size_t lifted; /* offset of eight bytes */
        void *(*alloc)(size_t size);
        const char *verdict;
        bool at_once;
    } rows[] = {
        {"alloc 1 24", 32, alloc_and_lift, "poison 32 0 8", true},
        {"alloc 1 24", 64, alloc_and_lift, "poison 64 0 8", true},
        {"alloc 1 16", 56, alloc_and_lift, "poison 56 0 8", true},
        {"alloc 1 24", 160, alloc_and_lift, "poison 160 0 8", false},
        {"alloc 1 24", 0, alloc_poisoned, "poison 40 8 0", true},
        {"free 2", 0, alloc, "poison 72 0 8", true},
    };
    for (size_t i = 0; PORT_ADDRESS_SANITIZER && i < LENGTH(rows); i++) {
        start_stores();
        struct subject subject = *executor.subject;
        view->poisons = true;
        executor.subject = &subject;
        have_two();
        subject.alloc = rows[i].alloc;
        subject.free = free_and_lift;
        extra.at = at(rows[i].lifted);
        struct verdict verdict = perform(rows[i].text);
        assert_int_equal(!verdict_is_sound(verdict), rows[i].at_once);
        for (size_t j = 0; verdict_is_sound(verdict) && j < STORES_JUDGE_STEPS; j++) {
            verdict = perform("alloc 4 0");
        }
        assert_verdict(verdict, rows[i].verdict);
    }
}

static void *alloc_and_poison_first(size_t size) {
    void *const payload = alloc(size);
    PORT_POISON(at(8), 8);
    return payload;
}

STORES_TEST(poison_of_any_region_is_judged_within_64_steps_and_at_the_end) {
    static struct subject subject;
    subject = *executor.subject;
    view->poisons = true;
    executor.subject = &subject;
    for (uint16_t pages = 1; PORT_ADDRESS_SANITIZER && pages <= 6; pages++) {
        const struct program_header header = {.page_size = 4096, .page_count = pages, .slot_count = 16};
        for (size_t steps = 1; steps <= STORES_JUDGE_STEPS; steps += STORES_JUDGE_STEPS - 1) {
            subject.alloc = alloc;
            assert_sound(executor_start(&executor, &header));
            assert_sound(perform("alloc 0 24"));
            subject.alloc = alloc_and_poison_first;
            struct verdict verdict = perform("alloc 1 24");
            for (size_t i = 1; verdict_is_sound(verdict) && i < steps; i++) {
                verdict = perform("alloc 2 0");
            }
            assert_int_equal(verdict_is_sound(verdict), steps == 1);
            assert_verdict(verdict_is_sound(verdict) ? executor_recover(&executor) : verdict, "poison 8 8 0");
        }
    }
}

static void *alloc_and_tell(size_t size) {
    for (size_t i = 0; i < size; i++) {
        __sanitizer_cov_store1(at(8)); /* into a live payload, again and again */
    }
    return subject_kmem.alloc(size);
}

STORES_TEST(with_more_stores_than_there_is_room_for_everything_is_compared_and_none_is_stray) {
    struct subject subject = *executor.subject;
    have_two();
    subject.alloc = alloc_and_tell;
    executor.subject = &subject;
    assert_sound(perform("alloc 1 65"));
    assert_true(host_stores.overflowed);
    assert_true(executor.is_compared);
    assert_verdict(perform("alloc 3 64"), "stray-store 8 8 1");
    assert_false(host_stores.overflowed);
}

STORES_TEST(a_core_that_tells_of_no_store_has_everything_compared) {
    told_count = 0;
    have_two();
    assert_false(host_stores.traced);
    assert_true(executor.is_compared);
    store(8, 1, 0);
    assert_sound(perform("alloc 1 24"));
    assert_true(executor.is_compared);
    executor.stores = NULL;
    have_two();
    assert_true(executor.is_compared);
}

/* A large heap: 100 live blocks of 32 bytes, every second of 200. */
static void have_many(void) {
    static const struct program_header many = {.page_size = 4096, .page_count = 2, .slot_count = 256};
    assert_sound(executor_start(&executor, &many));
    for (unsigned i = 0; i < 200; i++) {
        const struct operation operation = {
            .kind = OPERATION_ALLOC, .slot = (uint16_t)i, .size = {.base = SIZE_BASE_LITERAL, .amount = 24}};
        assert_sound(step(operation));
    }
    for (unsigned i = 0; i < 200; i += 2) {
        const struct operation operation = {.kind = OPERATION_FREE, .slot = (uint16_t)i};
        assert_sound(step(operation));
    }
    assert_sound(perform("alloc 0 0"));
}

STORES_TEST(the_blocks_of_a_large_heap_are_walked_only_where_a_store_is_not_explained) {
    have_many();
    assert_sound(perform("alloc 0 24"));
    assert_false(executor.is_walked);
    store(40, 1, 1);
    assert_int_equal(perform("alloc 2 24").oracle, ORACLE_CONTENTS_KEPT);
    assert_true(executor.is_walked);
}

static void *alloc_and_break(size_t size) {
    void *const payload = subject_kmem.alloc(size);
    block_write(at(extra.times), BLOCK_SIZE_MINIMUM, false); /* untold */
    return payload;
}

STORES_TEST(in_a_large_heap_the_headers_around_the_call_are_judged_and_those_elsewhere_within_64_steps) {
    struct subject subject;
    have_many();
    subject = *executor.subject;
    subject.alloc = alloc_and_break;
    executor.subject = &subject;
    extra.times = 32; /* the header after the one placed at 0 */
    assert_int_equal(perform("alloc 0 24").oracle, INVARIANT_LIVE_IS_TAKEN);
    start_stores();
    have_many();
    subject = *executor.subject;
    subject.alloc = alloc_and_break;
    executor.subject = &subject;
    extra.times = 3200;
    struct verdict verdict = perform("alloc 0 24");
    assert_sound(verdict);
    for (size_t i = 0; verdict_is_sound(verdict) && i < STORES_JUDGE_STEPS; i++) {
        verdict = perform("free 255");
    }
    assert_false(verdict_is_sound(verdict));
}

/*     32             64          96                     32          64           96
 *     | slot 1       | free      |           becomes    | free      | taken      |     */
static void *alloc_and_swap(size_t size) {
    (void)subject_kmem.alloc(size);
    __sanitizer_cov_store8(at(32));
    block_write(at(32), 32, false);
    __sanitizer_cov_store8(at(64));
    block_write(at(64), 32, true);
    return NULL;
}

STORES_TEST(a_refused_call_that_changes_a_large_heap_is_named_as_in_a_small_one) {
    have_many();
    assert_sound(perform("alloc 0 24"));
    assert_false(executor.is_walked);
    struct subject subject = *executor.subject;
    subject.alloc = alloc_and_swap;
    executor.subject = &subject;
    assert_int_equal(perform("alloc 2 999999").oracle, ORACLE_REFUSAL_UNTOUCHED);
}
