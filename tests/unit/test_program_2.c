/* Specification: the bytes of program format 2, as docs/programs.md tabulates them. */
#include "tests/unit/program_fixture.h"

#define HEADER_SIZE    16
#define OPERATION_SIZE 8

/* The operation that eight bytes mean on 32-byte pages, 64 of them, with as many slots as there can be. */
static struct operation decode_operation(const uint8_t operation[OPERATION_SIZE]) {
    uint8_t bytes[HEADER_SIZE + OPERATION_SIZE] = {2, 'L', 6, 60, 0, 0, 8};
    memcpy(bytes + HEADER_SIZE, operation, OPERATION_SIZE);
    const struct program program = program_decode(bytes, sizeof bytes);
    assert_int_equal(program.operation_count, 1);
    assert_int_equal(program.header.page_size, 32);
    assert_int_equal(program.header.page_count, 64);
    return program_operation(&program, 0);
}

TEST(header_bytes_mean_what_the_table_says) {
    static const struct {
        uint8_t bytes[HEADER_SIZE];
        const char *header;
        uint8_t canonical[HEADER_SIZE];
    } pinned[] = {
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
        uint8_t canonical[HEADER_SIZE];
        const struct program_header header = program_decode(pinned[i].bytes, HEADER_SIZE).header;
        assert_header_reads(&header, pinned[i].header);
        program_encode_header(&header, canonical);
        assert_memory_equal(canonical, pinned[i].canonical, sizeof canonical);
    }
}

TEST(every_geometry_can_be_written_and_read) {
    struct program_header header = {.slot_count = 16, .version = 2};
    uint8_t bytes[HEADER_SIZE];
    for (header.page_size = 16; header.page_size <= 4096; header.page_size *= 2) {
        for (header.page_count = 1; header.page_count <= 512; header.page_count++) {
            header.growth_limit = header.page_count <= 449 ? header.page_count % 64 : 512 - header.page_count;
            program_encode_header(&header, bytes);
            const struct program_header read = program_decode(bytes, HEADER_SIZE).header;
            assert_headers_equal(&read, &header);
        }
    }
}

TEST(zero_bytes_allocate_16_bytes_in_a_heap_of_1_kib) {
    static const uint8_t zeros[HEADER_SIZE + OPERATION_SIZE];
    const struct program program = program_decode(zeros, sizeof zeros);
    assert_int_equal(program.operation_count, 1);
    assert_int_equal(program.header.page_size * program.header.page_count, 1024);
    const struct operation expected = {.kind = OPERATION_ALLOC, .size = {.amount = 16}};
    assert_operations_equal(program_operation(&program, 0), expected);
}

TEST(each_kind_has_a_code_of_its_own_and_common_ones_have_more) {
    unsigned counts[OPERATION_KIND_COUNT] = {0};
    for (uint8_t code = 0; code < 32; code++) {
        const struct operation operation = decode_operation((const uint8_t[8]){code});
        assert_true(code >= OPERATION_KIND_COUNT || operation.kind == (enum operation_kind)code);
        counts[operation.kind]++;
    }
    assert_true(counts[OPERATION_ALLOC] >= 6 && counts[OPERATION_FREE] >= 6);
    for (unsigned kind = 0; kind < OPERATION_KIND_COUNT; kind++) {
        assert_true(counts[kind] != 0);
    }
}

TEST(operation_bytes_mean_what_the_table_says) {
    static const struct {
        uint8_t bytes[OPERATION_SIZE];
        const char *text;
        uint8_t canonical[OPERATION_SIZE];
    } pinned[] = {
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
        uint8_t canonical[OPERATION_SIZE];
        const struct operation operation = decode_operation(pinned[i].bytes);
        assert_operation_reads(&operation, pinned[i].text);
        program_format(2)->encode_operation(&operation, canonical);
        assert_memory_equal(canonical, pinned[i].canonical, sizeof canonical);
        assert_operations_equal(decode_operation(canonical), operation);
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
        assert_true(decode_operation(bytes).alignment == strtoull(rest, NULL, 0));
    }
    assert_true(program_format(2)->has_alignment(8191));
    assert_false(program_format(2)->has_alignment(98304));
    assert_false(program_format(2)->has_alignment(65536 + 64));
    assert_true(program_format(2)->has_alignment(65536 - 64));
    assert_true(program_format(2)->has_alignment(UINT64_MAX - 62));
}
