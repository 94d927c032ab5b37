/* Specification: how engines are given inputs, in each of the ways that KMEMFUZZ_MUTATION names. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "fuzz/libfuzzer/mutator.h"

#include "fuzz/generate/generate.h"
#include "fuzz/host/exit_code.h"
#include "tests/unit/file_fixture.h"
#include "tests/unit/program_fixture.h"

#define CAPACITY ((size_t)512) /* bytes */
#define COUNT    4000          /* inputs */
#define MARK     0xa5

static bool engine_mutates; /* or it has no bytes of its own to offer */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    if (engine_mutates) {
        memset(data, MARK, size < max_size ? size : max_size);
    }
    return engine_mutates ? size : 0;
}

static void begin(const char *how) {
    assert_int_equal(how == NULL ? unsetenv("KMEMFUZZ_MUTATION") : setenv("KMEMFUZZ_MUTATION", how, 1), 0);
    mutator_begin(0, NULL, NULL);
    engine_mutates = true;
}

static const char text[] =
    "kmem-program 2\nheap page=64 pages=4 slots=16\nalloc 3 7000001\nfree 3\nalloc 4 7000003\n";

static bool read_text(const uint8_t *data, size_t size, uint8_t **bytes, size_t *bytes_size) {
    struct text_error error;
    return text_is_text(data, size) && text_parse(data, size, bytes, bytes_size, &error);
}

/* Writes the program of that text. Returns its size. */
static size_t write_program(uint8_t *data) {
    uint8_t *bytes;
    size_t size;
    assert_true(read_text((const uint8_t *)text, sizeof text - 1, &bytes, &size));
    memcpy(data, bytes, size);
    free(bytes);
    return size;
}

/* What an input was made of that program. */
enum origin {
    BYTES,
    CHANGED,
    FRESH
};

static enum origin origin_of(const uint8_t *data, size_t size) {
    static uint8_t canonical[CAPACITY + 64];
    const struct program program = program_decode(data, size);
    if (size != 0 && data[0] == MARK) {
        return BYTES;
    }
    assert_int_equal(program_encoded_size(&program), size);
    program_encode(&program, canonical);
    assert_memory_equal(canonical, data, size);
    for (size_t i = 0; i < program.operation_count; i++) {
        const struct operation operation = program_operation(&program, i);
        if ((operation.slot == 3 && operation.size.amount == 7000001) ||
            (operation.slot == 4 && operation.size.amount == 7000003)) {
            return CHANGED;
        }
    }
    return FRESH; /* or with nothing left of it */
}

/* Counts, in per cent, what is made of that program. */
static void count(unsigned shares[3]) {
    static uint8_t data[CAPACITY];
    size_t counts[3] = {0};
    for (unsigned seed = 0; seed < COUNT; seed++) {
        const size_t size = LLVMFuzzerCustomMutator(data, write_program(data), CAPACITY, seed);
        counts[origin_of(data, size)]++;
    }
    for (size_t i = 0; i < 3; i++) {
        shares[i] = (unsigned)(counts[i] * 100 / COUNT);
    }
}

TEST(without_a_word_half_is_fresh_half_is_changed_and_a_sixteenth_is_bytes) {
    unsigned shares[3];
    const char *const ways[] = {NULL, "both"};
    for (size_t i = 0; i < LENGTH(ways); i++) {
        begin(ways[i]);
        count(shares);
        assert_in_range(shares[FRESH], 48, 58); /* those count here in which a change has left nothing */
        assert_in_range(shares[BYTES], 5, 8);
    }
}

TEST(each_word_stands_for_one_way) {
    unsigned shares[3];
    begin("bytes");
    count(shares);
    assert_int_equal(shares[BYTES], 100);
    begin("generator");
    count(shares);
    assert_true(shares[FRESH] > 95);
    begin("mutator");
    count(shares);
    assert_int_equal(shares[BYTES], 0);
    assert_true(shares[CHANGED] > 80);
}

