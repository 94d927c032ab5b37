/* Specification: the text form of programs. Every message is pinned with the place it names. */
#include "tests/unit/program_fixture.h"

#define FIRST_LINE TEXT_MAGIC " 1\n"
#define LARGE_HEAP "heap page=4096 pages=449 growth=63 slots=4096 refuse=0,3,15 disable=coalesce,foreign"
#define KINDS                                                                                                \
    "alloc free realloc zalloc calloc aligned coalesce double interior misaligned foreign null refuse"
#define COUNTS                                                                                               \
    "1 2 3 0 4 5 7 16 0x20000001 0x80000001 0x100000000 0x2000000000000001 0x8000000000000001 "              \
    "0xffffffffffffffff 33 100"
#define ALIGNMENTS    "1 2 4 8 16 32 64 128 256 512 1024 2048 4096 0 24 65536"
#define SIZES         "a number to 16777215, or, with +K or -K, one of: largest first usable tail max 2^63 2^32"
#define FIRST_LINE_IS "the first line must be 'kmem-program 2', not "
#define OLDER         " is not known; the first line must be 'kmem-program 2', or end with an older version"
#define DEFAULT_HEAP  "heap page=32 pages=1 growth=0 slots=16"

struct encoding {
    uint8_t *bytes; /* from malloc */
    size_t size;
    struct program program; /* that of valid bytes */
};

/* Parses size bytes that no NUL follows: they are copied to where a sanitizer sees a read past them. */
static bool parse(const char *text, size_t size, struct encoding *encoding, struct text_error *error) {
    uint8_t *const copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const bool parsed = text_parse(copy, size, &encoding->bytes, &encoding->size, error);
    free(copy);
    return parsed;
}

static struct encoding parse_valid(const char *text, size_t size) {
    struct encoding encoding;
    struct text_error error;
    if (!parse(text, size, &encoding, &error)) {
        fail_msg("%zu:%zu: %s\nin:\n%s", error.line, error.column, error.message, text);
    }
    assert_int_equal(error.line, 0);
    encoding.program = program_decode(encoding.bytes, encoding.size);
    return encoding;
}

/* The program as text, from malloc. */
static char *print(const struct program *program) {
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(text_print(program, stream), 0);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(strlen(text), size);
    return text;
}

/* What comes back when a text is parsed and printed. */
static void assert_prints(const char *text, size_t size, const char *expected) {
    const struct encoding encoding = parse_valid(text, size);
    char *const printed = print(&encoding.program);
    assert_string_equal(printed, expected);
    free(printed);
    free(encoding.bytes);
}

static void assert_same(const char *text, const char *expected) {
    assert_prints(text, strlen(text), expected);
}

