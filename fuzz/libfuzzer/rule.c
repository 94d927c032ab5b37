/* Reports of broken rules. rule.h is the contract. */
#include "fuzz/libfuzzer/rule.h"

#include <stdio.h>
#include <string.h>

#include "fuzz/libfuzzer/steps.h"

const char *volatile rule_broken;

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);

/* NOLINTNEXTLINE(readability-non-const-parameter): it is as libFuzzer declares it */
int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    if (*argument_count != 2 || strcmp((*arguments)[1], "--rules") != 0) {
        return 0;
    }
    for (const struct rule *const *rule = rule_table; *rule != NULL; rule++) {
        printf("%-26s %s\n", (*rule)->id, (*rule)->sentence);
    }
    exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void print_rule(const struct rule *rule) {
    (void)fprintf(stderr, "\nVIOLATION %s: %s\n", rule->id, rule->sentence);
}

static void print_operation(const struct rule_run *run, const char *indent, size_t number) {
    char text[RULE_TEXT_SIZE];
    run->describe(run->run, number, text);
    (void)fprintf(stderr, "%s%zu: %s\n", indent, number, text);
}

static void print_history(const struct rule_run *run) {
    const size_t count = run->operation_count;
    (void)fprintf(stderr, "  last operations:\n");
    for (size_t i = count > RULE_HISTORY_COUNT ? count - RULE_HISTORY_COUNT : 0; i < count; i++) {
        print_operation(run, "    ", i);
    }
}

void rule_break(const struct rule *rule) {
    print_rule(rule);
    rule->violation();
}

void rule_print_step(const struct rule_run *run) {
    if (steps_are_wanted()) {
        print_operation(run, "  operation ", run->operation_count - 1);
    }
}

void rule_break_run(const struct rule *rule, const struct rule_run *run, const char *expected,
                    const char *observed) {
    print_rule(rule);
    print_operation(run, "  operation ", run->operation_count - 1);
    (void)fprintf(stderr, "  expected: %s\n  observed: %s\n", expected, observed);
    if (!steps_are_wanted()) { /* else they are there already */
        print_history(run);
    }
    run->print_state(run->run);
    rule->violation();
}

size_t rule_first_difference(const unsigned char *left, const unsigned char *right, size_t size) {
    size_t index = memcmp(left, right, size) == 0 ? size : 0; /* most are equal, and memcmp is fast */
    while (index < size && left[index] == right[index]) {
        index++;
    }
    return index;
}

bool rule_is_message(const char *text, size_t size) {
    size_t length = 0;
    while (length < size && text[length] >= ' ' && text[length] <= '~') {
        length++;
    }
    return length > 0 && length < size && text[length] == '\0';
}
