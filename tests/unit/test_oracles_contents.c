/* Specification: the oracles on what payloads hold, and recovery; test_oracles.c says how a scenario reads.
 */
#include "tests/unit/oracle_fixture.h"

#define ZALLOC "alloc 0 24; alloc 1 24; zalloc 2 37"
#define CALLOC "alloc 0 24; alloc 1 24; calloc 2 3 13"
#define SLACK  "alloc 0 21; alloc 1 24"
#define LIVE   ORACLE_BIT(INVARIANT_TAKEN_IS_LIVE)

static const struct scenario contents[] = {
    {"the first byte of another payload", "call 2: write-byte 8 = 0", THREE,
     "contents-kept 8 written(0,0) 0"},
    {"a byte of another payload", "call 2: write-byte 21 = 0", THREE, "contents-kept 21 written(0,13) 0"},
    {"a byte of a second payload", "call 2: write-byte 47 = 0", THREE, "contents-kept 47 written(1,7) 0"},
    {"the last byte of a second payload", "call 2: write-byte 63 = 0", THREE,
     "contents-kept 63 written(1,23) 0"},
    {"a byte in slot 64", "call 3: write-byte 13 = 0", THREE_HIGH "; alloc 3 16",
     "contents-kept 13 written(0,5) 0", .slot_count = TWO_WORDS_OF_SLOTS},
    {"a byte in slot 100", "call 3: write-byte 45 = 0", THREE_HIGH "; alloc 3 16",
     "contents-kept 45 written(1,5) 0", .slot_count = TWO_WORDS_OF_SLOTS},
    {"a byte in slot 127", "call 3: write-byte 77 = 0", THREE_HIGH "; alloc 3 16",
     "contents-kept 77 written(2,5) 0", .slot_count = TWO_WORDS_OF_SLOTS},
    {"the last byte in front of slack", "call 1: write-byte 28 = 0", SLACK,
     "contents-kept 28 written(0,20) 0"},
    {"a byte changed by a free", "call 3: write-byte 40 = 0", THREE "; free 0",
     "contents-kept 40 written(1,0) 0"},
    {"a byte changed by a refused free", "call 3: write-byte 111 = 0", THREE "; interior 0 0",
     "contents-kept 111 written(2,39) 0"},
    {"what a resize adds is kept from then on", "call 4: write-byte 144 = 0", THREE "; realloc 0 100; free 1",
     "contents-kept 144 written(0,24) 0"},
    {"a byte changed by a refused resize", "call 3: write-byte 31 = 0", THREE "; realloc 0 1000",
     "contents-kept 31 written(0,23) 0"},
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
    {"a block that fills the emptied heap", "call 1: accept 0", "alloc 0 248", "recovery 0 1 1",
     .without = LIVE},
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
