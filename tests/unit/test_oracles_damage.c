/* Specification: the oracles on damaged headers, and on regions in which no heap can start. */
#include "fuzz/execute/bad_start.h"
#include "fuzz/execute/damage.h"
#include "tests/unit/oracle_fixture.h"

/* Steps of a damage: which header. The lowest bit of it flipped makes it impossible; bit 3 leaves it
 * possible. */
#define OWN      UINT32_C(0)
#define NEXT     UINT32_C(1)
#define FIRST    UINT32_C(2)
#define POSSIBLE (UINT32_C(3) << 2)

static const struct verdict nothing = {SOUND, 0, 0, 0};

/* The damage is call number 3. */
static void assert_damage_caught(struct operation operation, struct fault fault, struct verdict verdict) {
    fault.call = 3;
    assert_caught(
        (struct scenario){.fault = fault, OPERATIONS(THREE, operation), .verdict = verdict, .then = nothing});
}

TEST(a_payload_outside_the_region_or_off_the_grid_is_damage_inside_s) {
    static const ptrdiff_t offsets[] = {256, 240, 12, -8, 4096};
    for (size_t i = 0; i < LENGTH(offsets); i++) {
        const struct fault fault = {.action = FAULT_ANSWER, .offset = offsets[i]};
        const struct verdict verdict = {ORACLE_DAMAGE_INSIDE, 32, 256, (size_t)offsets[i]};
        assert_damage_caught(damage(1, OWN | POSSIBLE, THROUGH_ALLOC, 24), fault, verdict);
        assert_damage_caught(damage(1, OWN | POSSIBLE, THROUGH_REALLOC, 24), fault, verdict);
    }
}

