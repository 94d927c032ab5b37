/* Specification: the raw bytes the executor works with: payload patterns, the arena, sets of slots. */
#include "fuzz/execute/slots.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/verdict_fixture.h"

#define TRIAL_SIZE ((size_t)80)

_Alignas(8) static unsigned char bytes[TRIAL_SIZE];

EXECUTOR_TEST(a_pattern_s_bytes_are_its_words_lowest_first) {
    const uint64_t tag = UINT64_C(0x1122334455667788);
    assert_int_equal(pattern_byte(tag, 0), 0x88);
    assert_int_equal(pattern_byte(tag, 7), 0x11);
    assert_int_equal(pattern_byte(tag, 8), 0x89);
    assert_int_equal(pattern_byte(tag, 15), 0x12);
}

EXECUTOR_TEST(no_two_allocations_share_a_tag) {
    for (uint64_t a = 0; a < 300; a++) {
        for (uint64_t b = 0; b < a; b++) {
            assert_true(pattern_tag(a) != pattern_tag(b));
        }
    }
}

EXECUTOR_TEST(every_fourth_payload_begins_as_a_small_block_would) {
    assert_int_equal(pattern_word(pattern_tag(3), 0), 16);
    assert_int_equal(pattern_word(pattern_tag(7), 0), 32 + 1);
    assert_int_equal(pattern_word(pattern_tag(11), 0), 48);
    for (uint64_t serial = 0; serial < 300; serial++) {
        assert_int_equal(pattern_tag(serial) < 4096, serial % 4 == 3);
    }
}

EXECUTOR_TEST(a_pattern_is_written_from_and_to_any_byte_and_nowhere_else) {
    const uint64_t tag = pattern_tag(7);
    for (size_t from = 0; from <= 34; from++) {
        for (size_t to = from; to <= 34; to++) {
            memset(bytes, 0, sizeof bytes);
            pattern_write(bytes, tag, from, to);
            for (size_t i = 0; i < TRIAL_SIZE; i++) {
                assert_int_equal(bytes[i], i >= from && i < to ? pattern_byte(tag, i) : 0);
            }
        }
    }
}

EXECUTOR_TEST(the_first_difference_is_found_at_every_byte_of_every_size) {
    const uint64_t tag = pattern_tag(3);
    for (size_t size = 0; size <= 34; size++) {
        pattern_write(bytes, tag, 0, TRIAL_SIZE);
        assert_int_equal(pattern_first_difference(bytes, tag, size), size);
        for (size_t at = 0; at < size; at++) {
            pattern_write(bytes, tag, 0, TRIAL_SIZE);
            bytes[at] ^= 0x10;
            bytes[size - 1] ^= 0x01;
            assert_int_equal(pattern_first_difference(bytes, tag, size), at);
        }
        bytes[size] ^= 0xff;
        pattern_write(bytes, tag, 0, size);
        assert_int_equal(pattern_first_difference(bytes, tag, size), size);
    }
}

EXECUTOR_TEST(a_pattern_shifted_by_any_distance_is_another) {
    const uint64_t tag = pattern_tag(3);
    pattern_write(bytes, tag, 0, TRIAL_SIZE);
    for (size_t shift = 8; shift <= 40; shift += 8) {
        assert_true(pattern_first_difference(bytes + shift, tag, 32) < 8);
    }
}

static size_t first_not_dirt(void) {
    for (size_t i = 0; i < TEST_CAPACITY + 2 * ARENA_GUARD_SIZE; i++) {
        if (arena_byte(first_arena, (ptrdiff_t)(i - ARENA_GUARD_SIZE)) != ARENA_DIRT) {
            return i;
        }
    }
    return SIZE_MAX;
}

PORT_UNCHECKED static void set_byte(ptrdiff_t offset, unsigned char value) {
    first_arena.base[offset] = value;
}

