/* Specification: bytes to programs and back. The tables here pin the format byte by byte: it is a published
 * contract (docs/programs.md), and a program once written must keep its meaning. */
#include "tests/unit/program_fixture.h"

TEST(the_version_alone_means_no_operations_on_one_page_of_32_bytes_with_16_slots) {
    static const uint8_t version[] = {1};
    const struct program_header expected = {.page_size = 32, .page_count = 1, .slot_count = 16, .version = 1};
    const struct program program = program_decode(version, sizeof version);
    assert_headers_equal(&program.header, &expected);
    assert_int_equal(program.operation_count, 0);
    assert_int_equal(program_encoded_size(&program), 11);
}

TEST(zero_bytes_mean_alloc_0_0) {
    static const uint8_t zeros[17] = {1};
    const struct program program = program_decode(zeros, sizeof zeros);
    assert_int_equal(program.operation_count, 1);
    assert_operations_equal(program_operation(&program, 0), (struct operation){.kind = OPERATION_ALLOC});
}

TEST(header_bytes_keep_their_published_meaning) {
    static const struct pinned pinned[] = {
        {{1}, "page=32 pages=1 growth=0 slots=16", {1}},
        /* Small: any scale but 'L'. */
        {{1, 0, 1}, "page=64 pages=1 growth=0 slots=16", {1, 0, 1}},
        {{1, 9, 3}, "page=256 pages=1 growth=0 slots=16", {1, 0, 3}},
        {{1, 0, 4}, "page=32 pages=1 growth=0 slots=16", {1}},
        {{1, 0, 0, 15}, "page=32 pages=16 growth=0 slots=16", {1, 0, 0, 15}},
        {{1, 0, 0, 0x25, 0xff}, "page=32 pages=6 growth=0 slots=16", {1, 0, 0, 5}},
        {{1, 0, 0, 0, 0, 7}, "page=32 pages=1 growth=7 slots=16", {1, 0, 0, 0, 0, 7}},
        {{1, 0, 0, 0, 0, 8}, "page=32 pages=1 growth=0 slots=16", {1}},
        {{1, 0, 0, 0, 0, 0, 2}, "page=32 pages=1 growth=0 slots=64", {1, 0, 0, 0, 0, 0, 2}},
        {{1, 0, 0, 0, 0, 0, 3}, "page=32 pages=1 growth=0 slots=16", {1}},
        {{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
         "page=256 pages=16 growth=7 slots=16 refuse=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
         {1, 0, 3, 15, 0, 7, 0, 255, 255}},
        /* Large; written so only when small does not do. */
        {{1, 'L'}, "page=32 pages=1 growth=0 slots=16", {1}},
        {{1, 'L', 3, 15, 0, 7, 2}, "page=256 pages=16 growth=7 slots=64", {1, 0, 3, 15, 0, 7, 2}},
        {{1, 'L', 4}, "page=512 pages=1 growth=0 slots=16", {1, 'L', 4}},
        {{1, 'L', 0xff}, "page=4096 pages=1 growth=0 slots=16", {1, 'L', 7}},
        {{1, 'L', 0, 16}, "page=32 pages=17 growth=0 slots=16", {1, 'L', 0, 16}},
        {{1, 'L', 0, 0xff, 0xff}, "page=32 pages=512 growth=0 slots=16", {1, 'L', 0, 0xff, 1}},
        {{1, 'L', 0, 0, 2}, "page=32 pages=1 growth=0 slots=16", {1}},
        {{1, 'L', 0, 0, 0, 8}, "page=32 pages=1 growth=8 slots=16", {1, 'L', 0, 0, 0, 8}},
        {{1, 'L', 0, 0, 0, 0xff}, "page=32 pages=1 growth=63 slots=16", {1, 'L', 0, 0, 0, 63}},
        {{1, 'L', 0, 0xf3, 1, 63}, "page=32 pages=500 growth=12 slots=16", {1, 'L', 0, 0xf3, 1, 12}},
        {{1, 'L', 0, 0, 0, 0, 3}, "page=32 pages=1 growth=0 slots=128", {1, 'L', 0, 0, 0, 0, 3}},
        {{1, 'L', 0, 0, 0, 0, 17}, "page=32 pages=1 growth=0 slots=4096", {1, 'L', 0, 0, 0, 0, 8}},
        /* The masks. */
        {{1, 0, 0, 0, 0, 0, 0, 9, 0x80},
         "page=32 pages=1 growth=0 slots=16 refuse=0,3,15",
         {1, 0, 0, 0, 0, 0, 0, 9, 0x80}},
        {{[0] = 1, [9] = 4, [10] = 0xe8},
         "page=32 pages=1 growth=0 slots=16 disable=realloc,null",
         {[0] = 1, [9] = 4, [10] = 8}},
        {{[0] = 1, [9] = 0xff, [10] = 0xff}, "page=32 pages=1 growth=0 slots=16", {1}},
        {{[0] = 1, [9] = 0xff, [10] = 0xf},
         "page=32 pages=1 growth=0 slots=16 "
         "disable=alloc,free,realloc,zalloc,calloc,aligned,coalesce,double,interior,misaligned,foreign,null",
         {[0] = 1, [9] = 0xff, [10] = 0xf}},
    };
    for (size_t i = 0; i < LENGTH(pinned); i++) {
        assert_header_pinned(&pinned[i]);
    }
}

TEST(a_first_byte_of_1_is_format_1_and_any_other_is_format_2) {
    for (unsigned version = 0; version < 256; version++) {
        const uint8_t bytes[24] = {(uint8_t)version};
        uint8_t canonical[32]; /* format 1: a header of 11 bytes and three operations of 6 */
        const struct program program = program_decode(bytes, sizeof bytes);
        assert_int_equal(program.header.version, version == 1 ? 1 : 2);
        assert_in_range(program_encoded_size(&program), 1, sizeof canonical);
        program_encode(&program, canonical);
        assert_int_equal(canonical[0], version == 1 ? 1 : 2);
    }
    assert_int_equal(program_decode(NULL, 0).header.version, 2);
}

TEST(every_geometry_that_the_header_documents_can_be_written_and_read) {
    assert_geometries_survive(1);
    assert_geometries_survive(2);
}

TEST(kinds_keep_their_codes_words_and_operands) {
    static const struct {
        const char *word;
        unsigned operands;
    } pinned[] = {
        {"alloc", OPERAND_SLOT | OPERAND_SIZE},
        {"free", OPERAND_SLOT},
        {"realloc", OPERAND_SLOT | OPERAND_SIZE},
        {"zalloc", OPERAND_SLOT | OPERAND_SIZE},
        {"calloc", OPERAND_SLOT | OPERAND_COUNT | OPERAND_SIZE},
        {"aligned", OPERAND_SLOT | OPERAND_ALIGNMENT | OPERAND_SIZE},
        {"coalesce", 0},
        {"double", OPERAND_SLOT | OPERAND_THROUGH},
        {"interior", OPERAND_SLOT | OPERAND_STEP | OPERAND_THROUGH},
        {"misaligned", OPERAND_SLOT | OPERAND_STEP | OPERAND_THROUGH},
        {"foreign", OPERAND_STEP | OPERAND_THROUGH},
        {"null", OPERAND_THROUGH},
        {"refuse", 0},
    };
    assert_int_equal(LENGTH(pinned), program_format(1)->kind_count);
    for (unsigned kind = 0; kind < LENGTH(pinned); kind++) {
        assert_string_equal(operation_word((enum operation_kind)kind), pinned[kind].word);
        for (unsigned operand = OPERAND_SLOT; operand <= OPERAND_THROUGH; operand *= 2) {
            assert_int_equal(operation_takes((enum operation_kind)kind, (enum operand)operand),
                             (pinned[kind].operands & operand) != 0);
        }
        assert_int_equal(operation_meant(1, (const uint8_t[6]){(uint8_t)kind}).kind, kind);
    }
    assert_int_equal(operation_meant(1, (const uint8_t[6]){13}).kind, OPERATION_ALLOC);
    assert_int_equal(operation_meant(1, (const uint8_t[6]){14}).kind, OPERATION_FREE);
    assert_int_equal(operation_meant(1, (const uint8_t[6]){15}).kind, OPERATION_FREE);
}

TEST(size_words_keep_their_forms) {
    static const char *const pinned[] = {"", "largest", "first", "usable", "tail", "max", "2^63", "2^32"};
    assert_int_equal(LENGTH(pinned), SIZE_BASE_COUNT);
    for (unsigned form = 0; form < SIZE_BASE_COUNT; form++) {
        assert_string_equal(size_base_word((enum size_base)form), pinned[form]);
        assert_int_equal(operation_meant(1, (const uint8_t[6]){(uint8_t)(form << 4)}).size.base, form);
    }
}

TEST(alignments_and_counts_keep_their_codes) {
    char alignment_list[] = "1 2 4 8 16 32 64 128 256 512 1024 2048 4096 0 24 65536";
    char count_list[] = "1 2 3 0 4 5 7 16 0x20000001 0x80000001 0x100000000 0x2000000000000001 "
                        "0x8000000000000001 0xffffffffffffffff 33 100";
    char *alignment_at = alignment_list;
    char *count_at = count_list;
    for (unsigned choice = 0; choice < PROGRAM_COUNT_COUNT; choice++) {
        const uint8_t third = (uint8_t)(choice << 4);
        const uint64_t alignment = strtoull(alignment_at, &alignment_at, 10);
        assert_int_equal(operation_meant(1, (const uint8_t[6]){5, 0, third}).alignment, alignment);
        assert_int_equal(operation_meant(1, (const uint8_t[6]){4, 0, third}).choice, choice);
        assert_int_equal(program_1_alignments[choice], alignment);
        assert_true(program_counts[choice] == strtoull(count_at, &count_at, 0));
        /* One value, one code: otherwise the text could not tell which. */
        for (unsigned other = 0; other < choice; other++) {
            assert_int_not_equal(program_1_alignments[other], alignment);
            assert_true(program_counts[other] != program_counts[choice]);
        }
    }
}

/* A form and its value, and the size that they mean on pages of 32 bytes. 0: the value itself. 1 to 7: a
 * signed byte, or a boundary when bits 8 and 9 are not 0; 5: what would be above the maximum is as far below
 * it. 8 and 12: modulo 64. 9 and 15: modulo 1024. 10: a power of two, and bits below it. 11: pages and a
 * boundary, 0 at least. 13 and 14: forms 1 and 3 again. */
static const char pinned_sizes[] =
    "0 0 0; 0 0x123456 1193046; 0 0xffffff 16777215; 1 0 largest; 1 1 largest+1; 1 127 largest+127; "
    "1 128 largest-128; 1 255 largest-1; 1 0x0400f8 largest-8; 1 0x100 largest; 2 0x101 first+1; "
    "3 0x202 usable-1; 4 0x303 tail+8; 6 0x104 2^63-8; 7 0x105 2^32+7; 1 0x106 largest-7; "
    "1 0x107 largest+9; 1 0x108 largest-9; 1 0x109 largest+16; 1 0x10a largest-16; 1 0x10b largest+15; "
    "1 0x10c largest-15; 1 0x10d largest-17; 1 0x10e largest-24; 1 0xffffff largest-23; 5 0 max; "
    "5 1 max-1; 5 127 max-127; 5 128 max-128; 5 255 max-1; 5 0x109 max-16; 8 0xffffff 63; 8 0x40 0; "
    "12 0xabcdef 47; 9 0xffffff 1023; 9 0x400 0; 15 0xabcdef 495; 10 0 1; 10 4 16; 10 0x1e4 31; "
    "10 0xffffe4 31; 10 15 32768; 10 0xffffef 65535; 10 16 1; 10 31 32768; 11 0 0; 11 0x20 0; "
    "11 0x21 31; 11 0x3f 488; 11 0xfffff2 41; 13 8 largest+8; 14 0x101 usable+1";

TEST(sizes_keep_their_published_meaning) {
    for (const char *item = pinned_sizes; item != NULL; item = next_item(item)) {
        unsigned form;
        int value;
        char size[32];
        char text[48];
        assert_int_equal(sscanf(item, "%u %i %31[^;]", &form, &value, size), 3);
        const uint8_t bytes[6] = {[0] = (uint8_t)(form << 4),
                                  [3] = (uint8_t)value,
                                  [4] = (uint8_t)(value >> 8),
                                  [5] = (uint8_t)(value >> 16)};
        const struct operation operation = operation_meant(1, bytes);
        (void)snprintf(text, sizeof text, "alloc 0 %s", size);
        assert_operation_reads(&operation, text);
    }
}

TEST(operation_bytes_keep_their_published_meaning) {
    static const struct pinned pinned[] = {
        {{0x00, 3, 0, 24}, "alloc 3 24", {0, 3, 0, 24}},
        {{0x00, 0xff, 0xff}, "alloc 4095 0", {0, 0xff, 0x0f}},
        {{0x0d, 1, 0, 7}, "alloc 1 7", {0, 1, 0, 7}},
        {{0xff, 2, 0x31, 4, 5, 6}, "free 258", {1, 2, 1}},
        {{0x12, 9, 0, 0xf8, 4, 4}, "realloc 9 largest-8", {0x12, 9, 0, 0xf8}},
        {{0xe3, 9, 0, 1, 1}, "zalloc 9 usable+1", {0x33, 9, 0, 1}},
        {{0x84, 9, 0xb0, 72}, "calloc 9 0x2000000000000001 8", {0x04, 9, 0xb0, 8}},
        {{0x55, 9, 0x61, 7}, "aligned 265 64 max-7", {0x55, 9, 0x61, 0xf9}},
        {{0xf6, 1, 2, 3, 4, 5}, "coalesce", {6}},
        {{0xf7, 1, 0xe2, 3, 4, 5}, "double 513", {7, 1, 2}},
        {{0xf7, 1, 0xf2, 3, 4, 5}, "double 513 realloc", {7, 1, 0x12}},
        {{0x08, 1, 0, 3, 4, 5}, "interior 1 328707", {8, 1, 0, 3, 4, 5}},
        {{0x29, 1, 0x30, 0, 0, 0xff}, "misaligned 1 16711680 realloc", {9, 1, 0x10, 0, 0, 0xff}},
        {{0x0a, 1, 0x1f, 7}, "foreign 7 realloc", {10, 0, 0x10, 7}},
        {{0xfb, 1, 0xff, 7, 7, 7}, "null", {11}},
        {{0xfc, 1, 0xff, 7, 7, 7}, "refuse", {12}},
    };
    for (size_t i = 0; i < LENGTH(pinned); i++) {
        assert_operation_pinned(1, &pinned[i]);
    }
}

TEST(a_slot_is_taken_modulo_the_slots_there_are) {
    for (uint8_t code = 0; code < PROGRAM_SLOT_COUNT_CODES; code++) {
        const size_t slot_count = PROGRAM_SLOT_COUNT_MINIMUM << code;
        for (unsigned slot = 0; slot < PROGRAM_SLOT_COUNT_MAXIMUM; slot++) {
            const uint8_t bytes[17] = {
                [0] = 1, [1] = 'L', [6] = code, [11] = 1, [12] = (uint8_t)slot, [13] = (uint8_t)(slot >> 8)};
            const struct program program = program_decode(bytes, sizeof bytes);
            assert_int_equal(program_operation(&program, 0).slot, slot % slot_count);
        }
    }
}

TEST(sizes_in_pages_follow_the_page_size_of_the_header) {
    for (uint8_t code = 0; code < 8; code++) {
        const uint8_t bytes[17] = {[0] = 1, [1] = 'L', [2] = code, [11] = 0xb0, [14] = 0x4f};
        const struct program program = program_decode(bytes, sizeof bytes);
        const struct operation operation = program_operation(&program, 0);
        assert_int_equal(operation.size.base, SIZE_BASE_LITERAL);
        assert_int_equal(operation.size.amount, 15 * (32 << code) - 8);
    }
}

TEST(every_started_operation_counts_and_the_header_counts_for_none) {
    static const uint8_t bytes[RANDOM_SIZE_MAXIMUM] = {1};
    for (size_t size = 1; size <= sizeof bytes; size++) {
        const struct program program = program_decode(bytes, size);
        const size_t expected = size <= 11 ? 0 : (size - 11 + 5) / 6;
        assert_int_equal(program.operation_count, expected);
        assert_int_equal(program_encoded_size(&program), 11 + 6 * expected);
    }
}

RANDOM_TEST(missing_bytes_read_as_0) {
    for (unsigned trial = 0; trial < RANDOM_TRIAL_COUNT; trial++) {
        uint8_t bytes[ENCODED_MAXIMUM] = {0};
        const size_t size = random_bytes(bytes);
        const struct program cut = program_decode(bytes, size);
        const struct program padded = program_decode(bytes, program_encoded_size(&cut));
        assert_programs_equal(&cut, &padded);
    }
}

static void assert_encodings_equal(const struct program *program, const uint8_t *a, const uint8_t *b) {
    assert_true(memcmp(a, b, program_encoded_size(program)) == 0);
}

RANDOM_TEST(canonical_bytes_mean_the_same_program_and_encode_to_themselves) {
    for (unsigned trial = 0; trial < RANDOM_TRIAL_COUNT; trial++) {
        uint8_t bytes[RANDOM_SIZE_MAXIMUM];
        uint8_t canonical[ENCODED_MAXIMUM];
        uint8_t again[ENCODED_MAXIMUM];
        const size_t size = random_bytes(bytes);
        const struct program program = program_decode(bytes, size);
        program_encode(&program, canonical);
        const struct program decoded = program_decode(canonical, program_encoded_size(&program));
        assert_programs_equal(&program, &decoded);
        program_encode(&decoded, again);
        assert_encodings_equal(&program, canonical, again);
    }
}

RANDOM_TEST(a_program_can_be_encoded_over_its_own_bytes) {
    for (unsigned trial = 0; trial < RANDOM_TRIAL_COUNT; trial++) {
        uint8_t bytes[ENCODED_MAXIMUM];
        uint8_t elsewhere[ENCODED_MAXIMUM];
        const size_t size = random_bytes(bytes);
        /* Bytes past the program's end must not leak into it. */
        memset(bytes + size, 0xff, sizeof bytes - size);
        const struct program program = program_decode(bytes, size);
        program_encode(&program, elsewhere);
        program_encode(&program, bytes);
        assert_encodings_equal(&program, bytes, elsewhere);
    }
}

RANDOM_TEST(whatever_the_bytes_every_operand_is_in_its_range_and_those_not_taken_are_0) {
    for (unsigned trial = 0; trial < RANDOM_TRIAL_COUNT; trial++) {
        uint8_t bytes[RANDOM_SIZE_MAXIMUM];
        const struct program program = program_decode(bytes, random_bytes(bytes));
        assert_header_in_range(&program.header);
        for (size_t i = 0; i < program.operation_count; i++) {
            assert_operation_in_range(program_operation(&program, i), &program.header);
        }
    }
}

TEST(a_disabled_kind_decodes_as_the_next_enabled_one_and_never_appears) {
    static const uint8_t own_code_count = 13;
    for (unsigned mask = 0; mask < (1u << 13) - 1; mask++) {
        uint8_t bytes[11 + 6 * 13] = {[0] = 1, [9] = (uint8_t)mask, [10] = (uint8_t)(mask >> 8)};
        for (uint8_t code = 0; code < own_code_count; code++) {
            bytes[11 + 6 * code] = code;
        }
        const struct program program = program_decode(bytes, sizeof bytes);
        assert_int_equal(program.header.disabled_kinds, mask);
        for (unsigned code = 0; code < own_code_count; code++) {
            unsigned expected = code;
            while ((mask >> expected & 1) != 0) {
                expected = (expected + 1) % 13;
            }
            assert_int_equal(program_operation(&program, code).kind, expected);
        }
    }
}

TEST(disabling_all_kinds_disables_none) {
    for (unsigned high = 0; high < 8; high++) {
        const uint8_t bytes[11] = {[0] = 1, [9] = 0xff, [10] = (uint8_t)(0x1f | high << 5)};
        assert_int_equal(program_decode(bytes, sizeof bytes).header.disabled_kinds, 0);
    }
}

TEST(a_kind_brought_in_for_a_disabled_one_reads_the_operands_it_takes) {
    /* alloc is disabled: its bytes become a free of the same slot, without the size. */
    const uint8_t bytes[17] = {[0] = 1, [9] = 1, [11] = 0x10, [12] = 5, [13] = 0xf0, [14] = 9};
    const uint8_t expected[17] = {[0] = 1, [9] = 1, [11] = 1, [12] = 5};
    uint8_t canonical[17];
    const struct program program = program_decode(bytes, sizeof bytes);
    program_encode(&program, canonical);
    assert_memory_equal(canonical, expected, sizeof expected);
}

/* Format 2, as docs/programs.md tabulates it. */

TEST(header_bytes_of_format_2_mean_what_the_table_says) {
    static const struct pinned pinned[] = {
        /* Nothing but zeros: 1 KiB that may double. */
        {{0}, "page=256 pages=4 growth=4 slots=16", {2}},
        {{2}, "page=256 pages=4 growth=4 slots=16", {2}},
        {{255}, "page=256 pages=4 growth=4 slots=16", {2}},
        /* Small: any scale but 'L'. */
        {{2, 0, 1}, "page=16 pages=4 growth=4 slots=16", {2, 0, 1}},
        {{2, 7, 4}, "page=128 pages=4 growth=4 slots=16", {2, 0, 4}},
        {{2, 0, 5}, "page=256 pages=4 growth=4 slots=16", {2}},
        {{2, 0, 0, 13}, "page=256 pages=1 growth=4 slots=16", {2, 0, 0, 13}},
        {{2, 0, 0, 12}, "page=256 pages=16 growth=4 slots=16", {2, 0, 0, 12}},
        {{2, 0, 0, 0x11}, "page=256 pages=5 growth=4 slots=16", {2, 0, 0, 1}},
        {{2, 0, 0, 0, 0, 4}, "page=256 pages=4 growth=0 slots=16", {2, 0, 0, 0, 0, 4}},
        {{2, 0, 0, 0, 0, 3}, "page=256 pages=4 growth=7 slots=16", {2, 0, 0, 0, 0, 3}},
        {{2, 0, 0, 0, 0, 0, 5}, "page=256 pages=4 growth=4 slots=64", {2, 0, 0, 0, 0, 0, 2}},
        /* Large; written so only when small does not do. */
        {{2, 'L'}, "page=256 pages=4 growth=4 slots=16", {2}},
        {{2, 'L', 4}, "page=4096 pages=4 growth=4 slots=16", {2, 'L', 4}},
        {{2, 'L', 5}, "page=16 pages=4 growth=4 slots=16", {2, 0, 1}},
        {{2, 'L', 0, 0xfc, 1}, "page=256 pages=512 growth=0 slots=16", {2, 'L', 0, 0xfc, 1, 60}},
        {{2, 'L', 0, 0xf0, 1}, "page=256 pages=500 growth=4 slots=16", {2, 'L', 0, 0xf0, 1}},
        {{2, 'L', 0, 0, 0, 59}, "page=256 pages=4 growth=63 slots=16", {2, 'L', 0, 0, 0, 59}},
        {{2, 'L', 0, 0, 0, 0, 8}, "page=256 pages=4 growth=4 slots=4096", {2, 'L', 0, 0, 0, 0, 8}},
        /* The masks; that of kinds counts only with its highest bit. */
        {{[0] = 2, [7] = 9, [8] = 0x80},
         "page=256 pages=4 growth=4 slots=16 refuse=0,3,15",
         {[0] = 2, [7] = 9, [8] = 0x80}},
        {{[0] = 2, [9] = 4, [10] = 1}, "page=256 pages=4 growth=4 slots=16", {2}},
        {{[0] = 2, [9] = 4, [10] = 1, [12] = 0x80},
         "page=256 pages=4 growth=4 slots=16 disable=realloc,interior",
         {[0] = 2, [9] = 4, [10] = 1, [12] = 0x80}},
        {{[0] = 2, [9] = 255, [10] = 255, [11] = 255, [12] = 255}, "page=256 pages=4 growth=4 slots=16", {2}},
        {{[0] = 2, [13] = 1, [14] = 2, [15] = 3}, "page=256 pages=4 growth=4 slots=16", {2}},
    };
    for (size_t i = 0; i < LENGTH(pinned); i++) {
        assert_header_pinned(&pinned[i]);
    }
}

TEST(zero_bytes_allocate_16_bytes_in_a_heap_of_1_kib) {
    static const uint8_t zeros[16 + 8];
    const struct program program = program_decode(zeros, sizeof zeros);
    assert_int_equal(program.operation_count, 1);
    assert_int_equal(program.header.page_size * program.header.page_count, 1024);
    const struct operation expected = {.kind = OPERATION_ALLOC, .size = {.amount = 16}};
    assert_operations_equal(program_operation(&program, 0), expected);
}

TEST(each_kind_has_a_code_of_its_own_and_common_ones_have_more) {
    unsigned counts[OPERATION_KIND_COUNT] = {0};
    for (uint8_t code = 0; code < 32; code++) {
        const struct operation operation = operation_meant(2, (const uint8_t[8]){code});
        assert_true(code >= OPERATION_KIND_COUNT || operation.kind == (enum operation_kind)code);
        counts[operation.kind]++;
    }
    assert_true(counts[OPERATION_ALLOC] >= 6 && counts[OPERATION_FREE] >= 6);
    for (unsigned kind = 0; kind < OPERATION_KIND_COUNT; kind++) {
        assert_true(counts[kind] != 0);
    }
}

TEST(operation_bytes_of_format_2_mean_what_the_table_says) {
    static const struct pinned pinned[] = {
        /* Sizes: the canonical forms, 1 to 8. */
        {{0, 3, 0x10, 24}, "alloc 3 24", {0, 3, 0x10, 24}},
        {{0, 0xff, 0x1f, 1, 2, 3}, "alloc 4095 197121", {0, 0xff, 0x1f, 1, 2, 3}},
        {{0, 0, 0x20, 0xf8}, "alloc 0 largest-8", {0, 0, 0x20, 0xf8}},
        {{2, 0, 0x40, 8, 1}, "realloc 0 usable-9", {2, 0, 0x40, 0xf7}},
        {{3, 0, 0x60, 1}, "zalloc 0 max-1", {3, 0, 0x60, 0xff}},
        {{3, 0, 0x80, 1}, "zalloc 0 2^32+1", {3, 0, 0x80, 1}},
        /* The others: words, bytes, many words, 2^e + m, pages, sixteenths, largest, usable. */
        {{0, 0, 0, 0xff}, "alloc 0 72", {0, 0, 0x10, 72}},
        {{0, 0, 0xf0, 0x7f}, "alloc 0 63", {0, 0, 0x10, 63}},
        {{0x20, 0, 0x30, 0xff}, "alloc 0 248", {0, 0, 0x10, 248}},
        {{0x20, 0, 0x60, 0xe4, 1}, "alloc 0 31", {0, 0, 0x10, 31}},
        {{0x20, 0, 0x80, 0x43}, "alloc 0 88", {0, 0, 0x10, 88}},
        {{0x20, 0, 0xa0, 0x12}, "alloc 0 257", {0, 0, 0x10, 1, 1}},
        {{0x20, 0, 0xc0, 8}, "alloc 0 largest+8", {0, 0, 0x20, 8}},
        {{0x20, 0, 0xf0, 8}, "alloc 0 usable+8", {0, 0, 0x40, 8}},
        /* What a misuse goes through. */
        {{7, 1, 0x12, 5, 6, 7, 8, 9}, "double 513", {7, 1, 2}},
        {{0x47, 1, 0x12, 5}, "double 513 realloc 5", {0x47, 1, 0x12, 5}},
        {{0xc7, 1, 0x12, 5}, "double 513 realloc 5", {0x47, 1, 0x12, 5}},
        {{0x88, 1, 0, 5, 0, 0, 1, 2}, "interior 1 513 usable", {0x88, 1, 0, 0, 0, 0, 1, 2}},
        {{0x4a, 9, 0x10, 0, 0, 0, 3}, "foreign 3 realloc 0", {0x4a, 0, 0x10, 0, 0, 0, 3}},
        {{0x4b, 9, 0x60}, "null realloc max", {0x4b, 0, 0x60}},
        {{0x8d, 9, 0x60, 1}, "usable 9", {13, 9}},
        /* What a damage calls. */
        {{0x0e, 1, 0x12, 5, 0, 0, 3, 1}, "damage 513 259", {14, 1, 2, 0, 0, 0, 3, 1}},
        {{0x4e, 1, 0x10, 5}, "damage 1 0 realloc 5", {0x4e, 1, 0x10, 5}},
        {{0x8e, 1, 0x10, 5}, "damage 1 0 alloc 5", {0x8e, 1, 0x10, 5}},
        {{0xce, 1, 0x10, 5}, "damage 1 0 coalesce", {0xce, 1}},
        /* Counts and alignments. */
        {{4, 1, 0x10, 8, 0, 0, 0xfb, 7}, "calloc 1 0x2000000000000001 8", {4, 1, 0x10, 8, 0, 0, 11}},
        {{5, 1, 0x10, 8}, "aligned 1 16 8", {5, 1, 0x10, 8, 0, 0, 16, 0xa0}},
        {{5, 1, 0x10, 8, 0, 0, 48, 0xa0}, "aligned 1 48 8", {5, 1, 0x10, 8, 0, 0, 48, 0xa0}},
        {{0xc6, 1, 2, 3, 4, 5, 6, 7}, "coalesce", {6}},
    };
    for (size_t i = 0; i < LENGTH(pinned); i++) {
        assert_operation_pinned(2, &pinned[i]);
    }
}

TEST(alignments_are_any_small_number_and_any_near_a_power_of_two) {
    static const char pinned[] =
        "0 16; 8 4096; 9 16; 0x9fff 16; 0xa000 0; 0xa030 48; 0xbfff 8191; 0xc010 65536; "
        "0xc03f 0x8000000000000000; 0xc04d 8193; 0xdfe0 0xffffffff; 0xdf80 0xffffffffffffffff; 0xe00c 96; "
        "0xf014 0xfffff; 0xf054 0x100000; 0xf094 0x100001; 0xf0d4 0xfffff";
    for (const char *item = pinned; item != NULL; item = next_item(item)) {
        char *rest;
        const unsigned long detail = strtoul(item, &rest, 0);
        const uint8_t bytes[8] = {5, [6] = (uint8_t)detail, [7] = (uint8_t)(detail >> 8)};
        assert_true(operation_meant(2, bytes).alignment == strtoull(rest, NULL, 0));
    }
    assert_true(program_format(2)->has_alignment(8191));
    assert_false(program_format(2)->has_alignment(98304));
    assert_false(program_format(2)->has_alignment(65536 + 64));
    assert_true(program_format(2)->has_alignment(65536 - 64));
    assert_true(program_format(2)->has_alignment(UINT64_MAX - 62));
}