TEST(an_impossible_header_that_is_not_reported_is_damage_reported_s) {
    const struct {
        struct operation operation;
        size_t header_offset;
    } cases[] = {
        {damage(1, OWN, THROUGH_FREE, 0), 32},     {damage(1, NEXT, THROUGH_FREE, 0), 64},
        {damage(1, OWN, THROUGH_REALLOC, 8), 32},  {damage(1, OWN, THROUGH_ALLOC, 24), 32},
        {damage(1, OWN, THROUGH_COALESCE, 0), 32}, {damage(1, FIRST, THROUGH_COALESCE, 0), 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (uint64_t refusal = REFUSAL_NONE; refusal < REFUSAL_CORRUPT; refusal++) {
            assert_damage_caught(
                cases[i].operation, (struct fault){.action = FAULT_REFUSE, .value = refusal},
                (struct verdict){ORACLE_DAMAGE_REPORTED, cases[i].header_offset, REFUSAL_CORRUPT, refusal});
        }
    }
}

TEST(a_payload_past_an_impossible_header_is_damage_reported_s) {
    assert_damage_caught(damage(1, OWN, THROUGH_ALLOC, 24),
                         (struct fault){.action = FAULT_ACCEPT, .offset = 40},
                         (struct verdict){ORACLE_DAMAGE_REPORTED, 32, REFUSAL_CORRUPT, REFUSAL_NONE});
    make_executor(&subject_faulty, first_arena, ORACLE_ALL); /* in front of the header it may be had */
    faulty_subject_fault = (struct fault){.action = FAULT_ACCEPT, .call = 3, .offset = 8};
    const struct operation operations[] = {THREE, damage(1, OWN, THROUGH_ALLOC, 24)};
    assert_sound(run(&small_heap, operations, LENGTH(operations)));
}

TEST(a_change_in_a_heap_reported_as_corrupt_is_damage_untouched_s) {
    static const enum through calls[] = {THROUGH_FREE, THROUGH_REALLOC, THROUGH_ALLOC};
    static const size_t offsets[] = {0, 40, 255};
    for (size_t i = 0; i < LENGTH(calls); i++) {
        for (size_t at = 0; at < LENGTH(offsets); at++) {
            assert_damage_caught(
                damage(1, OWN, calls[i], 100),
                (struct fault){.action = FAULT_WRITE_BYTE, .offset = (ptrdiff_t)offsets[at], .value = 0x5b},
                (struct verdict){ORACLE_DAMAGE_UNTOUCHED, 32, 256, offsets[at] & ~(size_t)7});
        }
    }
}

TEST(a_coalesce_may_merge_what_lies_in_front_of_what_it_reports) {
    make_executor(&subject_faulty, first_arena, ORACLE_ALL);
    faulty_subject_fault = (struct fault){.action = FAULT_WRITE_BYTE, .call = 3, .offset = 8, .value = 0};
    const struct operation operations[] = {THREE, damage(1, OWN, THROUGH_COALESCE, 0)};
    assert_sound(run(&small_heap, operations, LENGTH(operations)));
}

TEST(a_byte_written_around_a_damaged_heap_is_guards) {
    assert_damage_caught(damage(1, OWN, THROUGH_FREE, 0),
                         (struct fault){.action = FAULT_WRITE_BYTE, .offset = 256, .value = 0},
                         (struct verdict){ORACLE_GUARDS, 256, ARENA_DIRT, 0});
}

TEST(the_payloads_of_high_slots_are_damaged_too) {
    assert_caught((struct scenario){
        .fault = {.action = FAULT_REFUSE, .call = 3, .value = REFUSAL_EXHAUSTED},
        OPERATIONS(THREE_HIGH, damage(127, OWN, THROUGH_FREE, 0)),
        .verdict = {ORACLE_DAMAGE_REPORTED, 64, REFUSAL_CORRUPT, REFUSAL_EXHAUSTED},
        .then = {SOUND, 0, 0, 0},
        .slot_count = TWO_WORDS_OF_SLOTS,
    });
}

PORT_UNCHECKED static void copy(unsigned char *to, const unsigned char *from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

/* Every damage there is, through every call: the heap, its last error and its poison stay, and all is sound.
 */
TEST(a_damage_leaves_the_heap_as_it_was) {
    static const enum through calls[] = {THROUGH_FREE, THROUGH_REALLOC, THROUGH_ALLOC, THROUGH_COALESCE};
    static const int32_t sizes[] = {0, 8, 24, 100, 255, 300};
    static unsigned char before[256];
    static unsigned char after[256];
    const struct operation start[] = {THREE, FREE(1), DOUBLE(1)};
    make_executor(&subject_kmem, first_arena, ORACLE_ALL);
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(perform(start, LENGTH(start)));
    copy(before, executor.region.base, sizeof before);
    for (uint32_t step = 0; step < 512; step++) {
        for (size_t i = 0; i < LENGTH(calls) * LENGTH(sizes); i++) {
            const struct operation operation =
                damage(step >> 3 & 2, step, calls[i % LENGTH(calls)], sizes[i / LENGTH(calls)]);
            assert_sound(executor_step(&executor, &operation));
            copy(after, executor.region.base, sizeof after);
            assert_memory_equal(before, after, sizeof before);
            assert_int_equal(executor.subject->last_refusal(executor.heap), REFUSAL_DOUBLE_FREE);
            assert_int_equal(executor.refusal, REFUSAL_DOUBLE_FREE);
        }
    }
    const struct operation more[] = {ALLOC(1, 5), USABLE(1), FREE(0)};
    assert_sound(perform(more, LENGTH(more)));
    assert_sound(executor_recover(&executor));
    executor_end(&executor, false);
}

/* Bad starts. */

TEST(a_heap_in_a_region_that_cannot_be_one_is_start_refused_s) {
    for (size_t i = 0; i < BAD_START_COUNT; i++) {
        assert_caught((struct scenario){
            .fault = {.action = FAULT_START_BADLY, .value = i},
            OPERATIONS(THREE),
            .verdict = {ORACLE_START_REFUSED, i, 0, 1},
            .then = {SOUND, 0, 0, 0},
        });
    }
}

TEST(a_subject_that_takes_good_regions_only_is_not_asked) {
    struct subject subject = subject_kmem;
    subject.start_badly = NULL;
    make_executor(&subject, first_arena, ORACLE_ALL);
    assert_sound(run(&small_heap, NULL, 0));
}