EXECUTOR_TEST(a_prepared_arena_is_dirt_guards_included) {
    set_byte(-64, 0);
    set_byte(100, 0);
    set_byte((ptrdiff_t)TEST_CAPACITY + 63, 0);
    arena_prepare(first_arena);
    assert_int_equal(first_not_dirt(), SIZE_MAX);
}

EXECUTOR_TEST(a_reset_reaches_as_far_as_it_is_told) {
    set_byte(0, 1);
    set_byte(71, 2);
    set_byte(72, 3);
    arena_reset(first_arena, 72);
    assert_int_equal(arena_byte(first_arena, 0), ARENA_DIRT);
    assert_int_equal(arena_byte(first_arena, 71), ARENA_DIRT);
    assert_int_equal(arena_byte(first_arena, 72), 3);
}

EXECUTOR_TEST(a_broken_guard_byte_is_found_wherever_it_is) {
    static const ptrdiff_t broken[] = {
        -64, -63, -8, -1, 256, 257, 264, 319, (ptrdiff_t)TEST_CAPACITY, (ptrdiff_t)TEST_CAPACITY + 63};
    ptrdiff_t offset = 0;
    assert_false(arena_guard_broken(first_arena, 256, &offset));
    for (size_t i = 0; i < LENGTH(broken); i++) {
        set_byte(broken[i], 0xa4);
        assert_true(arena_guard_broken(first_arena, 256, &offset));
        assert_int_equal(offset, broken[i]);
        set_byte(broken[i], ARENA_DIRT);
    }
}

EXECUTOR_TEST(what_is_no_guard_may_be_written) {
    ptrdiff_t offset = 0;
    set_byte(0, 1);
    set_byte(255, 1);
    set_byte(320, 1);
    set_byte((ptrdiff_t)TEST_CAPACITY - 1, 1);
    assert_false(arena_guard_broken(first_arena, 256, &offset));
}

EXECUTOR_TEST(the_lowest_broken_guard_byte_is_the_one_named) {
    ptrdiff_t offset = 0;
    set_byte(300, 0);
    set_byte(301, 0);
    assert_true(arena_guard_broken(first_arena, 256, &offset));
    assert_int_equal(offset, 300);
    set_byte(-5, 0);
    assert_true(arena_guard_broken(first_arena, 256, &offset));
    assert_int_equal(offset, -5);
}

EXECUTOR_TEST(the_first_byte_that_is_not_0_is_found) {
    for (ptrdiff_t i = 0; i < 64; i++) {
        set_byte(i, 0);
    }
    assert_int_equal(arena_first_nonzero(first_arena, 8, 40), 40);
    assert_int_equal(arena_first_nonzero(first_arena, 8, 0), 0);
    for (ptrdiff_t i = 8; i < 48; i++) {
        set_byte(i, 1);
        assert_int_equal(arena_first_nonzero(first_arena, 8, 40), i - 8);
        set_byte(i, 0);
    }
    set_byte(7, 1);
    set_byte(48, 1);
    assert_int_equal(arena_first_nonzero(first_arena, 8, 40), 40);
}

#if PORT_ADDRESS_SANITIZER
int __asan_address_is_poisoned(const volatile void *address);

static bool is_poisoned(ptrdiff_t offset) {
    return __asan_address_is_poisoned(first_arena.base + offset) != 0;
}
#else
static bool is_poisoned(ptrdiff_t offset) {
    (void)offset;
    return true;
}
#endif

EXECUTOR_TEST(an_arena_is_poisoned_where_no_run_has_anything) {
    assert_true(is_poisoned(-64));
    assert_true(is_poisoned(0));
    assert_true(is_poisoned((ptrdiff_t)TEST_CAPACITY + 63));
    PORT_UNPOISON(first_arena.base, 128);
    arena_reset(first_arena, 64);
    assert_true(is_poisoned(0));
    assert_true(is_poisoned(63));
}

