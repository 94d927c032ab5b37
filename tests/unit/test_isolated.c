/* Specification: programs run in child processes. Whatever a program makes the subject do, the caller gets
 * its name, and the next program runs as if nothing had been. */
#define _DEFAULT_SOURCE     /* MAP_ANONYMOUS */
#define _XOPEN_SOURCE   700 /* nftw */
#include "tests/unit/deadly_subject.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/file_fixture.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "fuzz/host/abort.h"
#include "fuzz/host/isolated.h"

#define CAPACITY   ((size_t)1024) /* bytes of the largest program here */
#define SHORT_WAIT 50u            /* milliseconds: for what waits for ever */

static const struct program_header page_heap = {.page_size = 4096, .page_count = 4, .slot_count = 16};
static struct subject deadly;
static struct isolated isolated;
static struct outcome outcome; /* of the test's examination */

static void open_isolated(void) {
    deadly = deadly_subject();
    make_executor(&deadly, first_arena, ORACLE_ALL);
    assert_int_equal(isolated_open(&isolated, &executor, CAPACITY), EXIT_SOUND);
}

static void close_isolated(void) {
    isolated_close(&isolated);
    outcome_close(&outcome);
}

#define ISOLATED_TEST(name) TEST_WITH(name, open_isolated, close_isolated)

static struct program program_asking(int32_t size) {
    return program_of(&page_heap, words("alloc 0 %d", size));
}

/* Runs a program that asks for `size` bytes in its second operation. */
static struct failure run_asking(int32_t size) {
    const struct program program = program_of(&page_heap, words("alloc 0 24; alloc 1 %d; free 0", size));
    return isolated_run(&isolated, &program);
}

static void examine(struct program program) {
    isolated_examine(&executor, &program, NULL, &outcome);
}

static void assert_failure(struct failure failure, const char *name) {
    char text[FAILURE_TEXT_SIZE];
    assert_string_equal(failure_text(&failure, text), name);
}

/* The failure's name in a build with a sanitizer, which knows the place, and in one without. */
static void assert_failure_in(struct failure failure, const char *watched, const char *plain) {
    assert_failure(failure, PORT_ADDRESS_SANITIZER ? watched : plain);
}

/* A sound program is sound. */
static void assert_still_works(void) {
    assert_failure(run_asking(24), "sound");
}

ISOLATED_TEST(a_verdict_comes_back_whole_with_its_operation) {
    const struct failure failure = run_asking((int32_t)DEADLY_WRONG_SIZE);
    assert_failure(failure, "placement");
    assert_verdict(failure.verdict, "placement 40 40 NULL");
    assert_int_equal(failure.operation_index, 1);
    assert_still_works();
}

static const struct {
    const char *name;
    enum death death;
    enum failure_kind kind; /* without a sanitizer */
    int number;
    const char *watched; /* the failure's name; NULL where it depends on the build */
    const char *plain;
} deaths[] = {
    {"a signal has its place", DEATH_SIGNAL, FAILURE_SIGNAL, SIGSEGV, "SIGSEGV in read_nowhere", "SIGSEGV"},
    {"an impossible instruction is a signal", DEATH_TRAP, FAILURE_SIGNAL, SIGILL, NULL, NULL},
    {"an abort is a signal at its caller", DEATH_ABORT, FAILURE_SIGNAL, SIGABRT, "SIGABRT in die", "SIGABRT"},
    {"a sanitizer's report is named with its place", DEATH_POISON, FAILURE_SIGNAL, SIGSEGV,
     "use-after-poison in read_poison", "SIGSEGV"},
    {"a kill from outside is a signal", DEATH_KILL, FAILURE_SIGNAL, SIGKILL, "SIGKILL", "SIGKILL"},
    {"a hang is ended", DEATH_HANG, FAILURE_HANG, 0, "hang", "hang"},
    {"an end of the process is named with its status", DEATH_EXIT, FAILURE_EXIT, 7, "exit 7", "exit 7"},
    {"a stack that overflows is survived", DEATH_STACK, FAILURE_SIGNAL, SIGSEGV, NULL, NULL},
};

TEST_EACH_WITH(a_death_is_told_apart_and_survived, deaths, open_isolated, close_isolated) {
    const struct failure failure = run_asking(DEADLY(row->death));
    if (row->death != DEATH_POISON || !PORT_ADDRESS_SANITIZER) {
        assert_int_equal(failure.kind, row->kind);
        assert_int_equal(failure.number, row->number);
    }
    if (row->plain != NULL) {
        assert_failure_in(failure, row->watched, row->plain);
    }
    assert_int_equal(failure.operation_index, 1);
    assert_still_works();
}

