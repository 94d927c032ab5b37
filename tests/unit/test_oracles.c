/* Specification: the oracles on what a call answers, on what payloads hold, and recovery, each against a
 * subject that lies in just its way. In each scenario the first verdict is what names the lie, among all
 * oracles and alone; the second is what comes of it when that oracle is off: the next one to notice, or
 * "sound" where nothing else can. */
#include "tests/unit/oracle_fixture.h"

static const struct scenario answers[] = {
    /* Containment. */
    {"a payload past the region", "call 2: answer 240", THREE, "inside 240 256 280", "placement 72 72 240"},
    {"a payload that ends one byte past the region is not inside", "call 2: answer 224",
     "alloc 0 24; alloc 1 24; alloc 2 33", "inside 224 256 257", "placement 72 72 224"},
    {"a calloc's payload is as long as its product", "call 2: answer 224",
     "alloc 0 24; alloc 1 24; calloc 2 3 13", "inside 224 256 263", "placement 72 72 224"},
    {"a payload that ends with the region is inside", "call 2: answer 216", THREE, "placement 72 72 216",
     "usable-size 216 40 0"},
    {"a payload in front of the region", "call 2: answer -8", THREE, "inside -8 256 32",
     "placement 72 72 -8"},
    {"a payload at the region's end", "call 2: answer 256", THREE, "inside 256 256 296",
     "placement 72 72 256"},
    {"a payload in the pages a heap has grown by is inside", "call 1: answer 312", "alloc 0 240; alloc 1 8",
     "placement 264 264 312", "usable-size 312 8 0"},
    {"a payload off the grid", "call 2: shift-pointer 4", THREE, "alignment 76 8 4", "placement 72 72 76"},
    {"an alignment below 8 asks for 8", "call 2: shift-pointer 4", "alloc 0 24; alloc 1 24; aligned 2 4 40",
     "alignment 76 8 4", "placement 72 72 76"},
    {"a payload off the alignment asked for", "call 3: shift-pointer 40", THREE "; aligned 3 64 8",
     "alignment 232 64 40", "placement 192 192 232"},
    /* Nothing can be at a multiple of what is no alignment: there only the 8-byte grid is asked for. */
    {"an alignment that is no power of two asks for no multiple of it", "call 0: accept 24", "aligned 0 24 8",
     "placement -1 NULL 24", "refusal-named 0 bad-alignment none"},
    {"an alignment that is no power of two asks for 8", "call 0: accept 28", "aligned 0 24 8",
     "alignment 28 8 4", "placement -1 NULL 28"},
    {"a payload over another", "call 2: answer 56", THREE, "disjoint 56 40 64", "placement 72 72 56"},
    {"a payload that reaches into the next", "call 3: answer 32", THREE "; alloc 3 16", "disjoint 32 40 64",
     "placement 120 120 32"},
    {"a payload over one in slot 64", "call 3: answer 8", THREE_HIGH "; alloc 3 16", "disjoint 8 8 32",
     "placement 120 120 8", .slot_count = TWO_WORDS_OF_SLOTS},
    {"a payload over one in slot 100", "call 3: answer 40", THREE_HIGH "; alloc 3 16", "disjoint 40 40 64",
     "placement 120 120 40", .slot_count = TWO_WORDS_OF_SLOTS},
    {"a payload over one in slot 127", "call 3: answer 72", THREE_HIGH "; alloc 3 16", "disjoint 72 72 112",
     "placement 120 120 72", .slot_count = TWO_WORDS_OF_SLOTS},
    {"payloads that touch are disjoint", "call 3: answer 64", THREE "; alloc 3 8", "placement 120 120 64",
     "usable-size 64 8 0"},
    {"a payload resized over its old self is disjoint", "call 3: shift-pointer 8", THREE "; realloc 2 48",
     "placement 72 72 80", "usable-size 80 48 0"},
    /* Placement. */
    {"a shifted payload", "call 2: shift-pointer 8", THREE, "placement 72 72 80", "usable-size 80 40 0"},
    {"NULL in place of a payload", "call 2: answer-null", THREE, "placement 72 72 NULL",
     "refusal-untouched 0 layout(2) layout(3)"},
    {"a payload in place of NULL", "call 3: accept 120", THREE "; alloc 3 1000", "inside 120 256 1120",
     "placement -1 NULL 120"},
    {"an empty payload in place of NULL", "call 3: accept 120", THREE "; alloc 3 0", "placement -1 NULL 120"},
    {"a good call refused is placement's when it should have given something", "call 2: refuse exhausted",
     THREE, "placement 72 72 NULL", "refusal-named 0 none exhausted"},
    {"a calloc that wraps", "call 3: accept 120", THREE "; calloc 3 0x2000000000000001 8",
     "inside 120 256 -1", "placement -1 NULL 120"},
    {"a misuse through realloc that is obeyed", "call 4: accept 120", THREE "; free 1; double 1 realloc",
     "placement -1 NULL 120", "refusal-named 40 double-free none"},
    {"a refusal that free returns otherwise", "call 4: return none", THREE "; free 1; double 1",
     "refusal-named 40 double-free none"},
    {"a refusal that coalesce returns otherwise", "call 3: return corrupt", THREE "; coalesce",
     "refusal-named 0 none corrupt"},
    {"a payload given for a misuse is refusal-named's without placement", "call 4: accept 120",
     THREE "; free 1; double 1 realloc", "refusal-named 40 double-free none", "usable-size 120 64 0",
     .without = ORACLE_BIT(ORACLE_PLACEMENT)},
    {"a payload given for a misuse belongs to no slot", "call 4: accept 120",
     THREE "; free 1; double 1 realloc", "usable-size 120 64 0",
     .without = ORACLE_BIT(ORACLE_PLACEMENT) | ORACLE_BIT(ORACLE_REFUSAL_NAMED)},
    /* Refusals. */
    {"an accepted double free", "call 4: accept 0", THREE "; free 1; double 1",
     "refusal-named 40 double-free none"},
    {"an accepted foreign pointer", "call 3: accept 0", THREE "; foreign 1",
     "refusal-named -8 foreign-pointer none"},
    {"a wrong name for a misuse", "call 3: report misaligned-pointer", THREE "; interior 1 1",
     "refusal-named 48 interior-pointer misaligned-pointer"},
    {"a good free refused", "call 3: refuse interior-pointer", THREE "; free 1",
     "refusal-named 40 none interior-pointer"},
    {"a refusal named beside a good payload", "call 2: report corrupt", THREE, "refusal-named 0 none corrupt",
     "refusal-untouched 0 layout(2) layout(3)"},
    {"NULL without a name", "call 3: report none", THREE "; alloc 3 1000", "refusal-named 0 exhausted none"},
    /* Growth. */
    {"a page too many", "call 3: ask-more 1", THREE "; alloc 3 200", "growth 256 1 2", "region 0 6 5"},
    {"pages beyond the limit are refused", "call 3: ask-more 2", THREE "; alloc 3 200", "growth 256 1 3",
     "placement 120 120 NULL"},
    {"no ask", "call 3: ask-no-one", THREE "; alloc 3 200", "growth 256 1 0", "placement 120 120 NULL"},
    {"an ask that was not needed is refused", "call 3: ask-as-well 1", THREE "; free 0", "growth 256 0 1"},
    {"an earlier grant does not grant an ask that was not needed", "call 4: ask-as-well 1",
     THREE "; alloc 3 200; free 0", "growth 320 0 1"},
    {"a second ask is refused", "call 3: ask-as-well 1", THREE "; alloc 3 200", "growth 256 1 2"},
    {"an ask for nothing", "call 3: ask-as-well 0", THREE "; free 0", "growth 256 0 0"},
    {"a second ask for nothing", "call 3: ask-as-well 0", THREE "; alloc 3 200", "growth 256 1 1"},
    {"growth that goes on after a refused ask", "call 3: accept 120", THREE "; refuse; alloc 3 200",
     "inside 120 256 320", "growth 256 1 0"},
};

