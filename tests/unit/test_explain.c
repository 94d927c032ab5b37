/* Specification: verdicts and steps in words, and heaps as lines. The texts here are what people read, word
 * for word. */
#include <unistd.h>

#include "tests/unit/report_fixture.h"

struct reading {
    struct verdict verdict;
    struct explanation text;
};

#define NULL_OFFSET UINT64_MAX

static const struct reading readings[] = {
    {{INVARIANT_REGION, 0, 4, 5}, {"the heap itself", "4 (page size or page count)", "5"}},
    {{INVARIANT_WALK_ENDS, 64, 16, 0},
     {"the header at offset 64", "a size of at least 16 bytes", "a size of 0 bytes"}},
    {{INVARIANT_BLOCK_SIZE, 64, 48, 44},
     {"the header at offset 64", "a possible size, such as 48 bytes", "a size of 44 bytes"}},
    {{INVARIANT_BLOCK_TILING, 112, 144, 152},
     {"the header at offset 112", "at most 144 bytes, up to the region's end", "a size of 152 bytes"}},
    {{INVARIANT_FREE_MERGED, 64, 224, 192},
     {"the free block at offset 64, right after another", "one free block of 224 bytes",
      "a second block of 192 bytes"}},
    {{INVARIANT_TAKEN_IS_LIVE, 112, 0, 32},
     {"the taken block at offset 112", "no taken block there (0 bytes)", "a taken block of 32 bytes"}},
    {{INVARIANT_LIVE_IS_TAKEN, 32, 32, 0},
     {"the live allocation's block at offset 32", "a taken block of 32 bytes", "a taken block of 0 bytes"}},
    {{INVARIANT_COUNTERS, 0, 3, 4},
     {"the heap's counters of taken blocks and bytes", "3, by the walk", "4, by the heap"}},
    {{ORACLE_INSIDE, (uint64_t)-8, 256, 32},
     {"the payload at offset -8", "an end within the region's 256 bytes", "an end at 32 bytes"}},
    {{ORACLE_ALIGNMENT, 76, 8, 4}, {"the payload at offset 76", "a multiple of 8 bytes", "4 bytes past one"}},
    {{ORACLE_DISJOINT, 56, 40, 64},
     {"the payload at offset 56", "nothing of the live payload that starts at offset 40",
      "an overlap with it; it ends at offset 64"}},
    {{ORACLE_GUARDS, (uint64_t)-1, 0xa5, 0},
     {"the guard byte at offset -1", "the byte 0xa5", "the byte 0x00"}},
    {{ORACLE_PLACEMENT, 72, 72, NULL_OFFSET}, {"the address returned", "offset 72", "NULL"}},
    {{ORACLE_PLACEMENT, NULL_OFFSET, NULL_OFFSET, 8}, {"the address returned", "NULL", "offset 8"}},
    {{ORACLE_REFUSAL_NAMED, 40, REFUSAL_DOUBLE_FREE, REFUSAL_NONE},
     {"the answer to pointer offset 40", "double-free", "no refusal"}},
    {{ORACLE_REFUSAL_UNTOUCHED, 0, 0xabc, UINT64_MAX},
     {"the heap's headers", "unchanged (hash 0000000000000abc)", "changed (hash ffffffffffffffff)"}},
    {{ORACLE_GROWTH, 256, 1, 2},
     {"the page source, the region ending at offset 256", "to be asked for 1 page", "asked for 2 pages"}},
    {{ORACLE_GROWTH, 256, 1, 1},
     {"the page source, the region ending at offset 256", "to be asked for 1 page",
      "asked for 1 page, but not in one ask"}},
    {{ORACLE_GROWTH, 256, 0, 0},
     {"the page source, the region ending at offset 256", "not to be asked", "asked for 0 pages"}},
    {{ORACLE_USABLE_SIZE, 72, 40, 48}, {"the payload at offset 72", "40 bytes", "48 bytes"}},
    {{ORACLE_POISON, 56, 5, 8},
     {"the 8 bytes at offset 56", "5 bytes accessible, the others poisoned", "8 bytes accessible"}},
    {{ORACLE_DAMAGE_INSIDE, 32, 256, 264},
     {"the damaged header at offset 32",
      "a payload in front of the region's end at offset 256, at a multiple of 8", "a payload at offset 264"}},
    {{ORACLE_DAMAGE_REPORTED, 32, REFUSAL_CORRUPT, REFUSAL_NONE},
     {"the damaged header at offset 32", "corrupt", "no refusal"}},
    {{ORACLE_DAMAGE_UNTOUCHED, 32, 256, 40},
     {"the damaged header at offset 32", "nothing changed up to the region's end at offset 256",
      "a change at offset 40"}},
    {{ORACLE_START_REFUSED, 3, 0, 1}, {"a region without a page", "no heap there", "a heap"}},
    {{ORACLE_CONTENTS_KEPT, 45, 0x7c, 0},
     {"the payload byte at offset 45", "the byte 0x7c, as written", "the byte 0x00"}},
    {{ORACLE_CONTENTS_ZEROED, 72, 0, 0xa5},
     {"the byte at offset 72 of zeroed memory", "the byte 0x00", "the byte 0xa5"}},
    {{ORACLE_CONTENTS_MOVED, 143, 0x15, 0xa5},
     {"the payload byte at offset 143 of resized memory", "the byte 0x15, as written before",
      "the byte 0xa5"}},
    {{ORACLE_RECOVERY, 0, 1, 3}, {"the emptied heap", "1 free block", "3 blocks"}},
    {{ORACLE_IMPOSSIBLE_SIZE, 4, 256, UINT64_MAX},
     {"the payload at offset 4", "NULL, as the region has 256 bytes",
      "a payload for 18446744073709551615 bytes"}},
    {{ORACLE_OWN_CHECK, 0, 1, 0}, {"the heap", "nothing to be wrong", "something wrong, says its own check"}},
    {{ORACLE_LIVENESS, 16384, 1, UINT64_MAX},
     {"the empty heap of 16384 bytes", "a payload for 1 byte", "NULL"}},
    {{ORACLE_LEAK, 0, 2, 1}, {"the second run in the same heap", "2 payloads, as in the first", "1"}},
    {{ORACLE_LEAK, 0, 1, 0}, {"the second run in the same heap", "1 payload, as in the first", "0"}},
    {{ORACLE_RESIZE_FAILED, 45, 0x7c, 0},
     {"the payload byte at offset 45, which could not be resized", "the byte 0x7c, as written",
      "the byte 0x00"}},
    {{ORACLE_ZERO_SIZE, 0, UINT64_MAX, 24}, {"a request for 0 bytes", "NULL", "a payload at offset 24"}},
    {{ORACLE_REFIT, 0, 40, UINT64_MAX},
     {"the next request of the same size", "a payload for the 40 bytes just freed", "NULL"}},
    {{ORACLE_GIVES_BACK, 512, 100, UINT64_MAX},
     {"the next request, after a resize that cut off 512 bytes", "a payload for 100 bytes", "NULL"}},
    {{ORACLE_WALK, 64, 1, 2},
     {"the block at offset 64, as the heap's own walk shows it",
      "blocks in order, a taken one for each live payload", "2 live payloads so far"}},
    {{ORACLE_WALK, 64, 1, 1},
     {"the block at offset 64, as the heap's own walk shows it",
      "blocks in order, a taken one for each live payload", "1 live payload so far"}},
    {{ORACLE_FREE_BYTES, 0, 200, 208}, {"the bytes that the heap says are free", "200 bytes", "208 bytes"}},
    {{ORACLE_REPEATABLE, 0, 0xabc, UINT64_MAX},
     {"the second run from a new start", "the answers of the first (hash 0000000000000abc)",
      "others (hash ffffffffffffffff)"}},
    {{ORACLE_BOUNDED, 0, 69632, 69632}, {"the call", "an end within 69632 steps", "none after 69632"}},
    {{ORACLE_ASSERTION, 0, 0, 0}, {"the call", "every assertion to hold", "one that fails"}},
    {{ORACLE_STRAY_STORE, 140, 136, 4},
     {"the byte at offset 140", "no store in the live payload that starts at offset 136",
      "a store of 4 bytes"}},
    {{ORACLE_STRAY_STORE, 24, ORACLE_OWNER_FREE, 8},
     {"the byte at offset 24", "no store in free memory", "a store of 8 bytes"}},
    {{ORACLE_STRAY_STORE, 1024, ORACLE_OWNER_NONE, 1},
     {"the byte at offset 1024", "no store outside the region and the heap's own data", "a store of 1 byte"}},
};