ISOLATED_TEST(a_failed_assertion_is_named_with_its_line_and_kept_with_its_text) {
    const struct failure failure = run_asking(DEADLY(DEATH_ASSERTION));
    assert_int_equal(failure.kind, FAILURE_SIGNAL);
    assert_int_equal(failure.number, SIGABRT);
    assert_memory_equal(failure.place, "deadly_subject.c:", strlen("deadly_subject.c:"));
    assert_still_works();
    struct assertion assertion;
    struct sanitizer_source source;
    examine(program_asking(DEADLY(DEATH_ASSERTION)));
    assert_true(failure_is_same(&outcome.failure, &failure));
    assert_true(assertion_find(outcome.report, &assertion));
    assert_string_equal(assertion.text, "sink == UINT_MAX && \"it holds\"");
    assert_true(sanitizer_find_source(outcome.report, &source));
    assert_string_equal(source.function, "die");
    assert_non_null(strstr(source.file, "deadly_subject.c"));
    char place[FAILURE_PLACE_SIZE];
    snprintf(place, sizeof place, "deadly_subject.c:%lu", source.line);
    assert_string_equal(failure.place, place);
}

ISOLATED_TEST(only_a_line_of_an_assertion_is_taken_for_one) {
    struct assertion assertion;
    static const char *const others[] = {"",
                                         "Assertion `x' failed.",
                                         "a: b.c:0: f: Assertion `x' failed.",
                                         "a: b.c:x: f: Assertion `x' failed.",
                                         "a: b.c:1: f: Assertion `x'",
                                         "a: b.c:1:\nf: Assertion `x' failed."};
    for (size_t i = 0; i < LENGTH(others); i++) {
        assert_false(assertion_find(others[i], &assertion));
    }
    assert_true(assertion_find("said\nkmemfuzz: /src/a/src/kmem.c:12: kmem_free: Assertion `a' failed.\nmore",
                               &assertion));
    assert_string_equal(assertion.source.file, "src/kmem.c");
    assert_string_equal(assertion.source.function, "kmem_free");
    assert_int_equal(assertion.source.line, 12);
    assert_true(assertion_find("k: b.c:1: void *kmem_alloc(struct kmem *, size_t): Assertion `a' failed.",
                               &assertion));
    assert_string_equal(assertion.source.function, "kmem_alloc");
}

ISOLATED_TEST(undefined_behaviour_is_named_with_its_line) {
    const struct failure failure = run_asking(DEADLY(DEATH_UNDEFINED));
    if (PORT_ADDRESS_SANITIZER) {
        assert_string_equal(failure.name, "signed-integer-overflow");
        assert_memory_equal(failure.place, "deadly_subject.c:", strlen("deadly_subject.c:"));
    }
    assert_still_works();
}

ISOLATED_TEST(a_subject_that_waits_for_ever_is_ended) {
    isolated.wait_milliseconds = SHORT_WAIT;
    assert_failure(run_asking(DEADLY(DEATH_SLEEP)), "hang");
    isolated.wait_milliseconds = ISOLATED_WAIT_MILLISECONDS;
    assert_still_works();
}

/* What is left behind keeps the child's socket open until this test has seen how the child ended. */
ISOLATED_TEST(what_a_subject_leaves_behind_does_not_hide_how_it_ended) {
    assert_int_equal(pipe(deadly_leash), 0);
    assert_failure(run_asking(DEADLY(DEATH_ORPHAN)), "exit 7");
    close(deadly_leash[1]);
    close(deadly_leash[0]);
    deadly_leash[0] = deadly_leash[1] = -1;
    assert_still_works();
}

/* The child of one has the other's socket open. Were that waited for, the alarm would end the test. */
ISOLATED_TEST(one_place_can_be_closed_while_a_child_of_another_runs_on) {
    struct isolated other;
    assert_int_equal(isolated_open(&other, &executor, CAPACITY), EXIT_SOUND);
    const struct program program = program_asking(24);
    assert_failure(isolated_run(&other, &program), "sound");
    assert_still_works();
    alarm(ISOLATED_WAIT_MILLISECONDS / 1000);
    isolated_close(&other);
    alarm(0);
    assert_still_works();
}

ISOLATED_TEST(a_subject_that_takes_all_memory_is_stopped) {
    const struct failure failure = run_asking(DEADLY(DEATH_MEMORY));
    assert_true(failure.kind == FAILURE_SIGNAL || failure.kind == FAILURE_SANITIZER);
    assert_still_works();
}

