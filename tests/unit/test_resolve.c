/* Specification: what operations mean in a heap's present state. docs/programs.md tells users the same; every
 * rule of it has its test here. */
#include "fuzz/execute/resolve.h"
#include "tests/unit/executor_fixture.h"

/* What the operation means now; nothing is done. */
static struct step meaning_of(struct operation operation) {
    struct step step;
    resolve(&executor, &operation, &step);
    assert_int_equal(step.operation.kind, operation.kind);
    assert_int_equal(step.index, executor.operation_count);
    assert_int_equal(step.offset, MODEL_NOTHING);
    assert_int_equal(step.refusal, REFUSAL_NONE);
    assert_false(step.recovery);
    return step;
}

static struct step meaning(const char *text) {
    return meaning_of(operation_of(text));
}

/* The call, the slot, the pointer as an offset, and what is asked for, as far as there is one: "realloc s3 at
 * 8 of 77". */
static const char *describe(struct step step) {
    static const char *const calls[] = {
        [CALL_NONE] = "none",      [CALL_ALLOC] = "alloc",           [CALL_ZALLOC] = "zalloc",
        [CALL_CALLOC] = "calloc",  [CALL_ALLOC_ALIGNED] = "aligned", [CALL_REALLOC] = "realloc",
        [CALL_FREE] = "free",      [CALL_COALESCE] = "coalesce",     [CALL_USABLE] = "usable",
        [CALL_DAMAGED] = "damaged"};
    char slot[32] = "";
    char pointer[32] = "";
    char request[64] = "";
    const bool points = step.call == CALL_REALLOC || step.call == CALL_FREE || step.call == CALL_USABLE;
    if (step.slot != STEP_NO_SLOT) {
        (void)snprintf(slot, sizeof slot, " s%zu", (size_t)step.slot);
    }
    if (step.null_pointer) {
        assert_int_equal(step.pointer_offset, 0);
        (void)snprintf(pointer, sizeof pointer, " null");
    } else if (points) {
        (void)snprintf(pointer, sizeof pointer, " at %lld", (long long)step.pointer_offset);
    }
    if (step.call == CALL_CALLOC) {
        (void)snprintf(request, sizeof request, " of %llu x %llu", (unsigned long long)step.count,
                       (unsigned long long)step.size);
    } else if (step.call == CALL_ALLOC_ALIGNED || step.call == CALL_ALLOC) {
        (void)snprintf(request, sizeof request, " of %llu by %llu", (unsigned long long)step.size,
                       (unsigned long long)step.alignment);
    } else if (step.size != 0) {
        (void)snprintf(request, sizeof request, " of %llu", (unsigned long long)step.size);
    }
    return words("%s%s%s%s", calls[step.call], slot, pointer, request);
}

/* The heap most tests start from: payloads at 8 (slot 3, 24 bytes) and 72 (slot 9, 40 bytes).
 *
 *     0        32        64         112                256
 *     | slot 3 | free    | slot 9   | free             |
 */
#define TWO "alloc 3 24; alloc 5 24; alloc 9 40; free 5"
#define SIXTEEN                                                                                              \
    "alloc 0 8; alloc 1 8; alloc 2 8; alloc 3 8; alloc 4 8; alloc 5 8; alloc 6 8; alloc 7 8; alloc 8 8; "    \
    "alloc 9 8; alloc 10 8; alloc 11 8; alloc 12 8; alloc 13 8; alloc 14 8; alloc 15 8"

