/* Specification: what operations mean in a heap's present state. docs/programs.md tells users the same; every
 * rule of it has its test here. */
#include "fuzz/execute/resolve.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

/* What the operation means now; nothing is done. */
static struct step meaning(struct operation operation) {
    struct step step;
    resolve(&executor, &operation, &step);
    assert_int_equal(step.operation.kind, operation.kind);
    assert_int_equal(step.index, executor.operation_count);
    assert_int_equal(step.offset, MODEL_NOTHING);
    assert_int_equal(step.refusal, REFUSAL_NONE);
    assert_false(step.recovery);
    return step;
}

static void have(const struct operation *operations, size_t count) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(perform(operations, count));
}

#define HAVE(...) have((const struct operation[]){__VA_ARGS__}, LENGTH(((struct operation[]){__VA_ARGS__})))

static void have_nothing(void) {
    have(NULL, 0);
}

/* The heap most tests start from: payloads at 8 (slot 3, 24 bytes) and 72 (slot 9, 40 bytes).
 *
 *     0        32        64         112                256
 *     | slot 3 | free    | slot 9   | free             |
 */
static void have_two(void) {
    HAVE(ALLOC(3, 24), ALLOC(5, 24), ALLOC(9, 40), FREE(5));
}

static void assert_calls(struct step step, enum call call, size_t slot) {
    assert_int_equal(step.call, call);
    assert_int_equal(step.slot, slot);
}

static void assert_frees_null(struct step step) {
    assert_calls(step, CALL_FREE, STEP_NO_SLOT);
    assert_true(step.null_pointer);
    assert_int_equal(step.pointer_offset, 0);
}

static void assert_misuses(struct step step, size_t pointer_offset) {
    assert_calls(step, CALL_FREE, STEP_NO_SLOT);
    assert_false(step.null_pointer);
    assert_int_equal(step.pointer_offset, pointer_offset);
}

/* Slots. */

EXECUTOR_TEST(an_allocation_goes_into_the_slot_named_when_that_is_empty) {
    have_two();
    const struct step step = meaning(ALLOC(5, 24));
    assert_calls(step, CALL_ALLOC, 5);
    assert_int_equal(step.size, 24);
    assert_int_equal(step.alignment, 8);
    assert_false(step.null_pointer);
}

EXECUTOR_TEST(an_allocation_into_a_full_slot_goes_into_the_next_empty_one_and_round_again) {
    HAVE(ALLOC(3, 8), ALLOC(4, 8), ALLOC(15, 8));
    assert_int_equal(meaning(ALLOC(3, 8)).slot, 5);
    assert_int_equal(meaning(ALLOC(4, 8)).slot, 5);
    assert_int_equal(meaning(ALLOC(15, 8)).slot, 0);
}

EXECUTOR_TEST(each_kind_of_allocation_makes_its_call_with_its_choice) {
    have_nothing();
    assert_calls(meaning(ZALLOC(1, 8)), CALL_ZALLOC, 1);
    struct step step = meaning(CALLOC(1, 2, 8));
    assert_calls(step, CALL_CALLOC, 1);
    assert_int_equal(step.count, 3);
    assert_int_equal(step.size, 8);
    step = meaning(CALLOC(1, 11, 8));
    assert_int_equal(step.count, UINT64_C(0x2000000000000001));
    step = meaning(ALIGNED(1, 64, 8));
    assert_calls(step, CALL_ALLOC_ALIGNED, 1);
    assert_int_equal(step.alignment, 64);
    assert_int_equal(meaning(ALIGNED(1, 0, 8)).alignment, 0);
    assert_int_equal(meaning(ALIGNED(1, 1, 8)).alignment, 1);
}

