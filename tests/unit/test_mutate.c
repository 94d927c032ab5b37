/* Specification: programs made of others are canonical, fit, and differ from them by operations. */
#include "fuzz/generate/mutate.h"

#include "fuzz/generate/generate.h"
#include "tests/unit/program_fixture.h"

#define CAPACITY ((size_t)1024) /* bytes */
#define COUNT    3000           /* programs */
#define LENGTH_1 ((size_t)40)   /* operations of the program that most tests change */

static void assert_made(const uint8_t *bytes, size_t size) {
    static uint8_t again[CAPACITY];
    const struct program program = program_decode(bytes, size);
    assert_true(program.operation_count > 0);
    assert_int_equal(program.header.version, PROGRAM_VERSION);
    assert_int_equal(program_encoded_size(&program), size);
    program_encode(&program, again);
    assert_memory_equal(again, bytes, size);
}

/* Allocations of 8, 16, 24, ... bytes in the slots 0, 1, 2, ... of 64, in a version of the format. */
static size_t make_distinct(unsigned version, uint8_t *bytes) {
    const struct program_header header = {
        .version = version, .page_size = 64, .page_count = 4, .slot_count = 64};
    program_encode_header(&header, bytes);
    for (size_t i = 0; i < LENGTH_1; i++) {
        const struct operation operation = {
            .kind = OPERATION_ALLOC, .slot = (uint16_t)i, .size = {.amount = 8 * (int32_t)(i + 1)}};
        program_encode_operation(&header, i, &operation, bytes);
    }
    return program_size(version, LENGTH_1);
}

/* The index of the operation in that program; LENGTH_1 when it is none of them. */
static size_t index_of(struct operation operation) {
    const size_t index = (size_t)operation.size.amount / 8 - 1;
    const bool is_one = operation.kind == OPERATION_ALLOC && operation.size.base == SIZE_BASE_LITERAL &&
                        index < LENGTH_1 && operation.slot == index && operation.size.amount % 8 == 0;
    return is_one ? index : LENGTH_1;
}

RANDOM_TEST(whatever_is_changed_becomes_canonical_in_the_latest_format_and_fits) {
    static uint8_t bytes[CAPACITY + 1];
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const size_t size = random_bytes(bytes);
        const size_t least = size < GENERATE_SIZE_MINIMUM ? GENERATE_SIZE_MINIMUM : size;
        const size_t capacity = least + (size_t)random_next() % (CAPACITY - least + 1);
        bytes[capacity] = 0xa5;
        const size_t made_size = mutate_program(seed, bytes, size, capacity);
        assert_in_range(made_size, GENERATE_SIZE_MINIMUM, capacity);
        assert_int_equal(bytes[capacity], 0xa5);
        assert_made(bytes, made_size);
    }
}

RANDOM_TEST(whatever_is_crossed_becomes_canonical_in_the_latest_format_and_fits) {
    static uint8_t first[CAPACITY];
    static uint8_t second[CAPACITY];
    static uint8_t bytes[CAPACITY + 1];
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const size_t first_size = random_bytes(first);
        const size_t second_size = random_bytes(second);
        const size_t capacity =
            GENERATE_SIZE_MINIMUM + (size_t)random_next() % (CAPACITY - GENERATE_SIZE_MINIMUM + 1);
        bytes[capacity] = 0xa5;
        const size_t size = mutate_cross(seed, first, first_size, second, second_size, bytes, capacity);
        assert_int_equal(bytes[capacity], 0xa5);
        const bool has_none = program_decode(first, first_size).operation_count == 0 &&
                              program_decode(second, second_size).operation_count == 0;
        assert_int_equal(size == 0, has_none);
        if (size != 0) {
            assert_in_range(size, GENERATE_SIZE_MINIMUM, capacity);
            assert_made(bytes, size);
        }
    }
}

TEST(the_same_seed_makes_the_same_of_a_program) {
    static uint8_t bytes[2][CAPACITY];
    size_t sizes[2];
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        for (size_t i = 0; i < 2; i++) {
            const size_t size = make_distinct(PROGRAM_VERSION, bytes[i]);
            sizes[i] = mutate_program(seed, bytes[i], size, CAPACITY);
        }
        assert_int_equal(sizes[0], sizes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    }
}