static const struct {
    const char *name;
    const char *heap;
    const char *operations; /* each by itself in the heap */
    const char *meanings;
} rules[] = {
    /* Slots. */
    {"an allocation goes into the slot named when that is empty", TWO, "alloc 5 24", "alloc s5 of 24 by 8"},
    {"an allocation into a full slot goes into the next empty one and round again",
     "alloc 3 8; alloc 4 8; alloc 15 8", "alloc 3 8; alloc 4 8; alloc 15 8",
     "alloc s5 of 8 by 8; alloc s5 of 8 by 8; alloc s0 of 8 by 8"},
    {"each kind of allocation makes its call with its choice", "",
     "zalloc 1 8; calloc 1 3 8; calloc 1 0x2000000000000001 8; aligned 1 64 8; aligned 1 0 8; aligned 1 1 8",
     "zalloc s1 of 8; calloc s1 of 3 x 8; calloc s1 of 2305843009213693953 x 8; aligned s1 of 8 by 64; "
     "aligned s1 of 8 by 0; aligned s1 of 8 by 1"},
    {"an allocation when all slots are full frees the slot named", SIXTEEN,
     "alloc 7 8; zalloc 7 8; calloc 7 2 8; aligned 7 64 8",
     "free s7 at 120; free s7 at 120; free s7 at 120; free s7 at 120"},
    {"a free takes the next live slot and round again", TWO,
     "free 3; free 4; free 9; free 10; free 15; free 0",
     "free s3 at 8; free s9 at 72; free s9 at 72; free s3 at 8; free s3 at 8; free s3 at 8"},
    {"a resize takes the next live slot and round again", TWO,
     "realloc 3 77; realloc 4 77; realloc 9 77; realloc 10 77; realloc 15 77; realloc 0 77",
     "realloc s3 at 8 of 77; realloc s9 at 72 of 77; realloc s9 at 72 of 77; realloc s3 at 8 of 77; realloc "
     "s3 at 8 of 77; realloc s3 at 8 of 77"},
    {"a free with nothing live frees NULL", "", "free 3", "free null"},
    {"a resize with nothing live resizes NULL into its slot", "", "realloc 6 40", "realloc s6 null of 40"},
    {"kinds without operands call or do nothing", TWO, "coalesce; null; refuse", "coalesce; free null; none"},
    /* Misuses. */
    {"a double free frees what the slot once held", TWO, "double 5; double 6; double 0",
     "free at 40; free at 40; free at 40"},
    {"a double free passes over pointers that are live again",
     "alloc 0 24; alloc 1 24; alloc 2 24; free 0; free 2; alloc 7 24", "double 0; double 2; double 3",
     "free at 72; free at 72; free at 72"},
    {"a double free frees what was freed since",
     "alloc 0 24; alloc 1 24; alloc 2 24; free 0; free 2; alloc 7 24; free 1", "double 0", "free at 40"},
    {"a double free finds pointers swallowed by a larger block",
     "alloc 0 24; alloc 1 24; free 0; free 1; alloc 5 100", "double 0", "free at 40"},
    {"a double free with nothing freed yet frees NULL", "alloc 0 24", "double 0", "free null"},
    {"a double free, all live again, frees NULL", "alloc 0 24; free 0; alloc 1 24", "double 0", "free null"},
    {"a move leaves its old address", "alloc 0 24; alloc 1 24; realloc 0 100", "double 0", "free at 8"},
    {"a resize to nothing leaves the old address", "alloc 0 24; realloc 0 0", "double 0", "free at 8"},
    {"a refused resize leaves no address behind", "alloc 0 24; realloc 0 9999", "double 0", "free null"},
    /* Step 0 is the header. */
    {"an interior pointer is a word of the block but the payload's first", TWO,
     "interior 3 0; interior 3 1; interior 3 2; interior 3 3; interior 4 4; interior 9 5",
     "free at 0; free at 16; free at 24; free at 0; free at 104; free at 64"},
    {"an interior pointer of the smallest block is its header", "alloc 0 8; alloc 1 8",
     "interior 1 0; interior 1 1; interior 1 2; interior 1 3; interior 1 4",
     "free at 16; free at 16; free at 16; free at 16; free at 16"},
    {"an interior pointer with nothing live is NULL", "", "interior 3 2", "free null"},
    {"a misaligned pointer is 1 to 7 bytes past a payload", TWO,
     "misaligned 4 0; misaligned 4 1; misaligned 4 2; misaligned 4 3; misaligned 4 4; misaligned 4 5; "
     "misaligned 4 6; misaligned 3 7",
     "free at 73; free at 74; free at 75; free at 76; free at 77; free at 78; free at 79; free at 9"},
    {"a misaligned pointer with nothing live is past the first place", "", "misaligned 3 2", "free at 11"},
    {"a foreign pointer is at either end or beyond it", TWO,
     "foreign 0; foreign 1; foreign 2; foreign 3; foreign 22; foreign 23; foreign 16382; foreign 16386",
     "free at 256; free at -8; free at 264; free at -8; free at 304; free at -48; free at 33024; free at "
     "264"},
    {"a foreign pointer follows the region's growth", "alloc 0 300", "foreign 0", "free at 320"},
    {"a misuse goes through realloc when it says so", TWO,
     "double 5 realloc; interior 3 1 realloc; misaligned 3 1 realloc; foreign 0 realloc",
     "realloc at 40 of 64; realloc at 16 of 64; realloc at 10 of 64; realloc at 256 of 64"},
    {"a misuse goes through the usable size when it says so", TWO,
     "double 5 usable; interior 3 1 usable; misaligned 3 1 usable; foreign 0 usable; null usable",
     "usable at 40; usable at 16; usable at 10; usable at 256; usable null"},
    {"a usable size is that of the next live slot and round again", TWO,
     "usable 3; usable 4; usable 9; usable 10",
     "usable s3 at 8; usable s9 at 72; usable s9 at 72; usable s3 at 8"},
    {"a usable size with nothing live is that of NULL", "", "usable 3", "usable null"},
};