EXECUTOR_TEST(an_allocation_when_all_slots_are_full_frees_the_slot_named) {
    static const struct program_header header = {.page_size = 4096, .page_count = 1, .slot_count = 16};
    assert_sound(executor_start(&executor, &header));
    for (unsigned slot = 0; slot < 16; slot++) {
        const struct operation operation = ALLOC(slot, 8);
        assert_sound(executor_step(&executor, &operation));
    }
    const struct operation all_kinds[] = {ALLOC(7, 8), ZALLOC(7, 8), CALLOC(7, 1, 8), ALIGNED(7, 64, 8)};
    for (size_t i = 0; i < LENGTH(all_kinds); i++) {
        const struct step step = meaning(all_kinds[i]);
        assert_calls(step, CALL_FREE, 7);
        assert_int_equal(step.pointer_offset, 8 + 7 * 16);
        assert_int_equal(step.size, 0);
    }
}

EXECUTOR_TEST(a_free_or_resize_takes_the_next_live_slot_and_round_again) {
    have_two();
    static const unsigned from_to[][2] = {{3, 3}, {4, 9}, {9, 9}, {10, 3}, {15, 3}, {0, 3}};
    for (size_t i = 0; i < LENGTH(from_to); i++) {
        const size_t offset = from_to[i][1] == 3 ? 8 : 72;
        struct step step = meaning(FREE(from_to[i][0]));
        assert_calls(step, CALL_FREE, from_to[i][1]);
        assert_int_equal(step.pointer_offset, offset);
        assert_false(step.null_pointer);
        step = meaning(REALLOC(from_to[i][0], 77));
        assert_calls(step, CALL_REALLOC, from_to[i][1]);
        assert_int_equal(step.pointer_offset, offset);
        assert_int_equal(step.size, 77);
    }
}

EXECUTOR_TEST(a_free_with_nothing_live_frees_null) {
    have_nothing();
    assert_frees_null(meaning(FREE(3)));
}

EXECUTOR_TEST(a_resize_with_nothing_live_resizes_null_into_the_slot_named) {
    have_nothing();
    const struct step step = meaning(REALLOC(6, 40));
    assert_calls(step, CALL_REALLOC, 6);
    assert_true(step.null_pointer);
    assert_int_equal(step.size, 40);
    const struct operation operation = REALLOC(6, 40);
    assert_sound(executor_step(&executor, &operation));
    assert_true(executor_slot_is_live(&executor, 6));
    assert_int_equal(executor.tables.slots[6].offset, 8);
}

EXECUTOR_TEST(the_kinds_without_operands_make_their_call_or_none) {
    have_two();
    assert_calls(meaning(COALESCE), CALL_COALESCE, STEP_NO_SLOT);
    assert_frees_null(meaning(NULL_FREE));
    assert_calls(meaning(REFUSE), CALL_NONE, STEP_NO_SLOT);
    assert_calls(meaning((struct operation){.kind = OPERATION_KIND_COUNT}), CALL_NONE, STEP_NO_SLOT);
}

EXECUTOR_TEST(a_refusal_is_for_the_next_ask_alone) {
    HAVE(ALLOC(0, 240), REFUSE, ALLOC(1, 8));
    assert_false(executor_slot_is_live(&executor, 1));
    const struct operation again = ALLOC(1, 8);
    assert_sound(executor_step(&executor, &again));
    assert_true(executor_slot_is_live(&executor, 1));
}

/* Sizes. */

static uint64_t size_meant(enum size_base base, int32_t amount, unsigned slot) {
    struct operation operation = ALLOC(slot, 0);
    operation.size = size_of(base, amount);
    const uint64_t size = meaning(operation).size;
    operation.kind = OPERATION_REALLOC;
    assert_int_equal(meaning(operation).size, size);
    return size;
}

