/* Specification: the oracles on damaged headers, and on regions in which no heap can start. */
#include "fuzz/execute/bad_start.h"
#include "fuzz/execute/damage.h"
#include "tests/unit/oracle_fixture.h"

/* Steps of a damage: 0 to 2 are the block's own header, the next and the region's first, with the lowest bit
 * flipped, which makes them impossible; 12 is the block's own with bit 3 flipped, which leaves it possible.
 * The damage is call number 3. */

static void assert_damage_caught(const char *fault, const char *operation, const char *verdict) {
    char program[128];
    char strike[64];
    (void)snprintf(program, sizeof program, THREE "; %s", operation);
    (void)snprintf(strike, sizeof strike, "call 3: %s", fault);
    assert_caught(&(struct scenario){.fault = strike, .program = program, .verdict = verdict});
}

TEST(a_payload_outside_the_region_or_off_the_grid_is_damage_inside_s) {
    static const int offsets[] = {256, 240, 12, -8, 4096};
    for (size_t i = 0; i < LENGTH(offsets); i++) {
        char fault[32];
        char verdict[64];
        (void)snprintf(fault, sizeof fault, "answer %d", offsets[i]);
        (void)snprintf(verdict, sizeof verdict, "damage-inside 32 256 %d", offsets[i]);
        assert_damage_caught(fault, "damage 1 12 alloc 24", verdict);
        assert_damage_caught(fault, "damage 1 12 realloc 24", verdict);
    }
}

static const struct {
    const char *operation;
    size_t header_offset;
} unreported[] = {
    {"damage 1 0", 32},          {"damage 1 1", 64},          {"damage 1 0 realloc 8", 32},
    {"damage 1 0 alloc 24", 32}, {"damage 1 0 coalesce", 32}, {"damage 1 2 coalesce", 0},
};

TEST_EACH(an_impossible_header_that_is_not_reported_is_damage_reported_s, unreported) {
    for (uint64_t refusal = REFUSAL_NONE; refusal < REFUSAL_CORRUPT; refusal++) {
        char fault[32];
        char verdict[64];
        (void)snprintf(fault, sizeof fault, "refuse %s", explain_refusal(refusal));
        (void)snprintf(verdict, sizeof verdict, "damage-reported %zu corrupt %s", row->header_offset,
                       explain_refusal(refusal));
        assert_damage_caught(fault, row->operation, verdict);
    }
}

TEST(a_free_or_coalesce_that_reports_but_returns_otherwise_is_damage_reported_s) {
    assert_damage_caught("return none", "damage 1 0", "damage-reported 32 corrupt none");
    assert_damage_caught("return exhausted", "damage 1 0 coalesce", "damage-reported 32 corrupt exhausted");
}

TEST(a_payload_past_an_impossible_header_is_damage_reported_s) {
    assert_damage_caught("accept 40", "damage 1 0 alloc 24", "damage-reported 32 corrupt none");
    /* in front of the header it may be had */
    assert_sound(run_faulty("call 3: accept 8", THREE "; damage 1 0 alloc 24", ORACLE_ALL, 0));
}

static const struct {
    const char *operation;
} untouching[] = {{"damage 1 0"}, {"damage 1 0 realloc 100"}, {"damage 1 0 alloc 100"}};

TEST_EACH(a_change_in_a_heap_reported_as_corrupt_is_damage_untouched_s, untouching) {
    assert_damage_caught("write-byte 0 = 0x5b", row->operation, "damage-untouched 32 256 0");
    assert_damage_caught("write-byte 40 = 0x5b", row->operation, "damage-untouched 32 256 40");
    assert_damage_caught("write-byte 255 = 0x5b", row->operation, "damage-untouched 32 256 248");
}

TEST(a_coalesce_may_merge_what_lies_in_front_of_what_it_reports) {
    assert_sound(run_faulty("call 3: write-byte 8 = 0", THREE "; damage 1 0 coalesce", ORACLE_ALL, 0));
}

static const struct scenario others[] = {
    {"a byte written around a damaged heap is guards'", "call 3: write-byte 256 = 0", THREE "; damage 1 0",
     "guards 256 165 0"},
    {"the payloads of high slots are damaged too", "call 3: refuse exhausted", THREE_HIGH "; damage 127 0",
     "damage-reported 64 corrupt exhausted", .slot_count = TWO_WORDS_OF_SLOTS},
};

TEST_EACH(a_damage_has_its_oracle, others) {
    assert_caught(row);
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
    make_executor(&subject_kmem, first_arena, ORACLE_ALL);
    have(THREE "; free 1; double 1");
    copy(before, executor.region.base, sizeof before);
    for (uint32_t damage = 0; damage < 512; damage++) {
        for (size_t i = 0; i < LENGTH(calls) * LENGTH(sizes); i++) {
            assert_sound(step((struct operation){.kind = OPERATION_DAMAGE,
                                                 .slot = damage >> 3 & 2,
                                                 .step = damage,
                                                 .through = calls[i % LENGTH(calls)],
                                                 .size = {SIZE_BASE_LITERAL, sizes[i / LENGTH(calls)]}}));
            copy(after, executor.region.base, sizeof after);
            assert_memory_equal(before, after, sizeof before);
            assert_int_equal(executor.subject->view->last_refusal(), REFUSAL_DOUBLE_FREE);
            assert_int_equal(executor.refusal, REFUSAL_DOUBLE_FREE);
        }
    }
    assert_sound(finish(perform("alloc 1 5; usable 1; free 0")));
}

TEST(a_heap_in_a_region_that_cannot_be_one_is_start_refused_s) {
    for (size_t i = 0; i < BAD_START_COUNT; i++) {
        char fault[32];
        char verdict[64];
        (void)snprintf(fault, sizeof fault, "call 0: start-badly %zu", i);
        (void)snprintf(verdict, sizeof verdict, "start-refused %zu 0 1", i);
        assert_caught(&(struct scenario){.fault = fault, .program = THREE, .verdict = verdict});
    }
}

TEST(a_subject_that_takes_good_regions_only_is_not_asked) {
    own_view()->start_badly = NULL;
    assert_sound(run(&small_heap, ""));
}
