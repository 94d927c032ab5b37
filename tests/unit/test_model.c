/* Specification: the reference model against hand-computed expectations. Every number here was worked out
 * from kmem.h's words on paper; test_model_words.c compares the model with a second one instead. */
#include "tests/unit/model_fixture.h"

static const struct model_case cases[] = {
    /* Placing. */
    {"a fresh model", 4, 4, "", "region; live; taken; largest; first; tail", "256; 0; 0; 248; 248; 248"},
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
    {"size 0 gives nothing", 1, 8, "", "alloc 0; calloc 0 8; calloc 8 0; live", "null; null; null; 0"},
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
    {"a limit of the pages means no growth", 2, 2, "", "alloc 121; alloc 120", "exhausted; at 8 of 120"},
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
    model_start(&model, &model_policy_undeclared, live, LIVE_CAPACITY, 64, 1, 500, 0x8005);
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

/*     0        32        64         112                256
 *     | live 24 | free    | live 40  | free             |   foreign
 */
#define HOLE "alloc 24; alloc 24; alloc 40; free 40"

static void start_with_a_hole(void) {
    start(4, 4);
    (void)answers_to(HOLE);
}

TEST(every_place_a_pointer_can_name_has_its_own_answer) {
    start_with_a_hole();
    for (size_t offset = 0; offset < 256; offset++) {
        enum refusal expected = REFUSAL_DOUBLE_FREE;
        if (offset % 8 != 0) {
            expected = REFUSAL_MISALIGNED;
        } else if (offset == 8 || offset == 72) {
            expected = REFUSAL_NONE;
        } else if (offset < 32 || (offset >= 64 && offset < 112)) {
            expected = REFUSAL_INTERIOR;
        }
        assert_int_equal(model_judge_pointer(&model, offset), expected);
    }
}

TEST(pointers_outside_the_region_are_foreign_even_misaligned_ones) {
    start_with_a_hole();
    static const size_t outside[] = {256, 257, 264, 1000, SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        assert_int_equal(model_judge_pointer(&model, outside[i]), REFUSAL_FOREIGN);
    }
}

static const struct {
    const char *name; /* the pointer's offset */
    const char *refusal;
} misuses[] = {
    {"0", "interior-pointer"},   {"16", "interior-pointer"},
    {"9", "misaligned-pointer"}, {"40", "double-free"},
    {"32", "double-free"},       {"120", "double-free"},
    {"256", "foreign-pointer"},  {"0xfffffffffffffff8", "foreign-pointer"},
};

TEST_EACH(a_misused_pointer_is_refused_by_free_and_realloc_alike_and_changes_nothing, misuses) {
    static const char *const calls[] = {"free %s", "realloc %s 8", "realloc %s 0"};
    start_with_a_hole();
    for (size_t i = 0; i < LENGTH(calls); i++) {
        char call[64];
        (void)snprintf(call, sizeof call, calls[i], row->name);
        assert_string_equal(answers_to(call), row->refusal);
        assert_string_equal(answers_to("live; taken"), "2; 80");
    }
}

static const struct model_case others[] = {
    {"what is freed is free", 4, 4, HOLE, "free 8; live; taken; free 8; free 72; taken; tail",
     "null freed 8; 1; 48; double-free; null freed 72; 0; 248"},
    {"nothing is NULL, no refusal and no change", 4, 4, HOLE, "nothing; live; taken", "null; 2; 80"},
    /* Realloc. */
    {"realloc shrinks in place and frees what is left over", 4, 4, "alloc 40; alloc 8",
     "realloc 8 24; first; realloc 8 17; realloc 8 1; first; taken",
     "at 8 of 24; 8; at 8 of 24; at 8 of 8; 24; 32"},
    {"realloc keeps a remainder of 8", 4, 4, "alloc 40; alloc 8", "realloc 8 32; first", "at 8 of 40; 184"},
    {"realloc grows into a free right neighbour", 4, 4, HOLE,
     "realloc 8 40; first; realloc 8 49; realloc 72 184; largest",
     "at 8 of 40; 8; at 8 of 56; at 72 of 184; 0"},
    {"realloc moves to the first fit when its span is too small", 4, 4, HOLE,
     "realloc 8 57; block 72; block 120; live; taken; first", "at 120 of 64 freed 8; 48; 72; 2; 120; 56"},
    /* What was left of 0..64, and 64..96. */
    {"realloc moves to the left too", 4, 4, "alloc 56; alloc 24; alloc 24; free 8", "realloc 72 32; first",
     "at 8 of 32 freed 72; 48"},
    {"realloc does not join a free left neighbour", 2, 2, "alloc 40; alloc 40; alloc 24; free 8",
     "realloc 56 48; block 56", "exhausted; 48"},
    {"realloc at the end stays rather than grow and otherwise moves into new pages", 2, 8,
     "alloc 24; alloc 24", "realloc 40 88; realloc 40 89; region",
     "at 40 of 88; at 136 of 96 freed 40 asks 2; 256"},
    {"realloc that fails leaves the block", 1, 500, "alloc 24", "realloc 8 100; block 8; region",
     "exhausted asks 2; 32; 64", .refused_asks = 1},
    {"realloc to size 0 frees", 4, 4, HOLE, "realloc 72 0; live", "null freed 72; 1"},
    /* Questions. The holes are 32..64, 80..304 and the tail. */
    {"payload questions name the largest, the first and the last hole", 8, 8,
     "alloc 24; alloc 24; alloc 8; alloc 216; alloc 8; free 40; free 88",
     "first; largest; tail; alloc 184; first; largest", "24; 216; 184; at 88 of 184; 24; 184"},
    {"a full heap has no payload left", 1, 1, "alloc 56", "first; largest; tail", "0; 0; 0"},
    {"a usable size is the payload's and 0 for what is none", 4, 4, "alloc 24; alloc 1; alloc 40; free 40",
     "usable 8; usable 56; usable 0; usable 9; usable 16; usable 40; usable 104; usable 256; usable "
     "0xfffffffffffffff8",
     "of 24; of 40; null; null; null; null; null; null; null"},
};

TEST_EACH(the_model_frees_and_resizes_as_worked_out, others) {
    assert_model_case(row);
}

TEST(realloc_that_moves_needs_one_live_block_more_and_no_two) {
    static struct live_block fenced[6];
    fenced[5] = (struct live_block){.offset = 1, .size = 2};
    model_start(&model, &model_policy_undeclared, fenced, 5, 64, 4, 4, 0);
    assert_string_equal(answers_to("alloc 24; alloc 24; alloc 24; alloc 24; realloc 8 32; live"),
                        "at 8 of 24; at 40 of 24; at 72 of 24; at 104 of 24; at 136 of 32 freed 8; 4");
    assert_int_equal(fenced[5].offset, 1);
    assert_int_equal(fenced[5].size, 2);
}

TEST(block_sizes_are_told_for_live_payloads_only) {
    start_with_a_hole();
    for (size_t offset = 0; offset < 300; offset++) {
        const size_t expected = offset == 8 ? 32 : offset == 72 ? 48 : 0;
        assert_int_equal(model_block_size(&model, offset), expected);
    }
}

TEST(another_policy_has_its_own_header_grain_and_least_block) {
    static const struct subject_policy policy = {.header_size = 16, .grain = 16, .block_least = 64};
    model_start(&model, &policy, live, LIVE_CAPACITY, 256, 1, 1, 0);
    assert_string_equal(
        answers_to("alloc 1; alloc 49; alloc 65; largest; free 24; free 16; alloc 48"),
        "at 16 of 48; at 80 of 64; at 160 of 96; 0; misaligned-pointer; null freed 16; at 16 of 48");
}

TEST(pages_have_no_header_and_follow_the_metadata) {
    static const struct subject_policy policy = {.header_size = 0, .grain = 4096, .block_least = 4096};
    model_start(&model, &policy, live, LIVE_CAPACITY, 4096, 6, 6, 0);
    model.first = 4096;
    assert_string_equal(
        answers_to("alloc 1; alloc 4097; largest; free 0; free 12288; free 4097"),
        "at 4096 of 4096; at 8192 of 8192; 8192; foreign-pointer; interior-pointer; misaligned-pointer");
    assert_int_equal(model_extend(&model, 4096, 4097).refusal, REFUSAL_EXHAUSTED);
    const struct prediction extended = model_extend(&model, 8192, 16384);
    assert_int_equal(extended.offset, 8192);
    assert_int_equal(extended.usable_size, 16384);
    assert_string_equal(answers_to("alloc 1; free 8192; alloc 16384"),
                        "exhausted; null freed 8192; at 8192 of 16384");
}