TEST_EACH(the_oracle_on_an_answer_names_the_lie, answers) {
    assert_caught(row);
}

#define ZALLOC "alloc 0 24; alloc 1 24; zalloc 2 37"
#define CALLOC "alloc 0 24; alloc 1 24; calloc 2 3 13"
#define SLACK  "alloc 0 21; alloc 1 24"
#define LIVE   ORACLE_BIT(INVARIANT_TAKEN_IS_LIVE)

static const struct scenario contents[] = {
    {"another payload's first byte", "call 2: write-byte 8 = 0", THREE, "contents-kept 8 written(0,0) 0"},
    {"a byte of another payload", "call 2: write-byte 21 = 0", THREE, "contents-kept 21 written(0,13) 0"},
    {"a byte of a second payload", "call 2: write-byte 47 = 0", THREE, "contents-kept 47 written(1,7) 0"},
    {"a second payload's last byte", "call 2: write-byte 63 = 0", THREE, "contents-kept 63 written(1,23) 0"},
    {"a byte in slot 64", "call 3: write-byte 13 = 0", THREE_HIGH "; alloc 3 16",
     "contents-kept 13 written(0,5) 0", .slot_count = TWO_WORDS_OF_SLOTS},
    {"a byte in slot 100", "call 3: write-byte 45 = 0", THREE_HIGH "; alloc 3 16",
     "contents-kept 45 written(1,5) 0", .slot_count = TWO_WORDS_OF_SLOTS},
    {"a byte in slot 127", "call 3: write-byte 77 = 0", THREE_HIGH "; alloc 3 16",
     "contents-kept 77 written(2,5) 0", .slot_count = TWO_WORDS_OF_SLOTS},
    {"the last byte before slack", "call 1: write-byte 28 = 0", SLACK, "contents-kept 28 written(0,20) 0"},
    {"changed by a free", "call 3: write-byte 40 = 0", THREE "; free 0", "contents-kept 40 written(1,0) 0"},
    {"a byte changed by a refused free", "call 3: write-byte 111 = 0", THREE "; interior 0 0",
     "contents-kept 111 written(2,39) 0"},
    {"what a resize adds is kept from then on", "call 4: write-byte 144 = 0", THREE "; realloc 0 100; free 1",
     "contents-kept 144 written(0,24) 0"},
    {"a byte changed by a refused resize", "call 3: write-byte 31 = 0", THREE "; realloc 0 1000",
     "resize-failed 31 written(0,23) 0", "contents-kept 31 written(0,23) 0"},
    /* Zeroed memory: 37 or 39 bytes asked for, 40 usable. */
    {"the first byte of a zalloc", "call 2: write-byte 72 = 128", ZALLOC, "contents-zeroed 72 0 128"},
    {"the last byte asked for", "call 2: write-byte 108 = 128", ZALLOC, "contents-zeroed 108 0 128"},
    {"the first byte of slack", "call 2: write-byte 109 = 128", ZALLOC, "contents-zeroed 109 0 128"},
    {"the last byte of slack", "call 2: write-byte 111 = 128", ZALLOC, "contents-zeroed 111 0 128"},
    {"the first byte of a calloc", "call 2: write-byte 72 = 128", CALLOC, "contents-zeroed 72 0 128"},
    {"the slack of a calloc", "call 2: write-byte 111 = 128", CALLOC, "contents-zeroed 111 0 128"},
    /* Resized memory. */
    {"the last byte lost by a move", "call 3: write-byte 143 = 0", THREE "; realloc 0 100",
     "contents-moved 143 written(0,23) 0", "contents-kept 143 written(0,23) 0"},
    {"a byte changed by shrinking in place", "call 3: write-byte 17 = 0", THREE "; realloc 0 10",
     "contents-moved 17 written(0,9) 0", "contents-kept 17 written(0,9) 0"},
    {"a byte changed by growing in place", "call 3: write-byte 72 = 0", THREE "; realloc 2 100",
     "contents-moved 72 written(2,0) 0", "contents-kept 72 written(2,0) 0"},
    /* Recovery: its faults break agreement first, so agreement is off. Of three blocks the last free is lost,
     * in the second word too: a recovery that frees the first word's slots only would leave that one. Then
     * one block fills the heap; and what was free after slot 2 stays apart. */
    {"a block left at the end", "call 5: accept 0", THREE, "recovery 0 1 3", .without = LIVE},
    {"a block of slot 127 left at the end", "call 5: accept 0", THREE_HIGH, "recovery 0 1 3", .without = LIVE,
     .slot_count = TWO_WORDS_OF_SLOTS},
    {"a block that fills the heap", "call 1: accept 0", "alloc 0 248", "recovery 0 1 1", .without = LIVE},
    {"free blocks left apart", "call 5: write-header 0 = 112", THREE, "recovery 0 1 2",
     .without = ORACLE_BIT(INVARIANT_FREE_MERGED)},
};

TEST_EACH(the_oracle_on_contents_names_the_byte, contents) {
    assert_caught(row);
}

static const struct scenario unowned[] = {
    {.name = "slack", .fault = "call 1: write-byte 29 = 0", .program = SLACK},
    {.name = "cut off by a resize", .fault = "call 3: write-byte 18 = 0", .program = THREE "; realloc 0 10"},
    {.name = "added by a resize", .fault = "call 3: write-byte 144 = 0", .program = THREE "; realloc 0 100"},
};

TEST_EACH(bytes_that_no_one_was_promised_may_change, unowned) {
    assert_sound(run_faulty(row->fault, row->program, ORACLE_ALL, 0));
}

EXECUTOR_TEST(fresh_memory_is_dirty_so_that_forgotten_zeroing_shows) {
    have("alloc 0 240");
    assert_int_equal(arena_byte(executor.region, 8 + 240), ARENA_DIRT);
    executor_end(&executor, false);
    for (size_t offset = 0; offset < 256; offset++) {
        assert_int_equal(arena_byte(executor.region, (ptrdiff_t)offset), ARENA_DIRT);
    }
}
