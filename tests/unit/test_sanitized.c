/* Specification: the line that an image with sanitizers prints of what they found. The shadow is a small one
 * here, with something else before and after it, and the image ends by coming back. */
#include "fuzz/board/image.h"
#include "src/riscv/sanitizer/sanitizer.h"
#include "src/riscv/sanitizer/shadow.h"
#include "tests/unit/test.h"

#define MEMORY  ((uintptr_t)0x80000000) /* the first address that has a shadow */
#define GRANULE ((uintptr_t)8)          /* bytes */
#define COUNT   ((size_t)64)            /* bytes of shadow: four rows */
#define ROW     "00000000000000000000000000000000"
#define NO_ROW  "ffffffffffffffffffffffffffffffff"

/* A row of something else, the shadow, and another row. */
static _Alignas(16) unsigned char memory[16 + COUNT + 16];

bool shadow_covers(uintptr_t address, size_t size) {
    return address >= MEMORY && address <= MEMORY + COUNT * GRANULE &&
           size <= MEMORY + COUNT * GRANULE - address;
}

unsigned char *shadow_of(uintptr_t address) {
    assert_true(shadow_covers(address, 1));
    return memory + 16 + (address - MEMORY) / GRANULE;
}

static jmp_buf stopped;
static char said_letter;
static struct line said;

void image_stop(const char *letter, const struct line *details) {
    said_letter = letter[0];
    said = *details;
    longjmp(stopped, 1);
}

static const char *said_text(void) {
    static char text[LINE_SIZE + 1];
    memcpy(text, said.text, said.size);
    text[said.size] = '\0';
    return text;
}

/* The line about an access to these 8 bytes. */
static const char *line_about(uintptr_t address) {
    const struct sanitizer_access access = {
        .kind = "use-after-poison", .address = address, .size = 8, .bad = address};
    if (setjmp(stopped) == 0) {
        sanitizer_stop_access(&access);
    }
    assert_int_equal(said_letter, 'S');
    return said_text();
}

/* The line about undefined behaviour in this file, of this type. */
static const char *line_about_undefined(const char *file, const char *type) {
    const struct sanitizer_undefined undefined = {
        .kind = "add-overflow", .access = "-", .file = file, .line = 7, .type = type, .left = -1};
    if (setjmp(stopped) == 0) {
        sanitizer_stop_undefined(&undefined);
    }
    assert_int_equal(said_letter, 'U');
    return said_text();
}

static void assert_shadow(uintptr_t address, const char *shadow) {
    const char *const line = line_about(address);
    const char *const last = strrchr(line, ' ');
    assert_non_null(last);
    assert_memory_equal(last + 1, shadow, strlen(shadow));
    assert_string_equal(last + 1 + strlen(shadow), "\n");
}

static void fill(void) {
    memset(memory, 0xaa, sizeof memory);
    memset(memory + 16, 0, COUNT);
}

#define SHADOW_TEST(name) TEST_WITH(name, fill, NULL)

SHADOW_TEST(the_shadow_is_three_rows_with_the_address_in_the_second) {
    memory[16 + 16 + 3] = 0xf7;
    memory[16 + 32] = 0x05;
    const char *const shadow = ROW "000000f7000000000000000000000000"
                                   "05000000000000000000000000000000";
    assert_shadow(MEMORY + (16 + 3) * GRANULE, shadow);
    assert_shadow(MEMORY + (16 + 3) * GRANULE + 7, shadow);
}

SHADOW_TEST(past_the_ends_of_the_shadow_nothing_is_read) {
    for (uintptr_t address = MEMORY; address < MEMORY + 16 * GRANULE; address++) {
        assert_shadow(address, NO_ROW ROW ROW);
        assert_shadow(address + (COUNT - 16) * GRANULE, ROW ROW NO_ROW);
    }
}

SHADOW_TEST(an_address_without_a_shadow_is_told_as_such) {
    assert_shadow(MEMORY - 1, "-");
    assert_shadow(MEMORY + COUNT * GRANULE, "-");
}

TEST(a_text_from_outside_is_one_word_of_plain_characters_and_forges_no_line) {
    assert_string_equal(line_about_undefined("a\nEND 1 1\r\t\x1b\x7f\xc3\xa4.c", "'unsigned int'"),
                        " add-overflow - a?END\t1\t1???"
                        "???.c 7 0 'unsigned\tint' -1 0 0 0 0\n");
    assert_string_equal(line_about_undefined("", ""), " add-overflow - - 7 0 - -1 0 0 0 0\n");
}

TEST(the_longest_texts_leave_the_line_whole) {
    static const char text[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
    const char *const line = line_about_undefined(text, text);
    assert_string_equal(strrchr(line, ' '), " 0\n");
}