ISOLATED_TEST(failures_are_the_same_when_kind_and_place_are) {
    const struct failure signal = run_asking(DEADLY(DEATH_SIGNAL));
    const struct failure again = run_asking(DEADLY(DEATH_SIGNAL) + 1);
    const struct failure elsewhere = run_asking(DEADLY(DEATH_OTHER_SIGNAL));
    const struct failure abort = run_asking(DEADLY(DEATH_ABORT));
    const struct failure wrong = run_asking((int32_t)DEADLY_WRONG_SIZE);
    const struct failure sound = run_asking(1);
    assert_true(failure_is_same(&signal, &again));
    assert_int_equal(failure_is_same(&signal, &elsewhere),
                     !PORT_ADDRESS_SANITIZER); /* which knows the place */
    assert_false(failure_is_same(&signal, &abort));
    assert_false(failure_is_same(&signal, &wrong));
    assert_false(failure_is_same(&wrong, &sound));
}

ISOLATED_TEST(the_caller_s_executor_is_not_touched) {
    (void)run_asking((int32_t)DEADLY_WRONG_SIZE);
    assert_int_equal(executor.operation_count, 0);
    assert_int_equal(executor.observers.count, 0);
}

ISOLATED_TEST(what_the_subject_prints_is_kept_when_it_is_wanted) {
    examine(program_asking(DEADLY(DEATH_NOISE)));
    assert_failure_in(outcome.failure, "SIGABRT in die", "SIGABRT");
    assert_non_null(strstr(outcome.report, "and said by it\n"));
}

ISOLATED_TEST(a_sanitizer_s_whole_report_is_kept_when_it_is_wanted) {
    examine(program_asking(DEADLY(DEATH_POISON)));
    assert_failure_in(outcome.failure, "use-after-poison in read_poison", "SIGSEGV");
    if (PORT_ADDRESS_SANITIZER) {
        assert_non_null(strstr(outcome.report, "ERROR: AddressSanitizer: use-after-poison"));
        assert_non_null(strstr(outcome.report, "#1 0x"));
    }
}

static void note_call(void *context, const struct executor *watched, const struct step *step) {
    (void)context;
    (void)watched;
    printf("step %zu\n", step->index);
}

ISOLATED_TEST(an_observer_of_the_caller_is_called_in_the_child) {
    const struct observer observer = {.before = note_call};
    executor_observe(&executor, &observer);
    examine(program_of(&page_heap, "alloc 0 1; free 0"));
    executor.observers.count = 0;
    assert_failure(outcome.failure, "sound");
    assert_string_equal(outcome.report, "step 0\nstep 1\n");
}

static void tell_step(void *context, const struct executor *watched, const struct step *step) {
    (void)watched;
    (void)step;
    assert_int_equal(write(*(const int *)context, "", 1), 1);
}

/* The end of the pipe says when all are gone that have it open: the caller and its child. */
ISOLATED_TEST(a_child_whose_subject_waits_for_ever_ends_with_a_caller_that_is_killed) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t caller = fork();
    assert_true(caller >= 0);
    if (caller == 0) {
        const struct observer observer = {.before = tell_step, .context = &ends[1]};
        executor_observe(&executor, &observer);
        struct isolated own;
        if (isolated_open(&own, &executor, CAPACITY) == EXIT_SOUND) {
            const struct program program = program_asking(DEADLY(DEATH_SLEEP));
            assert_failure(isolated_run(&own, &program), "hang"); /* if it lived so long */
        }
        _exit(EXIT_ENVIRONMENT);
    }
    close(ends[1]);
    alarm(ISOLATED_WAIT_MILLISECONDS / 1000 / 2); /* sooner than the child would be ended otherwise */
    char step;
    assert_int_equal(read(ends[0], &step, 1), 1);
    assert_int_equal(kill(caller, SIGKILL), 0);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    assert_int_equal(read(ends[0], &step, 1), 0);
    alarm(0);
    close(ends[0]);
}

ISOLATED_TEST(an_outcome_has_the_last_step_and_the_digest_so_far) {
    examine(program_of(&page_heap, ""));
    assert_false(outcome.has_step);
    outcome_close(&outcome);
    examine(program_of(&page_heap, words("alloc 0 24; alloc 1 %d; free 0", DEADLY(DEATH_ABORT))));
    assert_true(outcome.has_step);
    assert_int_equal(outcome.step.index, 1);
    assert_int_equal(outcome.operation_count, 1);
    assert_sound(executor_start(&executor, &page_heap));
    assert_sound(perform("alloc 0 24"));
    assert_int_equal(outcome.digest, executor.digest);
}