EXECUTOR_TEST(every_oracle_s_verdict_reads_as_written_here) {
    bool read[ORACLE_COUNT] = {false};
    for (size_t i = 0; i < LENGTH(readings); i++) {
        struct explanation text;
        explain_verdict(readings[i].verdict, NULL, &text);
        assert_string_equal(text.where, readings[i].text.where);
        assert_string_equal(text.expected, readings[i].text.expected);
        assert_string_equal(text.observed, readings[i].text.observed);
        read[readings[i].verdict.oracle] = true;
    }
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        assert_true(read[oracle]);
    }
}

static void assert_whole(const char *text) {
    assert_int_not_equal(strlen(text), 0);
    assert_true(strlen(text) < EXPLAIN_VALUE_SIZE - 1); /* nothing was cut */
    assert_null(strchr(text, '{'));
}

EXECUTOR_TEST(no_line_is_empty_cut_or_a_template_whatever_the_values) {
    static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, INT64_MAX};
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        for (size_t i = 0; i < LENGTH(values); i++) {
            struct explanation text;
            explain_verdict((struct verdict){oracle, values[i], values[i], values[i]}, NULL, &text);
            assert_whole(text.where);
            assert_whole(text.expected);
            assert_whole(text.observed);
        }
    }
}

static void assert_outcome(struct step step, const char *expected) {
    char buffer[EXPLAIN_OUTCOME_SIZE];
    assert_ptr_equal(explain_outcome(&step, buffer), buffer);
    assert_string_equal(buffer, expected);
}