EXECUTOR_TEST(sizes_follow_the_heap_s_present_state) {
    have_two();
    assert_int_equal(size_meant(SIZE_BASE_LITERAL, 16777215, 0), 16777215);
    assert_int_equal(size_meant(SIZE_BASE_LARGEST, 0, 0), 136);
    assert_int_equal(size_meant(SIZE_BASE_LARGEST, 1, 0), 137);
    assert_int_equal(size_meant(SIZE_BASE_LARGEST, -8, 0), 128);
    assert_int_equal(size_meant(SIZE_BASE_FIRST, 0, 0), 24);
    assert_int_equal(size_meant(SIZE_BASE_FIRST, -23, 0), 1);
    assert_int_equal(size_meant(SIZE_BASE_TAIL, 5, 0), 141);
    assert_int_equal(size_meant(SIZE_BASE_USABLE, 0, 3), 24);
    assert_int_equal(size_meant(SIZE_BASE_USABLE, 0, 4), 40);
    assert_int_equal(size_meant(SIZE_BASE_USABLE, 7, 10), 31);
}

EXECUTOR_TEST(the_largest_the_first_and_the_tail_are_told_apart) {
    HAVE(ALLOC(0, 8), ALLOC(1, 8), ALLOC(2, 120), ALLOC(3, 24), FREE(0), FREE(2), ALLOC(4, 40));
    assert_int_equal(size_meant(SIZE_BASE_FIRST, 0, 5), 8);
    assert_int_equal(size_meant(SIZE_BASE_LARGEST, 0, 5), 72);
    assert_int_equal(size_meant(SIZE_BASE_TAIL, 0, 5), 56);
}

EXECUTOR_TEST(sizes_of_what_is_not_there_count_from_0) {
    HAVE(ALLOC(0, 248));
    assert_int_equal(size_meant(SIZE_BASE_LARGEST, 0, 0), 0);
    assert_int_equal(size_meant(SIZE_BASE_FIRST, 9, 0), 9);
    assert_int_equal(size_meant(SIZE_BASE_TAIL, -1, 0), 0);
    have_nothing();
    assert_int_equal(size_meant(SIZE_BASE_USABLE, 0, 0), 0);
    assert_int_equal(size_meant(SIZE_BASE_USABLE, 16, 0), 16);
    assert_int_equal(size_meant(SIZE_BASE_USABLE, -16, 0), 0);
}

EXECUTOR_TEST(sizes_stop_at_0_and_at_the_largest) {
    have_two();
    assert_int_equal(size_meant(SIZE_BASE_FIRST, -24, 0), 0);
    assert_int_equal(size_meant(SIZE_BASE_FIRST, -25, 0), 0);
    assert_int_equal(size_meant(SIZE_BASE_FIRST, -128, 0), 0);
    assert_int_equal(size_meant(SIZE_BASE_MAXIMUM, 0, 0), SIZE_MAX);
    assert_int_equal(size_meant(SIZE_BASE_MAXIMUM, -128, 0), SIZE_MAX - 128);
}

EXECUTOR_TEST(sizes_at_the_powers_reach_both_sides_of_them) {
    have_two();
    assert_int_equal(size_meant(SIZE_BASE_HALF, -9, 0), (UINT64_C(1) << 63) - 9);
    assert_int_equal(size_meant(SIZE_BASE_HALF, 127, 0), (UINT64_C(1) << 63) + 127);
    assert_int_equal(size_meant(SIZE_BASE_WORD, 8, 0), (UINT64_C(1) << 32) + 8);
    assert_int_equal(size_meant(SIZE_BASE_WORD, -1, 0), UINT32_MAX);
    assert_int_equal(size_meant(SIZE_BASE_COUNT, 5, 0), 0);
}

/* Misuses. */

EXECUTOR_TEST(a_double_free_frees_what_the_slot_once_held) {
    have_two();
    assert_misuses(meaning(DOUBLE(5)), 40);
    assert_misuses(meaning(DOUBLE(6)), 40);
    assert_misuses(meaning(DOUBLE(0)), 40);
}

EXECUTOR_TEST(a_double_free_passes_over_pointers_that_are_live_again) {
    HAVE(ALLOC(0, 24), ALLOC(1, 24), ALLOC(2, 24), FREE(0), FREE(2), ALLOC(7, 24));
    assert_misuses(meaning(DOUBLE(0)), 72);
    assert_misuses(meaning(DOUBLE(2)), 72);
    assert_misuses(meaning(DOUBLE(3)), 72);
    const struct operation last = FREE(1);
    assert_sound(executor_step(&executor, &last));
    assert_misuses(meaning(DOUBLE(0)), 40);
}