TEST_EACH_WITH(an_operation_has_its_meaning, rules, start_executor, NULL) {
    char found[TEXT_CAPACITY] = "";
    const struct operations operations = operations_of(row->operations);
    have(row->heap);
    for (size_t i = 0; i < operations.count; i++) {
        (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i == 0 ? "" : "; ",
                       describe(meaning_of(operations.list[i])));
    }
    assert_string_equal(found, row->meanings);
}

EXECUTOR_TEST(what_is_no_operation_makes_no_call) {
    have(TWO);
    assert_int_equal(meaning_of((struct operation){.kind = OPERATION_KIND_COUNT}).call, CALL_NONE);
}

EXECUTOR_TEST(null_resized_is_live_in_the_slot_named) {
    have("realloc 6 40");
    assert_true(executor_slot_is_live(&executor, 6));
    assert_int_equal(executor.tables.slots[6].offset, 8);
}

EXECUTOR_TEST(a_refusal_is_for_the_next_ask_alone) {
    have("alloc 0 240; refuse; alloc 1 8");
    assert_false(executor_slot_is_live(&executor, 1));
    assert_sound(perform("alloc 1 8"));
    assert_true(executor_slot_is_live(&executor, 1));
}

EXECUTOR_TEST(a_pointer_swallowed_by_a_larger_block_is_interior) {
    have("alloc 0 24; alloc 1 24; free 0; free 1; alloc 5 100");
    assert_int_equal(model_judge_pointer(&executor.model, 40), REFUSAL_INTERIOR);
}

static const struct {
    const char *name;
    const char *heap;
    const char *sizes; /* each after the slot */
    const char *bytes;
} sizes[] = {
    {"sizes follow the heap's present state", TWO,
     "0 16777215; 0 largest; 0 largest+1; 0 largest-8; 0 first; 0 first-23; 0 tail+5; 3 usable; 4 usable; 10 "
     "usable+7",
     "16777215; 136; 137; 128; 24; 1; 141; 24; 40; 31"},
    {"the largest, the first and the tail are told apart",
     "alloc 0 8; alloc 1 8; alloc 2 120; alloc 3 24; free 0; free 2; alloc 4 40",
     "5 first; 5 largest; 5 tail", "8; 72; 56"},
    {"sizes of free blocks that are not there count from 0", "alloc 0 248", "0 largest; 0 first+9; 0 tail-1",
     "0; 9; 0"},
    {"sizes of payloads that are not there do", "", "0 usable; 0 usable+16; 0 usable-16", "0; 16; 0"},
    {"sizes stop at 0 and at the largest", TWO, "0 first-24; 0 first-25; 0 first-128; 0 max; 0 max-128",
     "0; 0; 0; 18446744073709551615; 18446744073709551487"},
    {"sizes at the powers reach both sides of them", TWO, "0 2^63-9; 0 2^63+127; 0 2^32+8; 0 2^32-1",
     "9223372036854775799; 9223372036854775935; 4294967304; 4294967295"},
};

TEST_EACH_WITH(a_size_has_its_meaning, sizes, start_executor, NULL) {
    const char *bytes = row->bytes;
    have(row->heap);
    for (const char *item = row->sizes; item != NULL; item = next_item(item)) {
        const int length = (int)strcspn(item, ";");
        assert_non_null(bytes);
        assert_int_equal(meaning(words("alloc %.*s", length, item)).size, strtoull(bytes, NULL, 10));
        assert_int_equal(meaning(words("realloc %.*s", length, item)).size, strtoull(bytes, NULL, 10));
        bytes = next_item(bytes);
    }
}

EXECUTOR_TEST(a_size_of_no_base_is_0) {
    have(TWO);
    assert_int_equal(
        meaning_of((struct operation){.kind = OPERATION_ALLOC, .size = {SIZE_BASE_COUNT, 5}}).size, 0);
}

/* Damage. The mask of bit 0, of bit 4 and above, of all from 62 down, and of the taken bit with bit 3; then
 * of one bit. The headers of slot 9: own, next; the region's first, last. */
static const struct {
    uint32_t step;
    size_t header_offset;
    uint64_t mask;
} damages[] = {
    {0, 64, 1},
    {1 | 4 << 2 | 1 << 7, 112, UINT64_MAX << 4},
    {2 | 1 << 2 | 2 << 7, 0, UINT64_MAX >> 1},
    {3 | 3 << 2 | 3 << 7, 112, UINT64_C(1) << 63 | 8},
    {15 << 2, 64, 0x8000},
    {16 << 2, 64, UINT64_C(1) << 48},
    {31 << 2, 64, UINT64_C(1) << 63},
};