EXECUTOR_TEST(every_outcome_of_a_step_has_its_words) {
    const struct step nothing = {.call = CALL_NONE, .offset = MODEL_NOTHING};
    struct step step = nothing;
    assert_outcome(step, "-> nothing called");
    step.call = CALL_ALLOC;
    step.ended = true;
    assert_outcome(step, "-> did not return");
    step.ended = false;
    assert_outcome(step, "-> NULL");
    step.slot = 3;
    step.offset = 40;
    assert_outcome(step, "-> slot 3, offset 40");
    step.offset = (size_t)0 - 8;
    assert_outcome(step, "-> slot 3, offset -8");
    step.refusal = REFUSAL_EXHAUSTED;
    assert_outcome(step, "-> refused: exhausted");
    step = nothing;
    step.call = CALL_FREE;
    step.pointer_offset = 72;
    assert_outcome(step, "-> freed offset 72");
    step.null_pointer = true;
    assert_outcome(step, "-> done");
    step.call = CALL_COALESCE;
    assert_outcome(step, "-> done");
    step.call = CALL_REALLOC;
    assert_outcome(step, "-> NULL");
    step.call = CALL_DAMAGED;
    step.damage = (struct damage){.header_offset = 32, .mask = 0x18};
    assert_outcome(step, "-> header at offset 32 with 0x18 flipped: done");
    step.offset = 72;
    assert_outcome(step, "-> header at offset 32 with 0x18 flipped: offset 72");
    step.refusal = REFUSAL_CORRUPT;
    assert_outcome(step, "-> header at offset 32 with 0x18 flipped: corrupt");
}

static void assert_line(struct step step, const char *expected) {
    char line[EXPLAIN_STEP_SIZE];
    assert_ptr_equal(explain_step(&step, NULL, line), line);
    assert_string_equal(line, expected);
}

EXECUTOR_TEST(a_step_in_a_line_says_what_its_slot_and_size_became_and_why) {
    struct step step = {.index = 4, .call = CALL_ZALLOC, .slot = 1, .size = 1, .offset = 24};
    step.operation = (struct operation){.kind = OPERATION_ZALLOC, .slot = 1, .size = {.amount = 1}};
    assert_line(step, "    4  zalloc 1 1                   -> slot 1, offset 24");
    step.operation.slot = 0;
    assert_line(step, "    4  zalloc 0 1                   -> slot 1, offset 24  (slot 0 is live)");
    step.operation.size = (struct size_operand){.base = SIZE_BASE_USABLE, .amount = 8};
    step.size = 40;
    assert_line(step, "    4  zalloc 0 usable+8            -> slot 1, offset 24  (slot 0 is live; size 40)");
    step = (struct step){.index = 4, .call = CALL_FREE, .slot = 7, .operation = step.operation};
    step.offset = MODEL_NOTHING;
    step.pointer_offset = 96;
    assert_line(step,
                "    4  zalloc 0 usable+8            -> freed offset 96  (every slot is live: frees slot 7)");
    step.operation = (struct operation){.kind = OPERATION_FREE, .slot = 3};
    assert_line(step, "    4  free 3                       -> freed offset 96  (slot 3 is empty: slot 7)");
    step.null_pointer = true;
    assert_line(step, "    4  free 3                       -> done  (no slot is live: NULL)");
    step.operation.kind = OPERATION_DOUBLE;
    assert_line(step, "    4  double 3                     -> done  (no such pointer: NULL)");
    const struct size_operand usable = {.base = SIZE_BASE_USABLE};
    step = (struct step){.index = 4, .call = CALL_NONE, .size = 24, .offset = MODEL_NOTHING};
    step.operation = (struct operation){.kind = OPERATION_EXTEND, .slot = 3, .size = usable};
    assert_line(step, "    4  extend 3 usable              -> nothing called  (size 24)");
    step = (struct step){.index = 4, .call = CALL_DAMAGED, .slot = 3, .size = 24, .offset = MODEL_NOTHING};
    step.damage = (struct damage){.header_offset = 32, .mask = 0x18};
    step.operation =
        (struct operation){.kind = OPERATION_DAMAGE, .slot = 3, .through = THROUGH_ALLOC, .size = usable};
    assert_line(step, "    4  damage 3 0 alloc usable      -> header at offset 32 with 0x18 flipped: done"
                      "  (size 24)");
}