EXECUTOR_TEST(a_double_free_finds_pointers_swallowed_by_a_larger_block) {
    HAVE(ALLOC(0, 24), ALLOC(1, 24), FREE(0), FREE(1), ALLOC(5, 100));
    assert_misuses(meaning(DOUBLE(0)), 40);
    assert_int_equal(model_judge_pointer(&executor.model, 40), REFUSAL_INTERIOR);
}

EXECUTOR_TEST(a_double_free_with_nothing_freed_yet_or_all_live_again_frees_null) {
    HAVE(ALLOC(0, 24));
    assert_frees_null(meaning(DOUBLE(0)));
    HAVE(ALLOC(0, 24), FREE(0), ALLOC(1, 24));
    assert_frees_null(meaning(DOUBLE(0)));
}

EXECUTOR_TEST(a_resized_payload_leaves_its_old_address_behind) {
    HAVE(ALLOC(0, 24), ALLOC(1, 24), REALLOC(0, 100));
    assert_misuses(meaning(DOUBLE(0)), 8);
    HAVE(ALLOC(0, 24), REALLOC(0, 0));
    assert_misuses(meaning(DOUBLE(0)), 8);
    HAVE(ALLOC(0, 24), REALLOC(0, 9999));
    assert_frees_null(meaning(DOUBLE(0)));
}

EXECUTOR_TEST(an_interior_pointer_is_a_word_of_the_block_but_the_payload_s_first) {
    have_two();
    assert_misuses(meaning(INTERIOR(3, 0)), 0); /* the header */
    assert_misuses(meaning(INTERIOR(3, 1)), 16);
    assert_misuses(meaning(INTERIOR(3, 2)), 24);
    assert_misuses(meaning(INTERIOR(3, 3)), 0);
    assert_misuses(meaning(INTERIOR(4, 4)), 104);
    assert_misuses(meaning(INTERIOR(9, 5)), 64);
}

EXECUTOR_TEST(an_interior_pointer_of_the_smallest_block_is_its_header) {
    HAVE(ALLOC(0, 8), ALLOC(1, 8));
    for (uint32_t step = 0; step < 5; step++) {
        assert_misuses(meaning(INTERIOR(1, step)), 16);
    }
}

EXECUTOR_TEST(an_interior_pointer_with_nothing_live_is_null) {
    have_nothing();
    assert_frees_null(meaning(INTERIOR(3, 2)));
}

EXECUTOR_TEST(a_misaligned_pointer_is_1_to_7_bytes_behind_a_payload) {
    have_two();
    for (uint32_t step = 0; step < 7; step++) {
        assert_misuses(meaning(MISALIGNED(4, step)), 73 + step);
    }
    assert_misuses(meaning(MISALIGNED(3, 7)), 9);
    have_nothing();
    assert_misuses(meaning(MISALIGNED(3, 2)), 11);
}

EXECUTOR_TEST(a_foreign_pointer_is_at_either_end_or_beyond_it) {
    have_two();
    assert_misuses(meaning(FOREIGN(0)), 256);
    assert_misuses(meaning(FOREIGN(1)), (size_t)0 - 8);
    assert_misuses(meaning(FOREIGN(2)), 264);
    assert_misuses(meaning(FOREIGN(3)), (size_t)0 - 8);
    assert_misuses(meaning(FOREIGN(4 * 5 + 2)), 256 + 48);
    assert_misuses(meaning(FOREIGN(4 * 5 + 3)), (size_t)0 - 48);
    assert_misuses(meaning(FOREIGN(4 * 4095 + 2)), 256 + 32768);
    assert_misuses(meaning(FOREIGN(4 * 4096 + 2)), 264);
}

