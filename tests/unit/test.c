/* Runs the tests of a program under cmocka: each test, and each row of a table of tests, is one of cmocka's.
 * A program without any fails. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#define TITLE_SIZE 256 /* bytes; a longer title is cut */

struct entry {
    const struct test *test;
    const void *row;
    char title[TITLE_SIZE];
};

static struct test *tests; /* in the order of their lines */

void test_register(struct test *test) {
    struct test **place = &tests;
    while (*place != NULL && (*place)->line < test->line) {
        place = &(*place)->next;
    }
    test->next = *place;
    *place = test;
}

static int set_up(void **state) {
    const struct entry *const entry = *state;
    if (entry->test->setup != NULL) {
        entry->test->setup();
    }
    return 0;
}

static int tear_down(void **state) {
    const struct entry *const entry = *state;
    if (entry->test->teardown != NULL) {
        entry->test->teardown();
    }
    return 0;
}

static void run(void **state) {
    const struct entry *const entry = *state;
    if (entry->test->run != NULL) {
        entry->test->run();
    } else {
        entry->test->run_row(entry->row);
    }
}

static void make_entry(struct entry *entry, const struct test *test, size_t row) {
    entry->test = test;
    if (test->run != NULL) {
        (void)snprintf(entry->title, sizeof entry->title, "%s", test->name);
    } else {
        entry->row = (const char *)test->rows + row * test->row_size;
        (void)snprintf(entry->title, sizeof entry->title, "%s: %s", test->name,
                       *(const char *const *)entry->row);
    }
}

int main(void) {
    size_t total = 0;
    for (const struct test *test = tests; test != NULL; test = test->next) {
        total += test->row_count;
    }
    if (total == 0) {
        (void)fprintf(stderr, "no test is registered\n");
        return EXIT_FAILURE;
    }
    struct entry *const entries = calloc(total, sizeof *entries);
    struct CMUnitTest *const units = calloc(total, sizeof *units);
    if (entries == NULL || units == NULL) {
        (void)fprintf(stderr, "there is no memory for the tests\n");
        abort();
    }
    size_t count = 0;
    for (const struct test *test = tests; test != NULL; test = test->next) {
        for (size_t row = 0; row < test->row_count; row++) {
            make_entry(&entries[count], test, row);
            units[count] = (struct CMUnitTest){.name = entries[count].title,
                                               .test_func = run,
                                               .setup_func = set_up,
                                               .teardown_func = tear_down,
                                               .initial_state = &entries[count]};
            count++;
        }
    }
    const int failed = _cmocka_run_group_tests("tests", units, count, NULL, NULL);
    free(units);
    free(entries);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
