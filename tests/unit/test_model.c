/* Specification: the reference model against hand-computed expectations. Every number here was worked out
 * from kmem.h's words on paper; test_model_words.c compares the model with a second one instead. This file:
 * where blocks are placed, and growth. */
#include "tests/unit/model_fixture.h"

static const struct model_case cases[] = {
    /* Placing. */
    {"a fresh model is one hole", 4, 4, "", "region; live; taken; largest; first; tail",
     "256; 0; 0; 248; 248; 248"},
    {"allocations lie one after the other", 4, 4, "", "alloc 24; alloc 1; alloc 9; block 56; taken",
     "at 8 of 24; at 40 of 8; at 56 of 16; 24; 72"},
    {"a request takes a multiple of 8 that is not less", 4, 4, "",
     "alloc 1; alloc 7; alloc 8; alloc 9; alloc 15; alloc 16; alloc 17",
     "at 8 of 8; at 24 of 8; at 40 of 8; at 56 of 16; at 80 of 16; at 104 of 16; at 128 of 24"},
    /* Holes at 0..32, 48..112 and 128..192. 24 bytes are left of the second: too few for a block of 32, and
     * exactly enough for the last. */
    {"first fit takes the lowest hole that is large enough", 8, 8,
     "alloc 24; alloc 8; alloc 56; alloc 8; alloc 56; alloc 8",
     "free 136; free 56; free 8; alloc 25; alloc 24; alloc 17; alloc 9",
     "null freed 136; null freed 56; null freed 8; at 56 of 32; at 8 of 24; at 136 of 24; at 96 of 16"},
    {"a remainder of 16 is split off", 1, 1, "", "alloc 40; tail", "at 8 of 40; 8"},
    {"a remainder of 8 is kept", 1, 1, "", "alloc 48; tail", "at 8 of 56; 0"},
    {"a hole of the very size is taken whole", 1, 1, "", "alloc 56", "at 8 of 56"},
    {"freed neighbours are one hole", 2, 2, "alloc 24; alloc 24; alloc 24; alloc 24; free 8; free 72",
     "alloc 25; free 40; largest; alloc 88", "exhausted; null freed 40; 88; at 8 of 88"},
    {"size 0 gives nothing and is no refusal", 1, 8, "", "alloc 0; calloc 0 8; calloc 8 0; live",
     "null; null; null; 0"},
    /* Alignment. */
    {"a gap of 8 is bumped by 16", 8, 8, "", "aligned 16 8", "at 32 of 8"},
    {"a gap of 24 is none of 8", 8, 8, "", "aligned 32 8", "at 32 of 8"},
    {"a gap of 56 is none of 8", 8, 8, "", "aligned 64 8", "at 64 of 8"},
    {"a gap of 120 is none of 8", 8, 8, "", "aligned 128 8", "at 128 of 8"},
    /* Payloads start at 56 after the block of 0..48: 64 would leave a gap of 8, so 64 + 64; the header of the
     * next is at 88, 40 after the block; and the gap is a hole like any other. */
    {"a gap is a hole like any other", 8, 8, "alloc 40", "aligned 64 8; aligned 32 8; aligned 8 8",
     "at 128 of 8; at 96 of 8; at 56 of 8"},
    {"alignment counts from what lies before the base", 8, 8, "",
     "aligned 128 8; aligned 256 8; aligned 64 8", "at 64 of 8; at 192 of 8; at 128 of 8", .skew = 64},
    {"growth counts from what lies before the base", 2, 8, "", "aligned 64 8; aligned 128 64",
     "at 32 of 8; at 96 of 64 asks 1", .skew = 32},
    {"alignments below 8 mean 8", 8, 8, "", "aligned 1 8; aligned 2 8; aligned 4 8; aligned 8 8",
     "at 8 of 8; at 24 of 8; at 40 of 8; at 56 of 8"},
    {"an aligned payload without a gap stays at the hole's start", 8, 8, "alloc 48",
     "aligned 64 8; taken; block 64", "at 64 of 8; 72; 16"},
    /* 0..64 has 64 only at its end; it has 32..64, after a gap of 24, and the last 8 stay with it. */
    {"a hole too small for the alignment is passed over", 8, 8, "alloc 56; alloc 8; free 8",
     "aligned 64 8; aligned 32 24", "at 128 of 8; at 32 of 32"},
    {"bad alignments are named before the size is looked at", 8, 8, "",
     "aligned 0 8; aligned 24 8; aligned 24 0; aligned 0xffffffffffffffff 8; aligned 16 0",
     "bad-alignment; bad-alignment; bad-alignment; bad-alignment; null"},
    {"an alignment beyond the region is exhausted", 8, 8, "",
     "aligned 512 8; aligned 65536 8; aligned 0x8000000000000000 8; aligned 256 8",
     "exhausted; exhausted; exhausted; at 256 of 8"},
    {"calloc multiplies and refuses a product that overflows", 4, 4, "",
     "calloc 3 5; calloc 1 17; calloc 0x2000000000000001 8; calloc 0x100000000 0x100000000; calloc "
     "0xffffffffffffffff 1; live",
     "at 8 of 16; at 32 of 24; exhausted; exhausted; exhausted; 2"},
    /* Growth. 32 bytes are free after the block of 0..32. */
    {"growth asks for just enough pages after the free tail", 1, 100, "alloc 24", "alloc 25; region; tail",
     "at 40 of 32 asks 1; 128; 48"},
    {"growth may use up the free tail and its pages", 1, 100, "alloc 24", "alloc 88; alloc 57; tail; region",
     "at 40 of 88 asks 1; at 136 of 64 asks 2; 48; 256"},
    {"growth keeps a remainder under 16 in the block", 1, 100, "alloc 56", "alloc 48; alloc 40; tail",
     "at 72 of 56 asks 1; at 136 of 40 asks 1; 8"},
    /* The tail is empty and starts at 64; headers at 120 and 248; 64..120 is free but has no multiple. */
    {"growth counts the alignment gap", 1, 100, "alloc 56", "aligned 128 64; aligned 64 8; alloc 48",
     "at 128 of 64 asks 2; at 256 of 8 asks 2; at 72 of 48"},
    {"the page limit is never passed", 1, 3, "",
     "alloc 185; aligned 128 72; asks; alloc 184; region; alloc 1",
     "exhausted; exhausted; 0; at 8 of 184 asks 2; 192; exhausted"},
    {"a limit equal to the pages means no growth", 2, 2, "", "alloc 121; alloc 120",
     "exhausted; at 8 of 120"},
    /* Refused asks. */
    {"a refused ask changes nothing but the count of asks", 1, 500, "",
     "alloc 100; live; taken; region; alloc 100", "exhausted asks 1; 0; 0; 64; at 8 of 104 asks 1",
     .refused_asks = 1},
    {"refuse-next refuses one ask and only an ask uses it up", 1, 500, "refuse",
     "alloc 8; alloc 0xffffffffffffffff; alloc 100; alloc 100",
     "at 8 of 8; exhausted; exhausted asks 1; at 24 of 104 asks 1"},
    /* Both at once refuse one ask. */
    {"refuse-next does not shift the schedule", 1, 500, "refuse", "alloc 100; alloc 100",
     "exhausted asks 1; at 8 of 104 asks 1", .refused_asks = 1},
};

