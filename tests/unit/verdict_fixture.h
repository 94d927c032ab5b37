/* What the tests of the checkers share: verdicts as text, and what a verdict on one kind of damage must be.
 */
#ifndef KMEM_VERDICT_FIXTURE_H
#define KMEM_VERDICT_FIXTURE_H

#include "invariants/invariant.h"
#include "tests/unit/test.h"

/* A checker with its arguments bound, and the names of its invariants. */
struct checker {
    struct verdict (*check)(uint64_t mask);
    const char *(*id)(unsigned invariant);
    uint64_t all;
};

/* expected: "sound", or the invariant's id, the offset, and the values expected and observed, each as a
 * signed number. */
static inline void assert_checked(const struct checker *checker, uint64_t mask, const char *expected) {
    const struct verdict verdict = checker->check(mask);
    const char *const id = checker->id(verdict.oracle);
    char text[160];
    (void)snprintf(text, sizeof text, "%s %" PRId64 " %" PRId64 " %" PRId64, id == NULL ? "sound" : id,
                   (int64_t)verdict.offset, (int64_t)verdict.expected, (int64_t)verdict.observed);
    assert_int_equal(verdict_is_sound(verdict), id == NULL);
    assert_string_equal(text, strcmp(expected, "sound") == 0 ? "sound 0 0 0" : expected);
}

/* The damage breaks an invariant, which is named first and on its own, with the same values. */
static inline void assert_named_by(const struct checker *checker, const char *expected) {
    assert_checked(checker, checker->all, expected);
    assert_checked(checker, UINT64_C(1) << checker->check(checker->all).oracle, expected);
    assert_checked(checker, 0, "sound");
}

/* And it breaks no other. */
static inline void assert_broken_by(const struct checker *checker, const char *expected) {
    assert_named_by(checker, expected);
    assert_checked(checker, checker->all & ~(UINT64_C(1) << checker->check(checker->all).oracle), "sound");
}

/* A verdict with a number in it, in storage that lasts until the next call. */
static inline const char *with(const char *format, uint64_t number) {
    static char text[160];
    (void)snprintf(text, sizeof text, format, (int64_t)number);
    return text;
}

/* Every invariant has an id of its own that begins in this way, and a sentence; what is none has neither. */
static inline void assert_named_apart(const char *(*id)(unsigned), const char *(*sentence)(unsigned),
                                      unsigned count, const char *front) {
    for (unsigned invariant = 1; invariant < count; invariant++) {
        const char *const said = sentence(invariant);
        assert_int_equal(strncmp(id(invariant), front, strlen(front)), 0);
        assert_true(said[0] >= 'A' && said[0] <= 'Z');
        assert_int_equal(said[strlen(said) - 1], '.');
        for (unsigned other = 1; other < invariant; other++) {
            assert_string_not_equal(id(invariant), id(other));
            assert_string_not_equal(said, sentence(other));
        }
    }
    assert_null(id(0));
    assert_null(sentence(0));
    assert_null(id(count));
    assert_null(sentence(count));
}

#endif