TEST(a_program_without_operations_is_replaced_by_a_fresh_one) {
    static uint8_t bytes[CAPACITY];
    static uint8_t fresh[CAPACITY];
    const size_t fresh_size = generate_program(5, fresh, CAPACITY);
    for (size_t size = 0; size <= PROGRAM_HEADER_SIZE_MAXIMUM; size += PROGRAM_HEADER_SIZE_MAXIMUM / 2) {
        memset(bytes, 2, size);
        assert_int_equal(mutate_program(5, bytes, size, CAPACITY), fresh_size);
        assert_memory_equal(bytes, fresh, fresh_size);
    }
}

/* Four edits can take 32 of the 40 operations. */
TEST(a_program_of_format_1_is_changed_and_not_lost) {
    static uint8_t bytes[CAPACITY];
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const size_t size = mutate_program(seed, bytes, make_distinct(1, bytes), CAPACITY);
        const struct program program = program_decode(bytes, size);
        size_t kept = 0;
        for (size_t i = 0; i < program.operation_count; i++) {
            kept += index_of(program_operation(&program, i)) < LENGTH_1;
        }
        assert_true(kept >= LENGTH_1 - 32);
    }
}

TEST(every_way_to_change_a_program_is_taken) {
    static uint8_t bytes[CAPACITY];
    size_t longer = 0;
    size_t shorter = 0;
    size_t moved = 0;    /* two changed places, and nothing else happened */
    size_t changed = 0;  /* one became another */
    size_t resized = 0;  /* one has another size */
    size_t ended = 0;    /* one is freed later on */
    size_t repeated = 0; /* a run is there again, further on among the slots */
    size_t reheaped = 0; /* only the header is another */
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const size_t size = mutate_program(seed, bytes, make_distinct(PROGRAM_VERSION, bytes), CAPACITY);
        const struct program program = program_decode(bytes, size);
        size_t in_place = 0;
        size_t strange = 0;
        for (size_t i = 0; i < program.operation_count; i++) {
            const struct operation operation = program_operation(&program, i);
            const struct operation next = program_operation(&program, i + (i + 1 < program.operation_count));
            in_place += index_of(operation) == i;
            strange += index_of(operation) == LENGTH_1;
            resized += operation.kind == OPERATION_ALLOC && operation.slot == i && index_of(operation) != i;
            ended += operation.kind == OPERATION_FREE && operation.slot < i;
            repeated += operation.kind == OPERATION_ALLOC && next.kind == OPERATION_ALLOC &&
                        operation.slot == operation.size.amount / 8 && next.slot == operation.slot + 1 &&
                        next.size.amount == operation.size.amount + 8;
        }
        const bool as_long = program.operation_count == LENGTH_1;
        longer += program.operation_count > LENGTH_1;
        shorter += program.operation_count < LENGTH_1;
        moved += as_long && strange == 0 && in_place == LENGTH_1 - 2;
        changed += as_long && strange == 1 && in_place == LENGTH_1 - 1;
        reheaped += as_long && in_place == LENGTH_1 && program.header.page_size != 64;
    }
    const size_t taken[] = {longer, shorter, moved, changed, resized, ended, repeated, reheaped};
    for (size_t i = 0; i < LENGTH(taken); i++) {
        assert_true(taken[i] >= COUNT / 100);
    }
}

TEST(a_crossed_program_is_the_beginning_of_one_and_the_end_of_another) {
    static uint8_t first[CAPACITY];
    static uint8_t second[CAPACITY];
    static uint8_t bytes[CAPACITY];
    bool starts[LENGTH_1 + 1] = {false};
    bool ends[LENGTH_1 + 1] = {false};
    const size_t first_size = make_distinct(1, first);
    const struct program one = program_decode(first, first_size);
    const size_t second_size = make_distinct(PROGRAM_VERSION, second);
    second[2]++; /* another heap */
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const size_t size = mutate_cross(seed, first, first_size, second, second_size, bytes, CAPACITY);
        const struct program program = program_decode(bytes, size);
        assert_int_equal(program.header.page_size, one.header.page_size);
        size_t kept = 0;
        while (kept < program.operation_count && index_of(program_operation(&program, kept)) == kept) {
            kept++;
        }
        for (size_t i = kept; i < program.operation_count; i++) {
            assert_int_equal(index_of(program_operation(&program, i)),
                             LENGTH_1 - (program.operation_count - i));
        }
        starts[kept] = true;
        ends[program.operation_count - kept] = true;
    }
    for (size_t i = 0; i < LENGTH_1; i++) {
        assert_true(starts[i + 1] && ends[i]);
    }
}
