/* Specification: how the fuzz targets report a broken rule and end, and the comparisons they share. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "fuzz/libfuzzer/rule.h"
#include "fuzz/libfuzzer/steps.h"
#include "tests/unit/file_fixture.h"

#define RULE_LIST(X)                                                                                         \
    X(EVEN, "test-even", "Every number is even.")                                                            \
    X(SMALL, "test-small", "Every number is small.")

RULES(RULE_LIST);

static void break_rule(unsigned unused) {
    (void)unused;
    signal(SIGABRT, SIG_DFL); /* no sanitizer's report after ours */
    rule_break(&rule_EVEN);
}

FOLDER_TEST(a_broken_rule_is_named_with_its_sentence_and_aborts) {
    catch_errors();
    const int status = status_of(break_rule, 0);
    assert_errors("\nVIOLATION test-even: Every number is even.\n");
    assert_aborted(status);
}

static void describe(const void *run, size_t number, char text[RULE_TEXT_SIZE]) {
    (void)snprintf(text, RULE_TEXT_SIZE, "%s(%zu)", (const char *)run, number * 10);
}

static void print_state(const void *run) {
    (void)fprintf(stderr, "  state of %s\n", (const char *)run);
}

static void break_run(unsigned operation_count) {
    const struct rule_run run = {
        .run = "call", .operation_count = operation_count, .describe = describe, .print_state = print_state};
    signal(SIGABRT, SIG_DFL);
    rule_break_run(&rule_SMALL, &run, "less", "more");
}

FOLDER_TEST(a_run_s_report_has_the_operation_what_was_expected_and_the_state) {
    catch_errors();
    const int status = status_of(break_run, 1);
    assert_errors("\nVIOLATION test-small: Every number is small.\n"
                  "  operation 0: call(0)\n  expected: less\n  observed: more\n"
                  "  last operations:\n    0: call(0)\n  state of call\n");
    assert_aborted(status);
}

FOLDER_TEST(a_long_run_s_report_has_the_last_eight_operations) {
    catch_errors();
    (void)status_of(break_run, 10);
    assert_errors("\nVIOLATION test-small: Every number is small.\n"
                  "  operation 9: call(90)\n  expected: less\n  observed: more\n"
                  "  last operations:\n    2: call(20)\n    3: call(30)\n    4: call(40)\n    5: call(50)\n"
                  "    6: call(60)\n    7: call(70)\n    8: call(80)\n    9: call(90)\n  state of call\n");
}

FOLDER_TEST(what_was_told_step_by_step_is_not_told_again) {
    catch_errors();
    assert_int_equal(setenv("KMEM_STEPS", "1", 1), 0);
    (void)status_of(break_run, 10); /* a process of its own: in this one no one has asked yet */
    assert_int_equal(unsetenv("KMEM_STEPS"), 0);
    assert_errors("\nVIOLATION test-small: Every number is small.\n"
                  "  operation 9: call(90)\n  expected: less\n  observed: more\n  state of call\n");
}

FOLDER_TEST(a_text_in_a_step_is_indented_and_has_what_is_not_printable_as_numbers) {
    catch_errors();
    steps_print_text((const uint8_t *)"a\\b\n\n\x80\0%s", 9);
    steps_print_text((const uint8_t *)"", 0);
    steps_print_text((const uint8_t *)"end\n", 4);
    assert_errors("    | a\\\\b\n    | \n    | \\x80\\x00%s\n    | end\n");
}

TEST(the_table_has_every_rule_and_each_ends_in_a_function_of_its_own) {
    assert_ptr_equal(rule_table[0], &rule_EVEN);
    assert_ptr_equal(rule_table[1], &rule_SMALL);
    assert_null(rule_table[2]);
    assert_ptr_not_equal(rule_EVEN.violation, rule_SMALL.violation);
}

TEST(the_first_difference_is_found_wherever_it_is) {
    unsigned char left[64] = {0};
    unsigned char right[64] = {0};
    assert_int_equal(rule_first_difference(left, right, sizeof left), sizeof left);
    assert_int_equal(rule_first_difference(left, right, 0), 0);
    for (size_t i = sizeof left; i-- > 0;) {
        right[i] = 1;
        assert_int_equal(rule_first_difference(left, right, sizeof left), i);
        assert_int_equal(rule_first_difference(left, right, i), i); /* it lies after the end */
    }
}

TEST(a_message_is_printable_and_ends_within_its_bytes) {
    assert_true(rule_is_message("a message ~", 12));
    assert_false(rule_is_message("a message ~", 11)); /* the NUL is after the end */
    assert_false(rule_is_message("", 1));
    assert_false(rule_is_message("two\nlines", 10));
    assert_false(rule_is_message("\x7f", 2));
    assert_false(rule_is_message("\xc3\xa9", 3));
}