ISOLATED_TEST(what_a_subject_prints_is_bounded_and_no_failure) {
    examine(program_asking(DEADLY(DEATH_FLOOD)));
    assert_failure(outcome.failure, "sound");
    assert_memory_equal(outcome.report, "a kilobyte", strlen("a kilobyte"));
}

ISOLATED_TEST(a_child_that_was_ended_between_two_programs_is_replaced) {
    siginfo_t ended;
    assert_still_works();
    assert_int_equal(kill(isolated.child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)isolated.child, &ended, WEXITED | WNOWAIT), 0);
    assert_still_works();
}

/* What happens to a new child before it does anything: set by the tests below, in a process of their own. */
static void (*ill_luck)(void);

static void meet_ill_luck(void) {
    if (ill_luck != NULL) {
        ill_luck();
    }
}

__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(NULL, NULL, meet_ill_luck);
}

static void lose_all_files(void) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_NOFILE, &none);
}

static void end_at_once(void) {
    _exit(9);
}

static void die_at_once(void) {
    kill(getpid(), SIGKILL);
}

static void (*const ill_lucks[])(void) = {lose_all_files, end_at_once, die_at_once};

static void run_unlucky(unsigned index) {
    ill_luck = ill_lucks[index];
    (void)run_asking(24);
    _exit(EXIT_SOUND); /* it came back */
}

static void open_in_folder(void) {
    make_folder();
    open_isolated();
}

static void close_in_folder(void) {
    close_isolated();
    remove_folder();
}

TEST_WITH(a_child_that_cannot_run_programs_is_no_failure_of_the_subject, open_in_folder, close_in_folder) {
    static const char *const said[] = {"/dev/null in the child: Too many open files",
                                       "the child ended with code 9 before it ran anything",
                                       "the child died of signal 9 before it ran anything"};
    for (unsigned i = 0; i < LENGTH(said); i++) {
        catch_errors();
        const int status = status_of(run_unlucky, i);
        assert_errors(words("kmemfuzz: no process to run a program in: %s\n", said[i]));
        assert_exited(status, EXIT_ENVIRONMENT);
    }
}

/* The hooks of an examined run. What they note is in memory that the child shares; volatile, or nothing would
 * have to be written in front of a loop without an end. */

struct notes {
    volatile size_t run_count;
    volatile size_t dying_count;
    volatile uintptr_t address;
};

static struct verdict run_and_note(void *context, struct executor *run, const struct program *program) {
    ((struct notes *)context)->run_count++;
    return executor_run(run, program);
}

static void note_dying(void *context, uintptr_t address, size_t size) {
    struct notes *const notes = context;
    (void)size;
    notes->dying_count++;
    notes->address = address;
}

static void hang_when_dying(void *context, uintptr_t address, size_t size) {
    note_dying(context, address, size);
    for (;;) {
        ((struct notes *)context)->run_count = 1;
    }
}

static struct notes examine_dying(enum death death,
                                  void (*dying)(void *context, uintptr_t address, size_t size),
                                  const char *name, const char *plain) {
    const struct program program = program_asking(DEADLY(death));
    struct notes *const shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    const struct isolated_hooks hooks = {.run = run_and_note, .dying = dying, .context = shared};
    outcome_close(&outcome);
    isolated_examine(&executor, &program, &hooks, &outcome);
    assert_failure_in(outcome.failure, name, plain);
    const struct notes notes = *shared;
    munmap(shared, sizeof *shared);
    return notes;
}

ISOLATED_TEST(who_examines_is_told_once_of_a_death_and_of_the_address) {
    const struct notes signal = examine_dying(DEATH_SIGNAL, note_dying, "SIGSEGV in read_nowhere", "SIGSEGV");
    assert_int_equal(signal.run_count, 1);
    assert_int_equal(signal.dying_count, 1);
    assert_int_equal(signal.address, 16);
    const struct notes poison =
        examine_dying(DEATH_POISON, note_dying, "use-after-poison in read_poison", "SIGSEGV");
    assert_int_equal(poison.dying_count, 1);
    assert_int_equal(poison.address != 0, PORT_ADDRESS_SANITIZER);
    assert_int_equal(examine_dying(DEATH_HANG, note_dying, "hang", "hang").dying_count, 1);
    assert_int_equal(examine_dying(DEATH_EXIT, note_dying, "exit 7", "exit 7").dying_count, 0);
}

ISOLATED_TEST(a_hook_that_hangs_is_ended_and_the_failure_stays_what_it_was) {
    const struct notes notes =
        examine_dying(DEATH_SIGNAL, hang_when_dying, "SIGSEGV in read_nowhere", "SIGSEGV");
    assert_int_equal(notes.dying_count, 1);
}
