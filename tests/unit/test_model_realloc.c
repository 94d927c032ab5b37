/* Specification: the reference model against hand-computed expectations. This file: pointers judged, free,
 * realloc, and what is asked about a state. */
#include "tests/unit/model_fixture.h"

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

static const struct model_case cases[] = {
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

TEST_EACH(the_model_frees_and_resizes_as_worked_out, cases) {
    assert_model_case(row);
}

TEST(realloc_that_moves_needs_one_live_block_more_and_no_two) {
    static struct live_block fenced[6];
    fenced[5] = (struct live_block){.offset = 1, .size = 2};
    model_start(&model, fenced, 5, 64, 4, 4, 0);
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
