/* Specification: failing programs made small whatever they fail by. The failure stays the same one, and no
 * candidate's death ends the search. */
#include "tests/unit/deadly_subject.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/reduce_fixture.h"

#include "fuzz/host/reduced.h"

static struct subject deadly;

static void start_deadly(void) {
    deadly = deadly_subject();
    make_executor(&deadly, first_arena, ORACLE_ALL);
}

#define DEADLY_TEST(name) TEST_WITH(name, start_deadly, NULL)

#define SMALLEST    "heap page=32 pages=1 growth=0 slots=16\n"
#define ROUNDS      30 /* of operations in a program */
#define HANG_ROUNDS 6  /* a candidate that hangs is given a millisecond for each operation */

/* A program of many operations that asks for `size` bytes in the end. */
static struct program program_asking(int32_t size, int rounds) {
    static char text[4096];
    int length = snprintf(text, sizeof text, "kmem-program 1\nheap page=4096 pages=4 growth=3 slots=64\n");
    for (int i = 0; i < rounds; i++) {
        length += snprintf(text + length, sizeof text - (size_t)length,
                           "alloc %d %d\nzalloc 40 usable+8\nrealloc 7 24\nfree %d\n", i, 8 * i, i / 2);
    }
    snprintf(text + length, sizeof text - (size_t)length, "alloc 50 %d\nfree 3\n", (int)size);
    return parse(text);
}

static const struct {
    const char *name;
    int32_t size;
    const char *failure; /* with a sanitizer */
    const char *plain;   /* and without; NULL: there it is another */
    const char *reduced; /* the text of the program, but for its first line */
    int rounds;          /* 0: ROUNDS */
} reductions[] = {
    {"a signal", DEADLY(DEATH_SIGNAL) + 90, "SIGSEGV in read_nowhere", "SIGSEGV", SMALLEST "alloc 0 1000\n"},
    {"an abort", DEADLY(DEATH_ABORT) + 90, "SIGABRT in die", "SIGABRT", SMALLEST "alloc 0 1200\n"},
    {"a sanitizer's report", DEADLY(DEATH_POISON) + 90, "use-after-poison in read_poison", NULL,
     SMALLEST "alloc 0 1500\n"},
    {"a hang", DEADLY(DEATH_HANG) + 90, "hang", "hang", SMALLEST "alloc 0 1300\n", HANG_ROUNDS},
    {"an exit", DEADLY(DEATH_EXIT) + 90, "exit 7", "exit 7", SMALLEST "alloc 0 1400\n"},
    /* On its way down the size passes through all that kills. */
    {"a violation, past candidates that die", 3500, "placement", "placement",
     "heap page=64 pages=47 growth=0 slots=16\nalloc 0 3000\n"},
};

TEST_EACH_WITH(a_failure_of_any_kind_is_reduced, reductions, start_deadly, NULL) {
    if (row->plain == NULL && !PORT_ADDRESS_SANITIZER) {
        return;
    }
    const struct program program = program_asking(row->size, row->rounds == 0 ? ROUNDS : row->rounds);
    struct reduced reduced;
    assert_int_equal(reduced_make("a program", &executor, &program, &reduced), EXIT_VIOLATION);
    char name[FAILURE_TEXT_SIZE];
    assert_string_equal(failure_text(&reduced.failure, name),
                        PORT_ADDRESS_SANITIZER ? row->failure : row->plain);
    assert_int_equal(reduced.failure.operation_index, 0);
    assert_text(&reduced.program, words("kmem-program 1\n%s", row->reduced));
    assert_true(reduced.replay_count >= 2);
    reduced_close(&reduced);
}

DEADLY_TEST(a_sound_program_is_told_and_not_reduced) {
    const struct program program = program_asking(24, ROUNDS);
    struct reduced reduced;
    assert_int_equal(reduced_make("a program", &executor, &program, &reduced), EXIT_SOUND);
    assert_int_equal(reduced.failure.kind, FAILURE_NONE);
    assert_null(reduced.bytes);
    reduced_close(&reduced);
}

/* A subject that writes where the arena is not: what it leaves behind makes later runs of its process fail.
 */
static unsigned char left_behind;

static void *littering_alloc(size_t size) {
    if (left_behind != 0 || size == 77) {
        left_behind = 1;
        return NULL;
    }
    return subject_kmem.alloc(size);
}

DEADLY_TEST(what_one_candidate_leaves_behind_does_not_mislead) {
    deadly.alloc = littering_alloc;
    const struct program program =
        parse("kmem-program 1\nheap page=256\nalloc 0 8\nalloc 1 16\nfree 0\nalloc 2 77\n");
    struct reduced reduced;
    assert_int_equal(reduced_make("a program", &executor, &program, &reduced), EXIT_VIOLATION);
    assert_text(&reduced.program, "kmem-program 1\nheap page=32 pages=3 growth=0 slots=16\nalloc 0 77\n");
    reduced_close(&reduced);
}