/* A complete text is an error at a place. */
static void assert_text_error(const char *text, size_t size, size_t line, size_t column,
                              const char *message) {
    struct encoding encoding = {.bytes = (uint8_t *)&encoding, .size = 1};
    struct text_error error;
    assert_false(parse(text, size, &encoding, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
    assert_null(encoding.bytes);
    assert_int_equal(encoding.size, 0);
}

/* Lines after the first are an error at a place; the first of them is line 2. */
static void assert_error(const char *lines, size_t line, size_t column, const char *message) {
    char text[512];
    const int size = snprintf(text, sizeof text, FIRST_LINE "%s\n", lines);
    assert_in_range(size, 0, sizeof text - 1);
    assert_text_error(text, (size_t)size, line, column, message);
}

#define SIZE(word, number) .size = {SIZE_BASE_##word, number}

static const struct {
    const char *text;
    struct operation operation;
} operations[] = {
    {"alloc 0 0", {OPERATION_ALLOC}},
    {"alloc 4095 16777215", {OPERATION_ALLOC, .slot = 4095, SIZE(LITERAL, 16777215)}},
    {"free 3", {OPERATION_FREE, .slot = 3}},
    {"realloc 4 largest", {OPERATION_REALLOC, .slot = 4, SIZE(LARGEST, 0)}},
    {"zalloc 5 first+127", {OPERATION_ZALLOC, .slot = 5, SIZE(FIRST, 127)}},
    {"alloc 6 usable-128", {OPERATION_ALLOC, .slot = 6, SIZE(USABLE, -128)}},
    {"alloc 6 tail+1", {OPERATION_ALLOC, .slot = 6, SIZE(TAIL, 1)}},
    {"alloc 6 max", {OPERATION_ALLOC, .slot = 6, SIZE(MAXIMUM, 0)}},
    {"alloc 6 max-7", {OPERATION_ALLOC, .slot = 6, SIZE(MAXIMUM, -7)}},
    {"alloc 6 2^63+1", {OPERATION_ALLOC, .slot = 6, SIZE(HALF, 1)}},
    {"alloc 6 2^32-1", {OPERATION_ALLOC, .slot = 6, SIZE(WORD, -1)}},
    {"calloc 7 3 16", {OPERATION_CALLOC, .slot = 7, SIZE(LITERAL, 16), .choice = 2}},
    {"calloc 7 100 0", {OPERATION_CALLOC, .slot = 7, .choice = 15}},
    {"calloc 7 0x20000001 8", {OPERATION_CALLOC, .slot = 7, SIZE(LITERAL, 8), .choice = 8}},
    {"calloc 7 0xffffffffffffffff max", {OPERATION_CALLOC, .slot = 7, SIZE(MAXIMUM, 0), .choice = 13}},
    {"aligned 8 1 24", {OPERATION_ALIGNED, .slot = 8, SIZE(LITERAL, 24), .alignment = 1}},
    {"aligned 8 0 24", {OPERATION_ALIGNED, .slot = 8, SIZE(LITERAL, 24)}},
    {"aligned 8 65536 largest-8", {OPERATION_ALIGNED, .slot = 8, SIZE(LARGEST, -8), .alignment = 65536}},
    {"double 9", {OPERATION_DOUBLE, .slot = 9}},
    {"double 9 realloc", {OPERATION_DOUBLE, .slot = 9, SIZE(LITERAL, 64), .through = THROUGH_REALLOC}},
    {"interior 10 16777215", {OPERATION_INTERIOR, .slot = 10, .step = 16777215}},
    {"interior 10 5 realloc",
     {OPERATION_INTERIOR, .slot = 10, SIZE(LITERAL, 64), .through = THROUGH_REALLOC, .step = 5}},
    {"misaligned 11 6", {OPERATION_MISALIGNED, .slot = 11, .step = 6}},
    {"misaligned 11 6 realloc",
     {OPERATION_MISALIGNED, .slot = 11, SIZE(LITERAL, 64), .through = THROUGH_REALLOC, .step = 6}},
    {"foreign 2", {OPERATION_FOREIGN, .step = 2}},
    {"foreign 2 realloc", {OPERATION_FOREIGN, SIZE(LITERAL, 64), .through = THROUGH_REALLOC, .step = 2}},
    {"coalesce", {OPERATION_COALESCE}},
    {"null", {OPERATION_NULL_FREE}},
    {"refuse", {OPERATION_REFUSE}},
};

TEST(operations_print_and_parse_as_published) {
    for (size_t i = 0; i < LENGTH(operations); i++) {
        char text[160];
        assert_operation_reads(&operations[i].operation, operations[i].text);
        const int size = snprintf(text, sizeof text, FIRST_LINE "heap slots=4096\n%s", operations[i].text);
        const struct encoding encoding = parse_valid(text, (size_t)size);
        assert_int_equal(encoding.program.operation_count, 1);
        assert_operations_equal(program_operation(&encoding.program, 0), operations[i].operation);
        free(encoding.bytes);
    }
}

TEST(operands_can_be_written_in_several_ways) {
    assert_same(FIRST_LINE "alloc 007 00000000000000000000000024\n",
                FIRST_LINE DEFAULT_HEAP "\nalloc 7 24\n");
    assert_same(FIRST_LINE "calloc 1 0x3 8\n", FIRST_LINE DEFAULT_HEAP "\ncalloc 1 3 8\n");
    assert_same(FIRST_LINE "calloc 1 18446744073709551615 8\n",
                FIRST_LINE DEFAULT_HEAP "\ncalloc 1 0xffffffffffffffff 8\n");
    assert_same(FIRST_LINE "calloc 1 0xFFFFFFFFFFFFFFFF 8\n",
                FIRST_LINE DEFAULT_HEAP "\ncalloc 1 0xffffffffffffffff 8\n");
    assert_same(FIRST_LINE "alloc 0 largest+0\nalloc 0 max-0\nalloc 0 max+0\nalloc 0 tail-08\n",
                FIRST_LINE DEFAULT_HEAP "\nalloc 0 largest\nalloc 0 max\nalloc 0 max\nalloc 0 tail-8\n");
}

/* The heap line and the layout of lines. */

TEST(a_text_of_one_line_is_the_program_that_no_bytes_mean) {
    static const char *const rests[] = {
        "", "\n", "\r\n", " \t \r", "\n\n\n", "\nheap", "\n#\n # heap page=64\n"};
    for (size_t i = 0; i < LENGTH(rests); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "kmem-program 1%s", rests[i]);
        assert_same(text, FIRST_LINE DEFAULT_HEAP "\n");
    }
}

TEST(heap_settings_come_in_any_order_and_each_has_a_default) {
    assert_same(FIRST_LINE "heap pages=2\n", FIRST_LINE "heap page=32 pages=2 growth=0 slots=16\n");
    assert_same(FIRST_LINE "heap slots=64 growth=7 page=64\n",
                FIRST_LINE "heap page=64 pages=1 growth=7 slots=64\n");
    assert_same(FIRST_LINE "heap growth=12 pages=500\n",
                FIRST_LINE "heap page=32 pages=500 growth=12 slots=16\n");
    assert_same(FIRST_LINE "heap disable=foreign,alloc refuse=15\n",
                FIRST_LINE DEFAULT_HEAP " refuse=15 disable=alloc,foreign\n");
    assert_same(FIRST_LINE LARGE_HEAP "\n", FIRST_LINE LARGE_HEAP "\n");
}

TEST(blanks_tabs_comments_and_carriage_returns_make_no_difference) {
    static const char text[] = "kmem-program 1\r\n"
                               "# a comment, with any byte in it: \x01 \xc3\xa9 \x00 \r \x7f\r\n"
                               "\t heap\tpage=64 # pages=7\r\n"
                               " \t\r\n"
                               "  alloc \t 1\t24#comment\n"
                               "free 1 \t \r\n"
                               "null";
    assert_prints(text, sizeof text - 1,
                  FIRST_LINE "heap page=64 pages=1 growth=0 slots=16\nalloc 1 24\nfree 1\nnull\n");
}

TEST(a_text_may_be_of_any_length) {
    enum {
        OPERATION_TOTAL = 300000
    };
    static char text[sizeof FIRST_LINE + OPERATION_TOTAL * sizeof "null"];
    size_t size = (size_t)snprintf(text, sizeof text, FIRST_LINE);
    for (size_t i = 0; i < OPERATION_TOTAL; i++) {
        memcpy(text + size, "null\n", sizeof "null");
        size += sizeof "null";
    }
    const struct encoding encoding = parse_valid(text, size);
    assert_int_equal(encoding.program.operation_count, OPERATION_TOTAL);
    for (size_t i = 0; i < OPERATION_TOTAL; i++) {
        assert_int_equal(program_operation(&encoding.program, i).kind, OPERATION_NULL_FREE);
    }
    free(encoding.bytes);
}

TEST(bytes_are_text_iff_they_begin_with_the_name_of_the_format) {
    static const char name[] = "kmem-program";
    for (size_t size = 0; size < sizeof name; size++) {
        assert_int_equal(text_is_text((const uint8_t *)name, size), size == 12);
    }
    assert_true(text_is_text((const uint8_t *)"kmem-programme", 14));
    assert_false(text_is_text((const uint8_t *)"Kmem-program 1", 14));
    assert_false(text_is_text((const uint8_t *)" kmem-program 1", 15));
    assert_false(text_is_text(NULL, 0));
}

TEST(comments_and_blank_lines_may_stand_before_the_first_line) {
    static const char program[] = FIRST_LINE "heap page=64 pages=1 growth=0 slots=16\nalloc 1 24\n";
    static const char *const fronts[] = {"#\n", "\n", " \t\r\n",
                                         "# what it shows\n\n  # and why: \xc3\xa4\n"};
    for (size_t i = 0; i < LENGTH(fronts); i++) {
        char text[128];
        const size_t size = (size_t)snprintf(text, sizeof text, "%s%s", fronts[i], program);
        assert_true(text_is_text((const uint8_t *)text, size));
        assert_prints(text, size, program);
    }
    assert_false(text_is_text((const uint8_t *)"# kmem-program 1", 16));
    assert_text_error("# kmem\n\nnone\n", 13, 3, 1, "the first line must be 'kmem-program 2', not 'none'");
    assert_text_error("\n# none\n", 8, 2, 1, "the first line must be 'kmem-program 2', not '# none'");
}

#define HEAP_2 "kmem-program 2\nheap page=256 pages=4 growth=4 slots=16\n"

TEST(format_2_says_more_of_misuses_and_alignments) {
    assert_same("kmem-program 2\n", HEAP_2);
    assert_same("kmem-program 2\nheap page=16 pages=1 growth=0\n",
                "kmem-program 2\nheap page=16 pages=1 growth=0 slots=16\n");
    static const char lines[] =
        "double 0\ndouble 0 realloc\ndouble 0 realloc 0\ninterior 1 65535 realloc largest-8\n"
        "misaligned 1 3 usable\nforeign 7 realloc max\nnull\nnull realloc 24\nnull usable\nusable 3\n"
        "aligned 0 0 8\naligned 0 48 8\naligned 0 8191 first\naligned 0 65537 8\naligned 0 0xffffffff 8\n"
        "aligned 0 0x8000000000000000 8\naligned 0 0xffffffffffffffff 8\n";
    char text[1024];
    (void)snprintf(text, sizeof text, HEAP_2 "%s", lines);
    assert_same(text, text);
    assert_same(HEAP_2 "double 0 realloc 64\nnull realloc usable\n",
                HEAP_2 "double 0 realloc\nnull realloc usable\n");
}

TEST(errors_of_format_2_say_what_it_takes) {
    static const struct {
        const char *text;
        size_t column;
        const char *message;
    } cases[] = {
        {"kmem-program 1\nusable 0", 1, "'usable' needs 'kmem-program 2' in the first line"},
        {"kmem-program 1\nheap disable=usable", 14, "unknown operation 'usable'; one of: " KINDS},
        {"kmem-program 1\nheap page=16", 11, "page must be a power of two from 32 to 4096, not '16'"},
        {"kmem-program 2\nheap page=8", 11, "page must be a power of two from 16 to 4096, not '8'"},
        {"kmem-program 2\naligned 0 98304 8", 11,
         "'98304' is not an alignment: a number below 8192, or one within 64 of a power of two"},
        {"kmem-program 2\ninterior 0 65536", 12,
         "'65536' is not a step: a step is a decimal number from 0 to 65535"},
        {"kmem-program 2\ndouble 0 free", 10, "'free' cannot stand here; what can: realloc usable"},
        {"kmem-program 2\ndouble 0 realloc x", 18, "'x' is not a size: " SIZES},
        {"kmem-program 2\ndamage 0 0 usable", 12,
         "'usable' cannot stand here; what can: realloc alloc coalesce"},
        {"kmem-program 2\ndamage 0 0 coalesce 8", 21,
         "'damage' takes a slot, a step and perhaps a call: damage SLOT STEP [realloc [SIZE] | alloc [SIZE] "
         "| coalesce]"},
        {"kmem-program 1\ndamage 0 0", 1, "'damage' needs 'kmem-program 2' in the first line"},
        {"kmem-program 2\ndouble 0 usable 8", 17,
         "'double' takes a slot and perhaps a call: double SLOT [realloc [SIZE] | usable]"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_text_error(cases[i].text, strlen(cases[i].text), 2, cases[i].column, cases[i].message);
    }
}

RANDOM_TEST(printing_a_program_and_parsing_that_gives_its_canonical_encoding_and_the_same_text) {
    for (unsigned trial = 0; trial < RANDOM_TRIAL_COUNT / 4; trial++) {
        uint8_t bytes[RANDOM_SIZE_MAXIMUM];
        uint8_t canonical[ENCODED_MAXIMUM];
        const struct program program = program_decode(bytes, random_bytes(bytes));
        program_encode(&program, canonical);
        char *const text = print(&program);
        const struct encoding encoding = parse_valid(text, strlen(text));
        assert_int_equal(encoding.size, program_encoded_size(&program));
        assert_true(memcmp(encoding.bytes, canonical, encoding.size) == 0);
        assert_programs_equal(&encoding.program, &program);
        assert_same(text, text);
        free(encoding.bytes);
        free(text);
    }
}

TEST(a_text_cut_anywhere_or_with_any_byte_changed_parses_or_says_why_not) {
    static const char whole[] = FIRST_LINE "heap page=64 refuse=1,2 disable=null\ncalloc 1 0x3 max-7\n"
                                           "# note\r\nfree 0\ninterior 2 7 realloc\nalloc 3 2^63+1\n";
    char text[sizeof whole];
    for (size_t i = 0; i < sizeof whole; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(text, whole, sizeof whole);
            text[i] = (char)byte;
            const size_t size = byte == 0 ? i : sizeof whole - 1;
            struct encoding encoding;
            struct text_error error;
            if (parse(text, size, &encoding, &error)) {
                assert_int_equal(error.line, 0);
                free(encoding.bytes);
                continue;
            }
            assert_true(error.line >= 1 && error.line <= 8 && error.column >= 1);
            assert_null(encoding.bytes);
            assert_true(strlen(error.message) > 0);
            for (const char *c = error.message; *c != '\0'; c++) {
                assert_true(*c >= ' ' && *c <= '~');
            }
        }
    }
}

TEST(the_first_line_is_exactly_the_signature) {
    static const struct {
        const char *text;
        size_t column;
        const char *message;
    } cases[] = {
        {"", 1, FIRST_LINE_IS "''"},
        {"kmem-program", 1, FIRST_LINE_IS "'kmem-program'"},
        {" kmem-program 1", 1, FIRST_LINE_IS "' kmem-program 1'"},
        {"kmem-program\t1", 1, FIRST_LINE_IS "'kmem-program\\x091'"},
        {"kmem-programs 1", 1, FIRST_LINE_IS "'kmem-programs 1'"},
        {"\xef\xbb\xbfkmem-program 1", 1, FIRST_LINE_IS "'\\xef\\xbb\\xbfkmem-prog...'"},
        {"kmem-program 3\n", 14, "version '3'" OLDER},
        {"kmem-program  1", 14, "version ' 1'" OLDER},
        {"kmem-program 10\r\n", 14, "version '10'" OLDER},
        {"kmem-program 1 # x", 15, "nothing may follow 'kmem-program 1' in the first line"},
        {"kmem-program 1\tx", 15, "nothing may follow 'kmem-program 1' in the first line"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_text_error(cases[i].text, strlen(cases[i].text), 1, cases[i].column, cases[i].message);
    }
    struct encoding encoding;
    struct text_error error;
    assert_false(text_parse(NULL, 0, &encoding.bytes, &encoding.size, &error));
    assert_string_equal(error.message, cases[0].message);
}

TEST(every_error_names_its_place_and_what_would_be_right) {
    static const struct {
        const char *lines;
        size_t line;
        size_t column;
        const char *message;
    } cases[] = {
        /* Words. */
        {"aloc 0 8", 2, 1, "unknown operation 'aloc'; did you mean 'alloc'?"},
        {"null\n\n  relaoc 0 8", 4, 3, "unknown operation 'relaoc'; did you mean 'realloc'?"},
        {"hep page=64", 2, 1, "unknown operation 'hep'; did you mean 'heap'?"},
        {"malloc 0 8", 2, 1, "unknown operation 'malloc'; did you mean 'alloc'?"},
        {"ALLOC 0 8", 2, 1, "unknown operation 'ALLOC'; one of: " KINDS " heap"},
        {"a-word-much-too-long-to-be-shown-whole", 2, 1,
         "unknown operation 'a-word-much-too-long-...'; one of: " KINDS " heap"},
        {"null\\", 2, 1, "unknown operation 'null\\x5c'; did you mean 'null'?"},
        {"al\x01oc 0 8", 2, 3, "byte \\x01 may stand in comments only"},
        {"alloc 0 \xc3\xa9", 2, 9, "byte \\xc3 may stand in comments only"},
        {"null\x7f", 2, 5, "byte \\x7f may stand in comments only"},
        {"null\r\r", 2, 5, "byte \\x0d may stand in comments only"},
        /* How many operands. */
        {"alloc", 2, 6, "'alloc' takes a slot and a size: alloc SLOT SIZE"},
        {"alloc 0  # 8", 2, 10, "'alloc' takes a slot and a size: alloc SLOT SIZE"},
        {"alloc 0 8 8", 2, 11, "'alloc' takes a slot and a size: alloc SLOT SIZE"},
        {"free", 2, 5, "'free' takes a slot: free SLOT"},
        {"calloc 0 1", 2, 11, "'calloc' takes a slot, a count and a size: calloc SLOT COUNT SIZE"},
        {"aligned 0 1", 2, 12,
         "'aligned' takes a slot, an alignment and a size: aligned SLOT ALIGNMENT SIZE"},
        {"coalesce 1", 2, 10, "'coalesce' takes no operands"},
        {"null realloc", 2, 6, "'null' takes no operands"},
        {"double", 2, 7, "'double' takes a slot and perhaps the word realloc: double SLOT [realloc]"},
        {"foreign", 2, 8, "'foreign' takes a step and perhaps the word realloc: foreign STEP [realloc]"},
        {"misaligned 0 1 realloc 2", 2, 24,
         "'misaligned' takes a slot, a step and perhaps the word realloc: misaligned SLOT STEP [realloc]"},
        /* Operands. */
        {"free 16", 2, 6, "slot 16 is out of range: without a heap line, slots are 0 to 15"},
        {"heap slots=16\nfree 16", 3, 6, "slot 16 is out of range: the heap line allows 0 to 15"},
        {"heap slots=4096\nfree 4096", 3, 6, "slot 4096 is out of range: the heap line allows 0 to 4095"},
        {"free 99999999999999999999", 2, 6,
         "slot 99999999999999999999 is out of range: without a heap line, slots are 0 to 15"},
        {"free x", 2, 6, "'x' is not a slot: a slot is a decimal number from 0 to 15"},
        {"free -1", 2, 6, "'-1' is not a slot: a slot is a decimal number from 0 to 15"},
        {"free 0x1", 2, 6, "'0x1' is not a slot: a slot is a decimal number from 0 to 15"},
        {"aligned 0 48 8", 2, 11, "'48' is not an alignment; one of: " ALIGNMENTS},
        {"aligned 0 0x9 8", 2, 11, "'0x9' is not an alignment; one of: " ALIGNMENTS},
        {"calloc 0 6 8", 2, 10, "'6' is no count; one of: " COUNTS},
        {"calloc 0 18446744073709551616 8", 2, 10, "'18446744073709551616' is no count; one of: " COUNTS},
        {"calloc 0 0x 8", 2, 10, "'0x' is no count; one of: " COUNTS},
        {"calloc 0 1x1 8", 2, 10, "'1x1' is no count; one of: " COUNTS},
        {"alloc 0 larges-8", 2, 9, "unknown size 'larges'; did you mean 'largest'?"},
        {"alloc 0 -8", 2, 9, "'-8' is not a size: " SIZES},
        {"alloc 0 16777216", 2, 9, "size 16777216 is too large: at most 16777215, or 2^32, 2^63, max"},
        {"alloc 0 8+8", 2, 10, "'+8' cannot follow a number: only a word such as 'largest' takes it"},
        {"alloc 0 first+128", 2, 14, "'+128' may not follow 'first': only -128 to +127 may"},
        {"alloc 0 first-129", 2, 14, "'-129' may not follow 'first': only -128 to +127 may"},
        {"alloc 0 tail+", 2, 13, "'+' may not follow 'tail': only -128 to +127 may"},
        {"alloc 0 2^63--1", 2, 13, "'--1' may not follow '2^63': only -128 to +127 may"},
        {"alloc 0 max+1", 2, 12, "'+1' may not follow 'max': only -128 to +0 may"},
        {"interior 0 x", 2, 12, "'x' is not a step: a step is a decimal number from 0 to 16777215"},
        {"foreign 16777216", 2, 9, "'16777216' is not a step: a step is a decimal number from 0 to 16777215"},
        {"double 0 twice", 2, 10, "'twice' cannot stand here; what can: realloc"},
        {"heap disable=null,free\nnull", 3, 1,
         "the heap line disables 'null': take it out of disable= to use it"},
        /* The heap line. */
        {"heap\nheap", 3, 1, "a program has only one heap line"},
        {"null\nheap", 3, 1, "the heap line must come before the first operation"},
        {"heap pagse=64", 2, 6, "unknown heap setting 'pagse'; did you mean 'page'?"},
        {"heap size=64", 2, 6, "unknown heap setting 'size'; one of: page pages growth slots refuse disable"},
        {"heap page", 2, 10, "'page' needs a value: page=..."},
        {"heap page=64 page=64", 2, 14, "the heap line gives 'page' twice"},
        {"heap page=", 2, 11, "page must be a power of two from 32 to 4096, not ''"},
        {"heap page=48", 2, 11, "page must be a power of two from 32 to 4096, not '48'"},
        {"heap page=16", 2, 11, "page must be a power of two from 32 to 4096, not '16'"},
        {"heap page=8192", 2, 11, "page must be a power of two from 32 to 4096, not '8192'"},
        {"heap slots=8", 2, 12, "slots must be a power of two from 16 to 4096, not '8'"},
        {"heap pages=0", 2, 12, "pages must be a number from 1 to 512, not '0'"},
        {"heap pages=513", 2, 12, "pages must be a number from 1 to 512, not '513'"},
        {"heap growth=64", 2, 13, "growth must be a number from 0 to 63, not '64'"},
        {"heap growth=20 pages=500", 2, 13, "pages + growth may not exceed 512, but are 500 + 20"},
        {"heap refuse=0,16", 2, 15, "refuse takes numbers from 0 to 15, with commas between, not '16'"},
        {"heap refuse=0,", 2, 15, "refuse takes numbers from 0 to 15, with commas between, not ''"},
        {"heap refuse=3,03", 2, 15, "refuse names '03' twice"},
        {"heap disable=nul", 2, 14, "unknown operation 'nul'; did you mean 'null'?"},
        {"heap disable=null,", 2, 19, "unknown operation ''; one of: " KINDS},
        {"heap disable=null,null", 2, 19, "disable names 'null' twice"},
        {"heap "
         "disable=alloc,free,realloc,zalloc,calloc,aligned,coalesce,double,interior,misaligned,foreign,null,"
         "refuse",
         2, 14, "not all kinds can be disabled: leave one out of disable="},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_error(cases[i].lines, cases[i].line, cases[i].column, cases[i].message);
    }
}

TEST(the_first_error_is_the_one_reported) {
    assert_error("free x\nfree y", 2, 6, "'x' is not a slot: a slot is a decimal number from 0 to 15");
    assert_error("alloc x y z", 2, 7, "'x' is not a slot: a slot is a decimal number from 0 to 15");
}

TEST(a_text_too_large_for_memory_is_an_error_without_a_line) {
    static const char text[] = FIRST_LINE;
    struct encoding encoding;
    struct text_error error;
    /* Nothing after the first line is read before it is known that there is room for it. */
    assert_false(text_parse((const uint8_t *)text, SIZE_MAX / 2, &encoding.bytes, &encoding.size, &error));
    assert_null(encoding.bytes);
    assert_int_equal(error.line, 0);
    assert_int_equal(error.column, 0);
    assert_string_equal(error.message, "out of memory");
}

TEST(a_text_made_in_memory_is_the_one_that_is_printed) {
    static const uint8_t bytes[] = {1, 0, 1, 3, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 24, 0, 0, 3, 1, 0, 40};
    for (size_t i = 0; i <= sizeof bytes; i++) {
        const struct program program = program_decode(bytes, i);
        size_t size;
        char *const printed = print(&program);
        char *const made = text_make(&program, &size);
        assert_non_null(made);
        assert_string_equal(made, printed);
        assert_int_equal(size, strlen(printed));
        free(made);
        free(printed);
    }
}

TEST(printing_to_a_stream_that_fails_says_so) {
    char room[8];
    const struct program program = program_decode(NULL, 0);
    FILE *const stream = fmemopen(room, sizeof room, "w");
    assert_non_null(stream);
    assert_int_equal(setvbuf(stream, NULL, _IONBF, 0), 0);
    assert_int_not_equal(text_print(&program, stream), 0);
    (void)fclose(stream);
}