EXECUTOR_TEST(a_damage_says_which_header_which_bits_and_which_call) {
    static const enum call calls[] = {CALL_FREE, CALL_REALLOC, CALL_ALLOC, CALL_COALESCE};
    static const char *const texts[] = {"", " realloc 24", " alloc 24", " coalesce"};
    have(TWO);
    for (size_t i = 0; i < LENGTH(damages); i++) {
        for (size_t call = 0; call < LENGTH(calls); call++) {
            const struct step step = meaning(words("damage 5 %u%s", damages[i].step, texts[call]));
            assert_int_equal(step.call, CALL_DAMAGED);
            assert_int_equal(step.slot, 9);
            assert_int_equal(step.pointer_offset, 72);
            assert_int_equal(step.size, call == 1 || call == 2 ? 24 : 0);
            assert_int_equal(step.damage.call, calls[call]);
            assert_int_equal(step.damage.header_offset, damages[i].header_offset);
            assert_int_equal(step.damage.mask, damages[i].mask);
        }
    }
}

EXECUTOR_TEST(a_damage_is_of_the_block_s_own_header_where_nothing_follows) {
    have("alloc 0 24; alloc 1 216");
    assert_int_equal(meaning("damage 1 1").damage.header_offset, 32);
    assert_int_equal(meaning("damage 0 3").damage.header_offset, 32);
}

static const struct {
    const char *name; /* the call, as a damage has it */
    bool needed[4];   /* own, next, first, last: the last is the next of slot 9 */
} needs[] = {
    {"", {true, true, false, true}},           {"realloc 8", {true, true, false, true}},
    {"alloc 255", {true, true, true, true}},   {"alloc 256", {false, false, false, false}},
    {"alloc 0", {false, false, false, false}}, {"coalesce", {true, true, true, true}},
};

TEST_EACH_WITH(a_call_needs_the_headers_it_cannot_do_without, needs, start_executor, NULL) {
    have(TWO);
    for (unsigned header = 0; header < 4; header++) {
        assert_int_equal(meaning(words("damage 9 %u %s", header, row->name)).damage.needed,
                         row->needed[header]);
    }
}

static void assert_damages(enum call call) {
    assert_int_equal(meaning("damage 0 0").call, call);
}

EXECUTOR_TEST(nothing_is_damaged_that_nothing_could_judge) {
    have("");
    assert_damages(CALL_NONE);
    have("alloc 0 24");
    executor.exact = false;
    assert_damages(CALL_NONE);
    struct program_header header = small_heap;
    for (header.page_size = 4096; header.page_size <= 8192; header.page_size *= 2) {
        const bool fits = header.page_size == 4096; /* 16 KiB */
        assert_sound(executor_start(&executor, &header));
        assert_sound(perform("alloc 0 24"));
        assert_damages(fits ? CALL_DAMAGED : CALL_NONE);
        executor_end(&executor, false);
    }
    own_view()->answers_damage = false;
    have("alloc 0 24");
    assert_damages(CALL_NONE);
}

/* Else some would be refused by 32-bit machines before a header is read, and not by others. */
EXECUTOR_TEST(a_damaged_heap_is_asked_for_what_every_size_t_can_round_up) {
    have("alloc 0 24");
    assert_int_equal(meaning("damage 0 0 alloc 100").size, 100);
    assert_int_equal(meaning("damage 0 0 alloc 2^32").size, INT32_MAX);
    assert_int_equal(meaning("damage 0 0 realloc max").size, INT32_MAX);
}

/* Each of these is refused by the heap by the name its kind suggests, which the whole executor agrees with.
 */
static const struct {
    const char *name;
    enum refusal refusal;
} misuses[] = {
    {"double 5", REFUSAL_DOUBLE_FREE},      {"interior 3 1", REFUSAL_INTERIOR},
    {"misaligned 3 1", REFUSAL_MISALIGNED}, {"foreign 0", REFUSAL_FOREIGN},
    {"foreign 1", REFUSAL_FOREIGN},
};

TEST_EACH_WITH(every_misuse_is_refused_by_its_name, misuses, start_executor, NULL) {
    have(TWO);
    assert_int_equal(model_judge_pointer(&executor.model, meaning(row->name).pointer_offset), row->refusal);
    assert_sound(perform(row->name));
    assert_sound(perform(words("%s realloc", row->name)));
    assert_int_equal(subject_kmem.view->last_refusal(), row->refusal);
}