TEST(fresh_programs_depend_on_the_seed_and_not_on_what_the_engine_has) {
    static uint8_t data[2][CAPACITY];
    begin("generator");
    for (unsigned seed = 0; seed < 100; seed++) {
        const size_t size = LLVMFuzzerCustomMutator(data[0], write_program(data[0]), CAPACITY, seed);
        assert_int_equal(LLVMFuzzerCustomMutator(data[1], 0, CAPACITY, seed), size);
        assert_memory_equal(data[0], data[1], size);
    }
}

TEST(without_room_for_an_operation_bytes_are_changed_and_none_behind_them) {
    const char *const ways[] = {"bytes", "generator", "mutator", "both"};
    uint8_t data[GENERATE_SIZE_MINIMUM + 1];
    for (size_t way = 0; way < LENGTH(ways); way++) {
        begin(ways[way]);
        engine_mutates = false; /* so that ours are */
        for (size_t max_size = 0; max_size <= GENERATE_SIZE_MINIMUM; max_size++) {
            bool differs = false;
            for (unsigned seed = 0; seed < 64; seed++) {
                memset(data, MARK, sizeof data);
                const size_t size = LLVMFuzzerCustomMutator(data, max_size / 2, max_size, seed);
                assert_in_range(size, max_size == 0 ? 0 : 1, max_size);
                assert_int_equal(data[max_size], MARK);
                for (size_t i = 0; i < size; i++) {
                    differs |= data[i] != MARK;
                }
            }
            assert_int_equal(differs, max_size != 0);
        }
    }
}

TEST(an_engine_that_is_told_to_minimise_gets_no_fresh_programs) {
    char *arguments[] = {(char[]){"fuzzer"}, (char[]){"-minimize_crash=1"}, (char[]){"crash"}};
    unsigned shares[3];
    begin(NULL);
    mutator_begin(LENGTH(arguments), arguments, NULL);
    count(shares);
    assert_int_equal(shares[BYTES], 0);
    assert_true(shares[CHANGED] > 80);
}

TEST(a_program_in_text_is_changed_and_not_lost) {
    static uint8_t data[CAPACITY];
    size_t changed = 0;
    begin("mutator");
    mutator_begin(0, NULL, read_text);
    for (unsigned seed = 0; seed < COUNT; seed++) {
        memcpy(data, text, sizeof text - 1);
        const size_t size = LLVMFuzzerCustomMutator(data, sizeof text - 1, CAPACITY, seed);
        changed += origin_of(data, size) == CHANGED;
    }
    assert_true(changed > COUNT * 8 / 10);
}

TEST(programs_are_crossed_now_and_then_where_operations_are_changed) {
    static uint8_t program[CAPACITY];
    static uint8_t data[CAPACITY];
    const char *const ways[] = {"bytes", "generator", "mutator", "both"};
    const size_t program_bytes = write_program(program);
    for (size_t way = 0; way < LENGTH(ways); way++) {
        size_t crossed = 0;
        begin(ways[way]);
        mutator_begin(0, NULL, read_text);
        for (unsigned seed = 0; seed < COUNT; seed++) {
            const size_t size =
                LLVMFuzzerCustomCrossOver(program, program_bytes, (const uint8_t *)text, sizeof text - 1,
                                          data, seed % 2 == 0 ? CAPACITY : GENERATE_SIZE_MINIMUM - 1, seed);
            assert_true(size == 0 || (seed % 2 == 0 && origin_of(data, size) == CHANGED));
            crossed += size != 0;
        }
        assert_in_range(crossed, way < 2 ? 0 : COUNT / 20, way < 2 ? 0 : COUNT / 12);
    }
}

FOLDER_TEST(another_word_is_refused_with_those_there_are) {
    assert_int_equal(setenv("KMEMFUZZ_MUTATION", "byte", 1), 0);
    catch_errors();
    const pid_t child = fork();
    if (child == 0) {
        mutator_begin(0, NULL, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_errors("kmem: error: KMEMFUZZ_MUTATION is none of bytes, generator, mutator and both\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_USAGE);
}
