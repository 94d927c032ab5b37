/* Unit tests. Each registers itself, and tests/unit/test.c runs those of a program in the order of their
 * lines.
 *
 *     TEST(a_name_that_is_a_sentence) {
 *         assert_int_equal(1 + 1, 2);
 *     }
 */
#ifndef KMEM_TEST_H
#define KMEM_TEST_H

/* What cmocka.h needs and does not include, and what tests use of the C library. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <cmocka.h>

/* A row of a table ends where the rest is 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

struct test {
    const char *name;
    unsigned line;
    void (*setup)(void);    /* runs before the test; NULL if there is nothing to do */
    void (*teardown)(void); /* runs after it, passed or failed; NULL if there is nothing to do */
    void (*run)(void);      /* NULL in a table of tests, which has what follows */
    void (*run_row)(const void *row);
    const void *rows;
    size_t row_size;  /* bytes; each row starts with its name, a const char * */
    size_t row_count; /* 1 where there is no table */
    struct test *next;
};

/* Takes the test, which must last, into the program. */
void test_register(struct test *test);

#define TEST_REGISTER(name, ...)                                                                             \
    __attribute__((constructor)) static void name##_register(void) {                                         \
        static struct test test = {#name, __LINE__, __VA_ARGS__, NULL};                                      \
        test_register(&test);                                                                                \
    }

#define TEST(name) TEST_WITH(name, NULL, NULL)

/* A test that needs something prepared. Fixtures define their own words by this. */
#define TEST_WITH(name, setup, teardown)                                                                     \
    static void name(void);                                                                                  \
    TEST_REGISTER(name, setup, teardown, name, NULL, NULL, 0, 1)                                             \
    static void name(void)

/* A test for each row of an array: the body sees one, *row. */
#define TEST_EACH(name, rows) TEST_EACH_WITH(name, rows, NULL, NULL)

#define TEST_EACH_WITH(name, rows, setup, teardown)                                                          \
    static void name(const __typeof__(*(rows)) *row);                                                        \
    static void name##_row(const void *row) {                                                                \
        name(row);                                                                                           \
    }                                                                                                        \
    TEST_REGISTER(name, setup, teardown, NULL, name##_row, rows, sizeof *(rows), LENGTH(rows))               \
    static void name(const __typeof__(*(rows)) *row)

/* Marsaglia's xorshift64: *state is never 0. */
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The next item of a text with "; " between its items; NULL after the last. */
static inline const char *next_item(const char *item) {
    const char *const end = strchr(item, ';');
    return end == NULL ? NULL : end + strspn(end, "; ");
}

/* The names of the numbers from 0 on, with blanks between; the next number's is "unknown". */
#define ASSERT_NAMES(name, expected)                                                                         \
    do {                                                                                                     \
        char names_[512] = "";                                                                               \
        unsigned number_ = 0;                                                                                \
        for (; strcmp((name)(number_), "unknown") != 0; number_++) {                                         \
            assert_true(strlen(names_) + strlen((name)(number_)) + 2 < sizeof names_);                       \
            strcat(strcat(names_, number_ == 0 ? "" : " "), (name)(number_));                                \
        }                                                                                                    \
        assert_string_equal(names_, expected);                                                               \
    } while (0)

/* Ends the test. The reason is printed, where ./ci/test finds it. */
#define SKIP(reason)                                                                                         \
    do {                                                                                                     \
        print_message("skipped: %s\n", reason);                                                              \
        skip();                                                                                              \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