EXECUTOR_TEST(a_foreign_pointer_follows_the_region_s_growth) {
    HAVE(ALLOC(0, 300));
    assert_misuses(meaning(FOREIGN(0)), 320);
}

EXECUTOR_TEST(a_misuse_goes_through_realloc_when_it_says_so) {
    have_two();
    const struct operation misuses[] = {DOUBLE(5), INTERIOR(3, 1), MISALIGNED(3, 1), FOREIGN(0)};
    static const size_t offsets[] = {40, 16, 10, 256};
    for (size_t i = 0; i < LENGTH(misuses); i++) {
        assert_misuses(meaning(misuses[i]), offsets[i]);
        const struct step step = meaning(through_realloc(misuses[i]));
        assert_calls(step, CALL_REALLOC, STEP_NO_SLOT);
        assert_int_equal(step.pointer_offset, offsets[i]);
        assert_int_equal(step.size, 64);
    }
}

EXECUTOR_TEST(a_misuse_goes_through_the_usable_size_when_it_says_so) {
    have_two();
    const struct operation misuses[] = {DOUBLE(5), INTERIOR(3, 1), MISALIGNED(3, 1), FOREIGN(0)};
    static const size_t offsets[] = {40, 16, 10, 256};
    for (size_t i = 0; i < LENGTH(misuses); i++) {
        const struct step step = meaning(through_usable(misuses[i]));
        assert_calls(step, CALL_USABLE, STEP_NO_SLOT);
        assert_false(step.null_pointer);
        assert_int_equal(step.pointer_offset, offsets[i]);
    }
}

static void assert_asks_null(struct step step) {
    assert_calls(step, CALL_USABLE, STEP_NO_SLOT);
    assert_true(step.null_pointer);
}

EXECUTOR_TEST(a_usable_size_is_that_of_the_next_live_slot_and_round_again) {
    have_two();
    static const unsigned slots[][2] = {{3, 3}, {4, 9}, {9, 9}, {10, 3}};
    for (size_t i = 0; i < LENGTH(slots); i++) {
        const struct step step = meaning(USABLE(slots[i][0]));
        assert_calls(step, CALL_USABLE, slots[i][1]);
        assert_false(step.null_pointer);
        assert_int_equal(step.pointer_offset, slots[i][1] == 3 ? 8 : 72);
    }
}

EXECUTOR_TEST(a_usable_size_with_nothing_live_is_that_of_null) {
    have_nothing();
    assert_asks_null(meaning(USABLE(3)));
}

EXECUTOR_TEST(null_goes_through_the_usable_size_when_it_says_so) {
    have_two();
    assert_asks_null(meaning(through_usable(NULL_FREE)));
}

/* Damage. The mask of bit 0, of bit 4 and above, of all from 62 down, and of the taken bit with bit 3. */
EXECUTOR_TEST(a_damage_says_which_header_which_bits_and_which_call) {
    have_two();
    static const struct {
        uint32_t step;
        size_t header_offset; /* of slot 9: own, next; the region's first, last */
        uint64_t mask;
    } cases[] = {
        {0, 64, 1},
        {1 | 4 << 2 | 1 << 7, 112, UINT64_MAX << 4},
        {2 | 1 << 2 | 2 << 7, 0, UINT64_MAX >> 1},
        {3 | 3 << 2 | 3 << 7, 112, UINT64_C(1) << 63 | 8},
        {15 << 2, 64, 0x8000},
        {16 << 2, 64, UINT64_C(1) << 48},
        {31 << 2, 64, UINT64_C(1) << 63},
    };
    static const enum call calls[] = {CALL_FREE, CALL_REALLOC, CALL_ALLOC, CALL_COALESCE};
    static const enum through throughs[] = {THROUGH_FREE, THROUGH_REALLOC, THROUGH_ALLOC, THROUGH_COALESCE};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (size_t call = 0; call < LENGTH(calls); call++) {
            const struct step step = meaning(damage(5, cases[i].step, throughs[call], 24));
            assert_calls(step, CALL_DAMAGED, 9);
            assert_int_equal(step.pointer_offset, 72);
            assert_int_equal(step.size, 24);
            assert_int_equal(step.damage.call, calls[call]);
            assert_int_equal(step.damage.header_offset, cases[i].header_offset);
            assert_int_equal(step.damage.mask, cases[i].mask);
        }
    }
}