EXECUTOR_TEST(every_refusal_has_its_name_and_what_is_none_is_unknown) {
    ASSERT_NAMES(explain_refusal, "none exhausted bad-alignment foreign-pointer misaligned-pointer "
                                  "interior-pointer double-free corrupt");
    assert_string_equal(explain_refusal(UINT64_MAX), "unknown");
}

static void assert_picture(const char *expected) {
    struct picture picture;
    picture_draw(&picture, &executor);
    assert_string_equal(picture.text, expected);
    assert_int_equal(picture.length, strlen(expected));
}

EXECUTOR_TEST(a_picture_shows_every_block_and_whose_it_is) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_picture("|.256|");
    assert_sound(perform("alloc 11 24; alloc 1 24; alloc 2 40; free 1"));
    assert_picture("|#32 s11|.32|#48 s2|.144|");
}

EXECUTOR_TEST(a_picture_shows_taken_blocks_that_are_nobody_s) {
    use_fault("call 0: take 24");
    assert_sound(executor_start(&executor, &small_heap));
    assert_int_equal(perform("alloc 0 24").oracle, INVARIANT_TAKEN_IS_LIVE);
    assert_picture("|#32 s0|#32|.192|");
}

EXECUTOR_TEST(a_picture_of_a_corrupt_heap_stops_and_says_so) {
    static const struct {
        const char *fault;
        const char *picture;
    } corrupt[] = {
        {"call 1: write-header 32 = 0", "|#32 s0|.0 s1| corrupt: the last size cannot be true"},
        {"call 1: write-header 32 = taken 20", "|#32 s0|#20 s1| corrupt: the last size cannot be true"},
        {"call 1: write-header 32 = 232", "|#32 s0|.232 s1| corrupt: the last size cannot be true"},
    };
    for (size_t i = 0; i < LENGTH(corrupt); i++) {
        use_fault(corrupt[i].fault);
        assert_sound(executor_start(&executor, &small_heap));
        assert_false(verdict_is_sound(perform("alloc 0 24; alloc 1 24")));
        assert_picture(corrupt[i].picture);
        executor_end(&executor, true);
    }
}

EXECUTOR_TEST(a_long_picture_is_cut_and_says_so) {
    static const struct program_header header = {.page_size = 4096, .page_count = 4, .slot_count = 1024};
    assert_sound(executor_start(&executor, &header));
    for (unsigned slot = 0; slot < 200; slot++) {
        assert_sound(perform(words("alloc %u 24", slot)));
    }
    struct picture picture;
    picture_draw(&picture, &executor);
    assert_int_equal(picture.length, PICTURE_SIZE - 1);
    assert_int_equal(strlen(picture.text), PICTURE_SIZE - 1);
    assert_string_equal(picture.text + PICTURE_SIZE - 1 - 3, "...");
    assert_memory_equal(picture.text, "|#32 s0|#32 s1|", 15);
}

TEST(a_file_below_the_current_folder_is_named_from_there) {
    char here[4096];
    assert_non_null(getcwd(here, sizeof here - 16));
    const size_t length = strlen(here);
    strcpy(here + length, "/kernel/heap.c");
    assert_string_equal(explain_file(here), "kernel/heap.c");
    strcpy(here + length, "s/heap.c");
    assert_string_equal(explain_file(here), here);
    assert_string_equal(explain_file("kernel/heap.c"), "kernel/heap.c");
}
