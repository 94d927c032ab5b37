/* Specification: the line that an image with sanitizers prints of an access. The shadow is a small one here,
 * with something else before and behind it, and the image ends by coming back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/target/image.h"
#include "src/riscv/sanitizer/sanitizer.h"
#include "src/riscv/sanitizer/shadow.h"

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
static struct line said;

void image_stop(const char *letter, const struct line *details) {
    assert_string_equal(letter, "S");
    said = *details;
    longjmp(stopped, 1);
}

/* The line about an access to these 8 bytes. */
static const char *line_about(uintptr_t address) {
    static char text[LINE_SIZE + 1];
    const struct sanitizer_access access = {
        .kind = "use-after-poison", .address = address, .size = 8, .bad = address};
    if (setjmp(stopped) == 0) {
        sanitizer_stop_access(&access);
    }
    memcpy(text, said.text, said.size);
    text[said.size] = '\0';
    return text;
}

static void assert_shadow(uintptr_t address, const char *shadow) {
    const char *const line = line_about(address);
    const char *const last = strrchr(line, ' ');
    assert_non_null(last);
    assert_memory_equal(last + 1, shadow, strlen(shadow));
    assert_string_equal(last + 1 + strlen(shadow), "\n");
}

static int fill(void **state) {
    (void)state;
    memset(memory, 0xaa, sizeof memory);
    memset(memory + 16, 0, COUNT);
    return 0;
}

static void the_shadow_is_three_rows_with_the_address_in_the_second(void **state) {
    (void)state;
    memory[16 + 16 + 3] = 0xf7;
    memory[16 + 32] = 0x05;
    const char *const shadow = ROW "000000f7000000000000000000000000"
                                   "05000000000000000000000000000000";
    assert_shadow(MEMORY + (16 + 3) * GRANULE, shadow);
    assert_shadow(MEMORY + (16 + 3) * GRANULE + 7, shadow);
}

static void past_the_ends_of_the_shadow_nothing_is_read(void **state) {
    (void)state;
    for (uintptr_t address = MEMORY; address < MEMORY + 16 * GRANULE; address++) {
        assert_shadow(address, NO_ROW ROW ROW);
        assert_shadow(address + (COUNT - 16) * GRANULE, ROW ROW NO_ROW);
    }
}

static void an_address_without_a_shadow_is_told_as_such(void **state) {
    (void)state;
    assert_shadow(MEMORY - 1, "-");
    assert_shadow(MEMORY + COUNT * GRANULE, "-");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_shadow_is_three_rows_with_the_address_in_the_second, fill),
        cmocka_unit_test_setup(past_the_ends_of_the_shadow_nothing_is_read, fill),
        cmocka_unit_test_setup(an_address_without_a_shadow_is_told_as_such, fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
