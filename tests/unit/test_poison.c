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

static void *alloc(void *heap, size_t size) {
    void *const payload = subject_kmem.alloc(heap, size);
    strike();
    return payload;
}

static enum refusal call_free(void *heap, void *pointer) {
    const enum refusal refusal = subject_kmem.free(heap, pointer);
    strike();
    return refusal;
}

static struct verdict judged(const struct program_header *header, const struct operation *operations,
                             size_t count, uint64_t oracles) {
    subject = subject_kmem;
    subject.alloc = alloc;
    subject.free = call_free;
    call_count = 0;
    make_executor(&subject, first_arena, oracles);
    base = first_arena.base + header->page_size;
    return run(header, operations, count);
}

/* The fault is poison's, with these values, among all oracles and alone, and no other oracle sees it. */
static void assert_poison(size_t call, size_t offset, size_t size, bool poison, size_t count,
                          struct verdict expected) {
    /*     0        32        64        96     256
     *     | slot 0 | slot 1  | slot 2  | free |     slot 1 has 3 bytes of slack */
    const struct operation operations[] = {ALLOC(0, 24), ALLOC(1, 21), ALLOC(2, 24), FREE(1), FREE(0)};
    fault.call = SIZE_MAX;
    assert_sound(judged(&small_heap, operations, count, ORACLE_ALL));
    fault.call = call;
    fault.offset = offset;
    fault.size = size;
    fault.poison = poison;
    assert_verdict(judged(&small_heap, operations, count, ORACLE_ALL), expected);
    assert_verdict(judged(&small_heap, operations, count, ORACLE_BIT(ORACLE_POISON)), expected);
    if (!poison) { /* or a harness that is instrumented itself would die of writing the payload */
        assert_sound(judged(&small_heap, operations, count, ORACLE_ALL & ~ORACLE_BIT(ORACLE_POISON)));
    }
}

TEST(a_header_that_is_accessible_is_poison_s) {
    assert_poison(0, 0, 8, false, 1, (struct verdict){ORACLE_POISON, 0, 0, 8});
    assert_poison(2, 32, 8, false, 3, (struct verdict){ORACLE_POISON, 32, 0, 8});
    assert_poison(2, 96, 3, false, 3, (struct verdict){ORACLE_POISON, 96, 0, 3}); /* of the free block */
}

TEST(slack_that_is_accessible_is_poison_s) {
    assert_poison(1, 56, 8, false, 2, (struct verdict){ORACLE_POISON, 56, 5, 8});
    assert_poison(2, 56, 7, false, 3, (struct verdict){ORACLE_POISON, 56, 5, 7});
}

TEST(a_freed_payload_that_is_accessible_is_poison_s) {
    assert_poison(3, 40, 21, false, 4, (struct verdict){ORACLE_POISON, 40, 0, 8});
    assert_poison(3, 248, 1, false, 4, (struct verdict){ORACLE_POISON, 248, 0, 1});
}

TEST(free_memory_that_is_accessible_after_the_last_free_is_poison_s) {
    assert_poison(5, 72, 8, false, 5, (struct verdict){ORACLE_POISON, 72, 0, 8}); /* the recovery's free */
}

TEST(a_live_payload_that_is_not_accessible_is_poison_s) {
    assert_poison(2, 8, 24, true, 3, (struct verdict){ORACLE_POISON, 8, 8, 0});
    assert_poison(2, 24, 8, true, 3, (struct verdict){ORACLE_POISON, 24, 8, 0});
    assert_poison(2, 56, 8, true, 3, (struct verdict){ORACLE_POISON, 56, 5, 0});
}

TEST(slots_above_63_are_watched) {
    static const struct program_header wide = {.page_size = 4096, .page_count = 1, .slot_count = 80};
    static struct operation operations[70];
    for (size_t i = 0; i < LENGTH(operations); i++) {
        operations[i] = ALLOC((unsigned)i, 16);
    }
    fault.call = 69;
    fault.offset = 66 * 24 + 16; /* in the payload of slot 66 */
    fault.size = 8;
    fault.poison = true;
    assert_verdict(judged(&wide, operations, LENGTH(operations), ORACLE_ALL),
                   (struct verdict){ORACLE_POISON, 66 * 24 + 16, 8, 0});
    fault.call = SIZE_MAX;
    assert_sound(judged(&wide, operations, LENGTH(operations), ORACLE_ALL));
}

TEST(a_subject_that_does_not_poison_is_not_asked) {
    fault.call = SIZE_MAX;
    const struct operation operations[] = {ALLOC(0, 24), FREE(0)};
    assert_sound(judged(&small_heap, operations, LENGTH(operations), ORACLE_ALL));
    subject.poisons = false;
    PORT_UNPOISON(first_arena.base, TEST_CAPACITY);
    executor_prepare(&executor);
    assert_sound(executor_start(&executor, &small_heap));
    PORT_UNPOISON(base, 256);
    assert_sound(executor_step(&executor, &operations[0]));
    executor_end(&executor, true);
}

/* A large region is looked at now and then; at the end in any case. */
TEST(poison_of_a_large_region_is_judged_at_the_end) {
    static const struct program_header large = {.page_size = 4096, .page_count = 8, .slot_count = 16};
    const struct operation operations[] = {ALLOC(0, 24), ALLOC(1, 24), ALLOC(2, 24)};
    fault.call = 1;
    fault.offset = 32000;
    fault.size = 8;
    fault.poison = false;
    assert_verdict(judged(&large, operations, LENGTH(operations), ORACLE_ALL),
                   (struct verdict){ORACLE_POISON, 32000, 0, 8});
}
