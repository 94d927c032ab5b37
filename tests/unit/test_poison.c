/* Specification: the oracle on poison, against a subject that is this project's heap but for what it poisons.
 * Only where AddressSanitizer is linked: elsewhere there is no poison. */
#include "tests/unit/executor_fixture.h"

/* After call number `call` the bytes from base + offset on are poisoned, or not. */
static struct {
    size_t call; /* from 0; those of the recovery follow the program's own */
    size_t offset;
    size_t size;
    bool poison;
} fault;

static struct subject subject; /* a copy of kmem's but for the calls below */
static size_t call_count;
static unsigned char *base;

static void strike(void) {
    if (call_count++ != fault.call) {
        return;
    }
    if (fault.poison) {
        PORT_POISON(base + fault.offset, fault.size);
    } else {
        PORT_UNPOISON(base + fault.offset, fault.size);
    }
}

static void *alloc(size_t size) {
    void *const payload = subject_kmem.alloc(size);
    strike();
    return payload;
}

static void call_free(void *pointer) {
    subject_kmem.free(pointer);
    strike();
}

static struct verdict judged(const struct program_header *header, const char *operations, uint64_t oracles) {
    subject = subject_kmem;
    subject.alloc = alloc;
    subject.free = call_free;
    call_count = 0;
    make_executor(&subject, first_arena, oracles);
    base = first_arena.base + header->page_size;
    return run(header, operations);
}

/*     0        32        64        96     256
 *     | slot 0 | slot 1  | slot 2  | free |     slot 1 has 3 bytes of slack
 */
#define TWO   "alloc 0 24; alloc 1 21"
#define THREE TWO "; alloc 2 24"
#define FOUR  THREE "; free 1"

static const struct {
    const char *name;
    const char *operations;
    size_t call;
    size_t offset;
    size_t size;
    bool poison;
    const char *verdict;
} scenarios[] = {
    {"the first header is accessible", "alloc 0 24", 0, 0, 8, false, "poison 0 0 8"},
    {"a header is accessible", THREE, 2, 32, 8, false, "poison 32 0 8"},
    {"the free block's header is accessible", THREE, 2, 96, 3, false, "poison 96 0 3"},
    {"slack is accessible", TWO, 1, 56, 8, false, "poison 56 5 8"},
    {"slack is accessible but for a byte", THREE, 2, 56, 7, false, "poison 56 5 7"},
    {"a freed payload is accessible", FOUR, 3, 40, 21, false, "poison 40 0 8"},
    {"the region's last word is accessible", FOUR, 3, 248, 1, false, "poison 248 0 1"},
    {"free memory is accessible after recovery", FOUR "; free 0", 5, 72, 8, false, "poison 72 0 8"},
    {"a live payload is poisoned", THREE, 2, 8, 24, true, "poison 8 8 0"},
    {"the last word of a live payload is poisoned", THREE, 2, 24, 8, true, "poison 24 8 0"},
    {"what was asked for of the last word is poisoned", THREE, 2, 56, 8, true, "poison 56 5 0"},
    {"the word behind the region is poisoned", FOUR, 3, 256, 8, true, "poison 256 8 0"},
};

/* The fault is poison's, with these values, among all oracles and alone, and no other oracle sees it. */
TEST_EACH(the_oracle_on_poison_names_the_bytes, scenarios) {
    fault.call = SIZE_MAX;
    assert_sound(judged(&small_heap, row->operations, ORACLE_ALL));
    fault.call = row->call;
    fault.offset = row->offset;
    fault.size = row->size;
    fault.poison = row->poison;
    assert_verdict(judged(&small_heap, row->operations, ORACLE_ALL), row->verdict);
    assert_verdict(judged(&small_heap, row->operations, ORACLE_BIT(ORACLE_POISON)), row->verdict);
    if (!row->poison) { /* or a harness that is instrumented itself would die of writing the payload */
        assert_sound(judged(&small_heap, row->operations, ORACLE_ALL & ~ORACLE_BIT(ORACLE_POISON)));
    }
}

TEST(slots_above_63_are_watched) {
    static const struct program_header wide = {.page_size = 4096, .page_count = 1, .slot_count = 80};
    char operations[2048] = "alloc 0 16";
    for (unsigned slot = 1; slot < 70; slot++) {
        (void)snprintf(operations + strlen(operations), sizeof operations - strlen(operations),
                       "; alloc %u 16", slot);
    }
    fault.call = 69;
    fault.offset = 66 * 24 + 16; /* in the payload of slot 66 */
    fault.size = 8;
    fault.poison = true;
    assert_verdict(judged(&wide, operations, ORACLE_ALL), "poison 1600 8 0");
    fault.call = SIZE_MAX;
    assert_sound(judged(&wide, operations, ORACLE_ALL));
}

TEST(a_subject_that_does_not_poison_is_not_asked) {
    fault.call = SIZE_MAX;
    assert_sound(judged(&small_heap, "alloc 0 24; free 0", ORACLE_ALL));
    struct subject_view view = *subject_kmem.view;
    view.poisons = false;
    subject.view = &view;
    PORT_UNPOISON(first_arena.base, TEST_CAPACITY);
    executor_prepare(&executor);
    assert_sound(executor_start(&executor, &small_heap));
    PORT_UNPOISON(base, 256);
    assert_sound(perform("alloc 0 24"));
}

/* A large region is looked at now and then; at the end in any case. */
TEST(poison_of_a_large_region_is_judged_at_the_end) {
    static const struct program_header large = {.page_size = 4096, .page_count = 8, .slot_count = 16};
    fault.call = 1;
    fault.offset = 32000;
    fault.size = 8;
    fault.poison = false;
    assert_verdict(judged(&large, "alloc 0 24; alloc 1 24; alloc 2 24", ORACLE_ALL), "poison 32000 0 8");
}