EXECUTOR_TEST(a_damage_is_of_the_block_s_own_header_where_nothing_follows) {
    HAVE(ALLOC(0, 24), ALLOC(1, 216));
    assert_int_equal(meaning(damage(1, 1, THROUGH_FREE, 0)).damage.header_offset, 32);
    assert_int_equal(meaning(damage(0, 3, THROUGH_FREE, 0)).damage.header_offset, 32);
}

EXECUTOR_TEST(a_call_needs_the_headers_it_cannot_do_without) {
    have_two();
    static const struct {
        enum through call;
        bool needed[4]; /* own, next, first, last: the last is the next of slot 9 */
        int32_t size;
    } cases[] = {
        {THROUGH_FREE, {true, true, false, true}, 0},     {THROUGH_REALLOC, {true, false, false, false}, 8},
        {THROUGH_ALLOC, {true, true, true, true}, 255},   {THROUGH_ALLOC, {false, false, false, false}, 256},
        {THROUGH_ALLOC, {false, false, false, false}, 0}, {THROUGH_COALESCE, {true, true, true, true}, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (uint32_t header = 0; header < 4; header++) {
            assert_int_equal(meaning(damage(9, header, cases[i].call, cases[i].size)).damage.needed,
                             cases[i].needed[header]);
        }
    }
}

EXECUTOR_TEST(nothing_is_damaged_that_nothing_could_judge) {
    have_nothing();
    assert_int_equal(meaning(damage(0, 0, THROUGH_FREE, 0)).call, CALL_NONE);
    HAVE(ALLOC(0, 24));
    executor.exact = false;
    assert_int_equal(meaning(damage(0, 0, THROUGH_FREE, 0)).call, CALL_NONE);
    struct program_header header = small_heap;
    for (header.page_size = 4096; header.page_size <= 8192; header.page_size *= 2) {
        const bool fits = header.page_size == 4096; /* 16 KiB */
        const struct operation one = ALLOC(0, 24);
        assert_sound(executor_start(&executor, &header));
        assert_sound(perform(&one, 1));
        assert_int_equal(meaning(damage(0, 0, THROUGH_FREE, 0)).call, fits ? CALL_DAMAGED : CALL_NONE);
        executor_end(&executor, false);
    }
    struct subject subject = subject_kmem;
    subject.answers_damage = false;
    make_executor(&subject, first_arena, ORACLE_ALL);
    HAVE(ALLOC(0, 24));
    assert_int_equal(meaning(damage(0, 0, THROUGH_FREE, 0)).call, CALL_NONE);
}

/* Each of these is refused by the heap by the name its kind suggests, which the whole executor agrees with.
 */
EXECUTOR_TEST(every_misuse_is_refused_by_its_name) {
    have_two();
    const struct operation misuses[] = {DOUBLE(5), INTERIOR(3, 1), MISALIGNED(3, 1), FOREIGN(0), FOREIGN(1)};
    static const enum refusal names[] = {REFUSAL_DOUBLE_FREE, REFUSAL_INTERIOR, REFUSAL_MISALIGNED,
                                         REFUSAL_FOREIGN, REFUSAL_FOREIGN};
    for (size_t i = 0; i < LENGTH(misuses); i++) {
        assert_int_equal(model_judge_pointer(&executor.model, meaning(misuses[i]).pointer_offset), names[i]);
        assert_sound(executor_step(&executor, &misuses[i]));
        const struct operation resized = through_realloc(misuses[i]);
        assert_sound(executor_step(&executor, &resized));
        assert_int_equal(subject_kmem.last_refusal(executor.heap), names[i]);
    }
}