TEST_EACH(the_model_places_and_grows_as_worked_out, cases) {
    assert_model_case(row);
}

TEST(sizes_at_the_arithmetic_edge_are_exhausted) {
    for (uint64_t k = 0; k < 40; k++) {
        start(4, 512);
        assert_int_equal(model_alloc(&model, 8, UINT64_MAX - k).refusal, REFUSAL_EXHAUSTED);
        assert_int_equal(model_alloc(&model, 8, (UINT64_C(1) << 63) - 20 + k).refusal, REFUSAL_EXHAUSTED);
        assert_int_equal(model_alloc(&model, 4096, UINT64_MAX - k).refusal, REFUSAL_EXHAUSTED);
        assert_int_equal(model.ask_count, 0);
        assert_string_equal(answers_to("alloc 8"), "at 8 of 8");
        assert_int_equal(model_realloc(&model, 8, UINT64_MAX - k).refusal, REFUSAL_EXHAUSTED);
        assert_int_equal(model_block_size(&model, 8), 16);
    }
}

TEST(the_refusal_schedule_repeats_after_16_asks) {
    model_start(&model, live, LIVE_CAPACITY, 64, 1, 500, 0x8005);
    (void)model_alloc(&model, 8, 56);
    for (size_t asks = 0; asks < 40; asks++) {
        const size_t number = asks % 16;
        const bool refused = number == 0 || number == 2 || number == 15;
        const size_t page_count = model.page_count;
        const struct prediction prediction = model_alloc(&model, 8, 56);
        assert_int_equal(model.ask_count, asks + 1);
        assert_int_equal(model.last_ask_granted, !refused);
        assert_int_equal(prediction.asked_pages, 1);
        assert_int_equal(prediction.refusal, refused ? REFUSAL_EXHAUSTED : REFUSAL_NONE);
        assert_int_equal(model.page_count, page_count + !refused);
    }
}

TEST(only_an_ask_uses_refuse_next_up) {
    start(1, 500);
    assert_string_equal(answers_to("refuse; alloc 8; alloc 0xffffffffffffffff"),
                        "refuse; at 8 of 8; exhausted");
    assert_true(model.refuse_next);
    assert_string_equal(answers_to("alloc 100"), "exhausted asks 1");
    assert_false(model.refuse_next);
}