static const struct {
    const char *name;
    size_t slot_count;
} sets[] = {{"16", 16}, {"64", 64}, {"128", 128}};

TEST_EACH(sets_of_slots_work, sets) {
    const size_t slot_count = row->slot_count;
    uint64_t bits[2] = {0, 0};
    assert_int_equal(slots_word_count(slot_count), slot_count <= 64 ? 1 : 2);
    assert_int_equal(slots_find(bits, slot_count, 0, true), slot_count);
    assert_int_equal(slots_find(bits, slot_count, slot_count, false), slot_count);
    for (size_t slot = 0; slot < slot_count; slot++) {
        slots_add(bits, slot);
        for (size_t from = 0; from <= slot_count; from++) {
            assert_int_equal(slots_find(bits, slot_count, from, true), from <= slot ? slot : slot_count);
            assert_int_equal(slots_find_circular(bits, slot_count, from, true), slot);
            assert_int_equal(slots_has(bits, from % slot_count), from % slot_count == slot);
        }
        assert_int_equal(slots_find(bits, slot_count, slot, false), slot + 1);
        slots_remove(bits, slot);
        assert_false(slots_has(bits, slot));
    }
    for (size_t slot = 0; slot < slot_count; slot++) {
        slots_add(bits, slot);
    }
    assert_int_equal(slots_find_circular(bits, slot_count, 5, false), slot_count);
    slots_remove(bits, 3);
    assert_int_equal(slots_find_circular(bits, slot_count, 5, false), 3);
    assert_int_equal(slots_find(bits, slot_count, 5, false), slot_count);
}

EXECUTOR_TEST(bits_beyond_the_slots_are_not_found) {
    const uint64_t bits[1] = {~UINT64_C(0xffff)};
    assert_int_equal(slots_find(bits, 16, 0, true), 16);
    assert_int_equal(slots_find_circular(bits, 16, 7, true), 16);
}

EXECUTOR_TEST(every_oracle_has_an_id_and_a_sentence_of_its_own) {
    assert_named_apart(oracle_id, oracle_sentence, ORACLE_COUNT, "");
    assert_string_equal(oracle_id(INVARIANT_REGION), "region");
    assert_string_equal(oracle_id(ORACLE_RECOVERY), "recovery");
}

/* The first arena as one whose pages of 256 bytes are there only where a region is. */
static struct arena arena_in_pages(void) {
    struct arena arena = first_arena;
    arena.page_size = 256;
    return arena;
}

EXECUTOR_TEST(an_arena_in_pages_is_made_dirty_by_its_owner) {
    set_byte(0, 1);
    arena_prepare(arena_in_pages());
    arena_reset(arena_in_pages(), 8);
    assert_int_equal(arena_byte(first_arena, 0), 1);
}

EXECUTOR_TEST(in_pages_the_guard_behind_a_region_ends_with_its_last_page) {
    static const struct {
        size_t region_size, guard_size;
    } cases[] = {{256, 0}, {248, 8}, {224, 32}, {200, 56}, {192, 64}, {184, 64}, {264, 64}};
    ptrdiff_t offset = 0;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const size_t end = cases[i].region_size;
        for (size_t distance = 0; distance < 80; distance++) {
            set_byte((ptrdiff_t)(end + distance), 0xa4);
            const bool broken = arena_guard_broken(arena_in_pages(), end, &offset);
            assert_int_equal(broken, distance < cases[i].guard_size);
            assert_true(!broken || offset == (ptrdiff_t)(end + distance));
            set_byte((ptrdiff_t)(end + distance), ARENA_DIRT);
        }
    }
    set_byte(-1, 0xa4);
    assert_true(arena_guard_broken(arena_in_pages(), 256, &offset));
    set_byte(-1, ARENA_DIRT);
    set_byte((ptrdiff_t)TEST_CAPACITY, 0xa4); /* the one after the arena is never there */
    assert_false(arena_guard_broken(arena_in_pages(), 256, &offset));
}
