/* Specification: what a fuzz target shows other processes, how a violation ends it, and the host's executor.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include <sys/resource.h>

#include "fuzz/execute/oracle.h"
#include "fuzz/host/exit_code.h"
#include "fuzz/host/host.h"
#include "fuzz/host/statistics.h"
#include "fuzz/report/violation.h"
#include "src/port.h"
#include "tests/unit/file_fixture.h"

static void count_once(unsigned unused) {
    (void)unused;
    statistics_count(statistics_open(), 20, 300);
}

FOLDER_TEST(counters_live_in_the_file_named_and_go_on_counting) {
    setenv("KMEM_STATISTICS", path_of("counters"), 1);
    assert_int_equal(status_of(count_once, 0), 0);
    static const struct statistics once = {1, 20, 300};
    assert_file_holds("counters", &once, sizeof once);
    assert_int_equal(status_of(count_once, 0), 0);
    static const struct statistics twice = {2, 40, 600};
    assert_int_equal(statistics_open()->executions, 2);
    assert_file_holds("counters", &twice, sizeof twice);
    assert_int_equal(sizeof(struct statistics), 24);
    unsetenv("KMEM_STATISTICS");
}

FOLDER_TEST(processes_that_count_at_the_same_time_lose_nothing) {
    enum {
        COUNT = 1000000
    };
    setenv("KMEM_STATISTICS", path_of("counters"), 1);
    struct statistics *const statistics = statistics_open();
    const pid_t child = fork();
    assert_true(child >= 0);
    for (int i = 0; i < COUNT; i++) {
        statistics_count(statistics, 20, 300);
    }
    if (child == 0) {
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    static const struct statistics both = {2ULL * COUNT, 40ULL * COUNT, 600ULL * COUNT};
    assert_file_holds("counters", &both, sizeof both);
    unsetenv("KMEM_STATISTICS");
}

FOLDER_TEST(without_the_variable_counters_are_this_process_s_own) {
    unsetenv("KMEM_STATISTICS");
    struct statistics *const statistics = statistics_open();
    statistics->executions++;
    assert_ptr_equal(statistics_open(), statistics);
    assert_int_equal(entry_count(), 0);
}

static void assert_statistics_fail(const char *path, const char *reason) {
    char expected[2 * PATH_SIZE];
    snprintf(expected, sizeof expected, "kmem: cannot write the file %s that KMEM_STATISTICS names: %s\n",
             path, reason);
    setenv("KMEM_STATISTICS", path, 1);
    catch_errors();
    const int status = status_of(count_once, 0);
    assert_errors(expected);
    assert_exited(status, EXIT_ENVIRONMENT);
    unsetenv("KMEM_STATISTICS");
}

FOLDER_TEST(a_counters_file_that_cannot_be_made_ends_the_process) {
    assert_statistics_fail(path_of("none/counters"), "No such file or directory");
    assert_statistics_fail(folder, "Is a directory");
    assert_statistics_fail("/dev/null", "Invalid argument");
}

static void abort_for(unsigned oracle) {
    static const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    violation_abort(oracle);
}

FOLDER_TEST(every_oracle_s_violation_aborts) {
    for (unsigned oracle = 0; oracle <= ORACLE_COUNT; oracle++) {
        assert_aborted(status_of(abort_for, oracle));
    }
}

/* First, while this process has none that the child would inherit. */
static void ask_for_too_much(unsigned unused) {
    (void)unused;
    static const struct rlimit little = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_AS, &little);
    (void)host_executor(4096);
}

FOLDER_TEST(too_little_memory_for_the_host_s_executor_ends_the_process) {
#if PORT_ADDRESS_SANITIZER
    SKIP("AddressSanitizer itself needs more memory than this leaves");
#endif
    catch_errors();
    const int status = status_of(ask_for_too_much, 0);
    char expected[128];
    snprintf(expected, sizeof expected, "kmem: no memory for the harness: %zu bytes were refused\n",
             ARENA_CAPACITY + 2 * ARENA_ALIGNMENT + ARENA_GUARD_SIZE);
    assert_errors(expected);
    assert_exited(status, EXIT_ENVIRONMENT);
}

FOLDER_TEST(the_host_s_executor_is_one_and_keeps_its_slots) {
    struct executor *const executor = host_executor(64);
    assert_ptr_equal(host_executor(4096), executor);
    assert_int_equal(executor->tables.slot_capacity, 64);
    assert_ptr_equal(executor->subject, &subject_kmem);
    assert_int_equal(executor->oracles, ORACLE_ALL);
    assert_int_equal(executor->arena.capacity, ARENA_CAPACITY);
    assert_int_equal((uintptr_t)executor->arena.base % ARENA_ALIGNMENT, 0);
    assert_int_equal(executor->observers.count, 0);
}

FOLDER_TEST(the_host_s_executor_runs_programs) {
    static const uint8_t bytes[] = {1, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0};
    const struct program program = program_decode(bytes, sizeof bytes);
    struct executor *const executor = host_executor(64);
    assert_true(verdict_is_sound(executor_run(executor, &program)));
    assert_int_equal(executor->digest, UINT64_C(0xa0dfe41dcb358ba3)); /* as in any other arena */
}
