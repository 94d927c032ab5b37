/* The rules of a fuzz target, and how the process reports a broken one and ends. Every target but the heap's,
 * which has the harness's own report (fuzz/report), uses it. */
#ifndef KMEM_RULE_H
#define KMEM_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define RULE_HISTORY_COUNT ((size_t)8) /* operations a report shows */
#define RULE_TEXT_SIZE     128         /* bytes of an operation's text, the final 0 included */

/* One thing that must hold. */
struct rule {
    const char *id;       /* letters, digits and dashes, the target's name first; names the finding */
    const char *sentence; /* one, that is false when the rule is broken */
    __attribute__((noreturn)) void (*violation)(void);
};

/* The id of the broken rule. Each violation function writes its own, so that no two of them can be merged
 * into one. */
extern const char *volatile rule_broken;

/* The target's rules, ended by NULL. `TARGET_fuzzer --rules` prints them, with every engine. */
extern const struct rule *const rule_table[];

/* Defines the target's rules, and rule_table in the same order. Each row X(NAME, id, sentence) of the list
 * becomes rule_NAME, and violation_NAME, the function in which the process dies when it is broken: tools
 * distinguish crashes by the names on their stacks. */
#define RULES(LIST) LIST(RULE_DEFINITION) const struct rule *const rule_table[] = {LIST(RULE_ADDRESS) NULL}

#define RULE_DEFINITION(name, id, sentence)                                                                  \
    __attribute__((noinline, noreturn)) static void violation_##name(void) {                                 \
        rule_broken = (id);                                                                                  \
        abort();                                                                                             \
    }                                                                                                        \
    static const struct rule rule_##name = {id, sentence, violation_##name};
#define RULE_ADDRESS(name, ...) &rule_##name,

/* What a report says about the input that breaks a rule. */
struct rule_run {
    const void *run;        /* the target's own, passed to the functions below */
    size_t operation_count; /* operations done, at least 1; the last of them broke the rule */
    /* The text of operation `number`, one of the last RULE_HISTORY_COUNT; they are numbered from 0. */
    void (*describe)(const void *run, size_t number, char text[RULE_TEXT_SIZE]);
    void (*print_state)(const void *run); /* to standard error, in lines that begin with two blanks */
};

/* Prints that the rule is broken to standard error, and ends the process in the rule's own function. */
__attribute__((noreturn)) void rule_break(const struct rule *rule);

/* Where steps are wanted (steps.h), prints the operation that is about to be done, the last one counted. */
void rule_print_step(const struct rule_run *run);

/* Reports the rule as rule_break does, with the operation just done, what was expected and observed, the
 * operations before it (unless steps.h prints them) and the state in between. */
__attribute__((noreturn)) void rule_break_run(const struct rule *rule, const struct rule_run *run,
                                              const char *expected, const char *observed);

/* The index of the first byte in which two pieces of size bytes differ; size when they are equal. */
size_t rule_first_difference(const unsigned char *left, const unsigned char *right, size_t size);

/* Whether the size bytes at text hold a message: printable ASCII, a character at least, and a NUL. */
bool rule_is_message(const char *text, size_t size);

#endif
