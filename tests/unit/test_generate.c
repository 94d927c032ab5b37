/* Specification: programs out of a seed are whole, canonical and worth running, and depend on the seed alone.
 */
#include "fuzz/generate/generate.h"
#include "tests/unit/program_fixture.h"

#define CAPACITY ((size_t)1024) /* bytes */
#define COUNT    2000           /* programs */

static struct program make(uint64_t seed, uint8_t bytes[CAPACITY]) {
    return program_decode(bytes, generate_program(seed, bytes, CAPACITY));
}

static void assert_canonical(const struct program *program) {
    static uint8_t again[8192];
    assert_int_equal(program->header.version, PROGRAM_VERSION);
    assert_int_equal(program_encoded_size(program), program->size);
    program_encode(program, again);
    assert_memory_equal(again, program->bytes, program->size);
}

TEST(a_seed_makes_the_same_program_everywhere) {
    static uint8_t bytes[CAPACITY];
    uint64_t sum = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (uint64_t i = 0; i < COUNT; i++) {
        const struct program program = make(generate_seed(1, i), bytes);
        for (size_t j = 0; j < program.size; j++) {
            sum = (sum ^ bytes[j]) * UINT64_C(0x100000001b3);
        }
    }
    assert_int_equal(sum, UINT64_C(0xa73572835787587b));
}

TEST(other_seeds_make_other_programs) {
    static uint8_t bytes[CAPACITY];
    static uint8_t others[CAPACITY];
    const struct program program = make(generate_seed(1, 7), bytes);
    const uint64_t seeds[] = {generate_seed(1, 8), generate_seed(2, 7), generate_seed(0, 0)};
    for (size_t i = 0; i < LENGTH(seeds); i++) {
        const struct program other = make(seeds[i], others);
        assert_true(other.size != program.size || memcmp(bytes, others, program.size) != 0);
    }
}

TEST(a_program_is_canonical_and_its_region_has_256_bytes_at_least) {
    static uint8_t bytes[CAPACITY];
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const struct program program = make(seed, bytes);
        assert_canonical(&program);
        assert_true(program.operation_count > 0);
        assert_true(program.header.page_size * program.header.page_count >= 256);
        assert_true(program.header.page_count + program.header.growth_limit <= PROGRAM_PAGE_COUNT_MAXIMUM);
        assert_int_equal(program.header.disabled_kinds & (1u << OPERATION_ALLOC | 1u << OPERATION_FREE), 0);
    }
}

TEST(all_that_is_weighed_is_made) {
    static uint8_t bytes[CAPACITY];
    bool kinds[OPERATION_KIND_COUNT] = {false};
    bool bases[SIZE_BASE_COUNT] = {false};
    bool calls[THROUGH_COUNT] = {false};
    bool zeros[OPERATION_KIND_COUNT] = {false}; /* bytes asked for */
    size_t growing = 0;
    size_t refusing = 0;
    size_t disabling = 0;
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        const struct program program = make(seed, bytes);
        growing += program.header.growth_limit != 0;
        refusing += program.header.refused_asks != 0;
        disabling += program.header.disabled_kinds != 0;
        for (size_t i = 0; i < program.operation_count; i++) {
            const struct operation operation = program_operation(&program, i);
            kinds[operation.kind] = true;
            zeros[operation.kind] |= operation.size.base == SIZE_BASE_LITERAL && operation.size.amount == 0;
            bases[operation.size.base] = true;
            calls[operation.through] = true;
        }
    }
    for (size_t i = 0; i < OPERATION_KIND_COUNT; i++) {
        assert_true(kinds[i]);
        assert_true(zeros[i]);
    }
    for (size_t i = 0; i < SIZE_BASE_COUNT; i++) {
        assert_true(bases[i]);
    }
    for (size_t i = 0; i < THROUGH_COUNT; i++) {
        assert_true(calls[i]);
    }
    assert_in_range(growing, COUNT / 3, COUNT * 2 / 3);
    assert_in_range(refusing, COUNT / 12, COUNT / 3);
    assert_in_range(disabling, COUNT / 8, COUNT / 2);
}

TEST(a_program_fills_no_more_than_its_room) {
    static uint8_t bytes[CAPACITY];
    for (size_t capacity = GENERATE_SIZE_MINIMUM; capacity < 200; capacity++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            memset(bytes, 0xa5, sizeof bytes);
            const size_t size = generate_program(seed, bytes, capacity);
            assert_in_range(size, GENERATE_SIZE_MINIMUM, capacity);
            assert_int_equal(bytes[capacity], 0xa5);
        }
    }
}

TEST(the_weights_are_in_groups_and_none_is_0) {
    size_t count = 0;
    for (const struct generate_weight *weight = generate_weights; weight->group != NULL; weight++) {
        assert_true(weight->weight > 0);
        count++;
    }
    assert_int_equal(count,
                     6 + OPERATION_KIND_COUNT + 3 * 8 + 6); /* edits, sizes of three groups, percents */
}
