/* Specification: REQUIRE (src/require.h), and that each part refuses what its contract excludes, where
 * contracts are checked. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/execute/pattern.h"
#include "src/kernel.h"
#include "src/require.h"
#include "tests/unit/executor_fixture.h"

#if defined(KMEM_REQUIRE) && KMEM_REQUIRE

static void start_without_slots(void) {
    struct program_header header = small_heap;
    header.slot_count = 0;
    (void)!verdict_is_sound(executor_start(&executor, &header));
}

static void start_beyond_the_arena(void) {
    struct program_header header = small_heap;
    header.growth_limit = TEST_CAPACITY / header.page_size;
    (void)!verdict_is_sound(executor_start(&executor, &header));
}

static void arrange_too_late(void) {
    assert_sound(executor_start(&executor, &small_heap));
    assert_sound(perform("alloc 0 24"));
    (void)!verdict_is_sound(executor_arrange(&executor, NULL, 0));
}

static void observe_too_much(void) {
    static const struct observer observer;
    for (size_t i = 0; i <= OBSERVER_MAXIMUM; i++) {
        executor_observe(&executor, &observer);
    }
}

static void read_no_operation(void) {
    const uint8_t bytes[] = {2};
    const struct program program = program_decode(bytes, sizeof bytes);
    (void)program_operation(&program, 0);
}

static void read_beyond_the_guard(void) {
    (void)arena_byte(executor.arena, -(ptrdiff_t)ARENA_GUARD_SIZE - 1);
}

static void write_backwards(void) {
    unsigned char payload[16];
    pattern_write(payload, 1, 9, 8);
}

static void start_a_model_of_no_pages(void) {
    struct live_block live[1];
    struct model model;
    model_start(&model, &model_policy_undeclared, live, 1, 64, 0, 0, 0);
}

static void fill_a_model_beyond_its_room(void) {
    struct live_block live[1];
    struct model model;
    model_start(&model, &model_policy_undeclared, live, 1, 64, 4, 4, 0);
    (void)model_alloc(&model, 8, 8);
    (void)model_alloc(&model, 8, 8);
}

static void start_a_kernel_without_pages(void) {
    (void)kmem_kernel_init(NULL);
}

/* Where each contract stands, and its condition. */
static const struct {
    const char *name;
    void (*breach)(void);
    const char *place;
    const char *condition;
} contracts[] = {
    {"a run has a slot", start_without_slots, "executor_start", "header->slot_count != 0"},
    {"the arena holds the whole heap", start_beyond_the_arena, "executor_start", "executor->region.capacity"},
    {"a heap is arranged before its first step", arrange_too_late, "executor_arrange",
     "operation_count == 0"},
    {"there are few observers", observe_too_much, "executor_observe", "OBSERVER_MAXIMUM"},
    {"a program has the operation", read_no_operation, "program_operation",
     "index < program->operation_count"},
    {"an arena's byte is its own", read_beyond_the_guard, "arena_byte", "ARENA_GUARD_SIZE"},
    {"a pattern's end follows its start", write_backwards, "pattern_write", "from <= to"},
    {"a heap has a page", start_a_model_of_no_pages, "model_start", "page_count != 0"},
    {"the model has room", fill_a_model_beyond_its_room, "insert_live", "live_count < model->live_capacity"},
    {"a kernel has pages", start_a_kernel_without_pages, "kmem_kernel_init", "pages != NULL"},
};

/* Runs it in a child, and keeps what it prints and how it ends. */
static int end_of(void (*breach)(void), char *report, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        breach();
        _exit(0);
    }
    close(ends[1]);
    FILE *const stream = fdopen(ends[0], "r");
    report[fread(report, 1, size - 1, stream)] = '\0';
    fclose(stream);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

TEST_EACH_WITH(a_broken_contract_aborts_and_names_the_condition_and_its_place, contracts, start_executor,
               NULL) {
    char report[1024];
    const int status = end_of(row->breach, report, sizeof report);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(report, row->place));
    assert_non_null(strstr(report, row->condition));
}

TEST(a_contract_that_holds_does_nothing) {
    int evaluated = 0;
    REQUIRE(++evaluated == 1);
    assert_int_equal(evaluated, 1);
}

#else

TEST(where_contracts_are_not_checked_they_are_not_evaluated) {
    int evaluated = 0;
    REQUIRE(++evaluated == 1);
    assert_int_equal(evaluated, 0);
}

#endif
