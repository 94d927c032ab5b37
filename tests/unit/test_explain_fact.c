/* Specification: a finding that a fact of the table is behind names that fact; one test for each fact, in
 * which a heap without a view does not keep it. */
#include "tests/unit/executor_fixture.h"

#define LIMIT ((size_t)900) /* bytes: no request for more is granted */

/* A heap that grants one payload after another, from offset 4 on, and takes none back. No bytes at all share
 * an address, and whatever is given to free or realloc, a byte less is free. */
static unsigned char *memory;
static size_t memory_size;
static size_t next;
static size_t lost;
static uint64_t elsewhere[32];
static bool is_counting;

static bool start(void *given, size_t size) {
    memory = given;
    memory_size = size;
    next = 4;
    lost = 0;
    return true;
}

static bool start_elsewhere(void *given, size_t size) {
    (void)given;
    return start(elsewhere, size < sizeof elsewhere ? size : sizeof elsewhere);
}

static void *alloc(size_t size) {
    const size_t whole = (size + 7) & ~(size_t)3;
    if (size == 0) {
        return memory + 4;
    }
    if (size > LIMIT || whole > memory_size - next) {
        return NULL;
    }
    next += whole;
    return memory + next - whole;
}

static void lose(void *pointer) {
    (void)pointer;
    lost++;
}

static void *resize(void *pointer, size_t size) {
    (void)size;
    lose(pointer);
    return pointer;
}

static size_t count_free(void) {
    return memory_size - next - lost;
}

static struct step last;

static void note_step(void *context, const struct executor *run, const struct step *step,
                      struct verdict verdict) {
    (void)context, (void)run, (void)verdict;
    last = *step;
}

static const struct observer noting = {.after = note_step};

struct lie {
    struct subject_facts facts;
    size_t size; /* of the region */
    const char *program;
    const char *finding; /* the oracle's id, and what is said of the table */
    bool (*start)(void *memory, size_t size);
};

static void assert_finding(const struct lie *lie) {
    char fact[EXPLAIN_FACT_SIZE];
    const struct subject subject = {.name = "lying heap",
                                    .start = lie->start == NULL ? start : lie->start,
                                    .alloc = alloc,
                                    .free = lose,
                                    .realloc = resize,
                                    .free_bytes = is_counting ? count_free : NULL,
                                    .facts = lie->facts};
    const struct program_header heap = {.page_size = 64, .page_count = lie->size / 64, .slot_count = 16};
    const struct program program = program_of(&heap, lie->program);
    make_executor(&subject, first_arena, ORACLE_ALL);
    executor_observe(&executor, &noting);
    const struct verdict verdict = executor_run(&executor, &program);
    explain_fact(&subject, verdict, &last, fact);
    assert_string_equal(
        words("%s: %s", verdict_is_sound(verdict) ? "sound" : oracle_id(verdict.oracle), fact), lie->finding);
}

TEST(a_finding_names_the_fact_that_the_heap_does_not_keep) {
    static const struct lie lies[] = {
        {{.alignment = 16}, 256, "alloc 0 8", "alignment: your table says .alignment = 16", NULL},
        {{.zero_size = SUBJECT_ZERO_NULL},
         256,
         "alloc 0 0",
         "zero-size: your table says .zero_size = SUBJECT_ZERO_NULL",
         NULL},
        {{.zero_size = SUBJECT_ZERO_UNIQUE},
         256,
         "alloc 0 0; alloc 1 0",
         "disjoint: your table says .zero_size = SUBJECT_ZERO_UNIQUE",
         NULL},
        {{.free_null = true}, 256, "free 0", "free-bytes: your table says .free_null = true", NULL},
        {{.realloc_null = true},
         256,
         "realloc 0 8",
         "free-bytes: your table says .realloc_null = true",
         NULL},
        {{.realloc_zero = true},
         256,
         "alloc 0 8; realloc 0 0",
         "zero-size: your table says .realloc_zero = true",
         NULL},
        {{.answers = SUBJECT_DOUBLE_FREE},
         256,
         "alloc 0 8; free 0; double 0",
         "free-bytes: your table says .answers = SUBJECT_DOUBLE_FREE",
         NULL},
        {{.answers = SUBJECT_INTERIOR},
         256,
         "alloc 0 24; interior 0 0",
         "free-bytes: your table says .answers = SUBJECT_INTERIOR",
         NULL},
        {{.answers = SUBJECT_MISALIGNED},
         256,
         "alloc 0 24; misaligned 0 2",
         "free-bytes: your table says .answers = SUBJECT_MISALIGNED",
         NULL},
        {{.answers = SUBJECT_FOREIGN},
         256,
         "foreign 0",
         "free-bytes: your table says .answers = SUBJECT_FOREIGN",
         NULL},
        {{.merges = true}, 256, "alloc 0 100; alloc 1 100", "leak: your table says .merges = true", NULL},
        {{.merges = true},
         2048,
         "alloc 0 900; alloc 1 900; alloc 2 220; free 0; free 1; free 2; alloc 3 16",
         "liveness: your table says .merges = true",
         NULL},
        {{.largest_request = SIZE_MAX},
         16384,
         "alloc 0 1000",
         "liveness: your table says .largest_request = SIZE_MAX",
         NULL},
        {{.largest_request = 100},
         256,
         "alloc 0 101",
         "impossible-size: your table says .largest_request = 100",
         NULL},
        {{.refits = true},
         256,
         "alloc 0 150; free 0; alloc 1 150",
         "refit: your table says .refits = true",
         NULL},
        {{.gives_back = true},
         1024,
         "alloc 0 900; realloc 0 100; alloc 1 200",
         "gives-back: your table says .gives_back = true",
         NULL},
        {{.first_fit = {8, 8, 16}},
         256,
         "alloc 0 8",
         "placement: your table says .first_fit.header_size = 8, .first_fit.grain = 8, "
         ".first_fit.block_least = 16, .metadata = 0",
         NULL},
        {{.memory = SUBJECT_MEMORY_GIVEN},
         256,
         "alloc 0 8",
         "inside: your table says .memory = SUBJECT_MEMORY_GIVEN",
         start_elsewhere},
        {{.memory = SUBJECT_MEMORY_OWN, .own_memory = arena_memory, .own_size = 192},
         256,
         "alloc 0 8",
         "inside: your table says .memory = SUBJECT_MEMORY_OWN, .own_size = 192",
         start_elsewhere},
    };
    is_counting = true;
    for (size_t i = 0; i < LENGTH(lies); i++) {
        assert_finding(&lies[i]);
    }
}

TEST(a_finding_names_what_calls_before_relied_on) {
    const struct lie lie = {
        {.answers = SUBJECT_DOUBLE_FREE, .zero_size = SUBJECT_ZERO_NULL},
        256,
        "alloc 0 8; free 0; double 0; alloc 1 0",
        "zero-size: your table says .zero_size = SUBJECT_ZERO_NULL; calls before relied on .answers = "
        "SUBJECT_DOUBLE_FREE",
        NULL};
    is_counting = false;
    assert_finding(&lie);
    const struct subject subject = {.name = "dying heap", .facts = {.free_null = true}};
    char fact[EXPLAIN_FACT_SIZE];
    const struct step after = {.relied_before =
                                   RELIANCE_FOREIGN | RELIANCE_REALLOC_ZERO | RELIANCE_FREE_NULL};
    assert_string_equal(
        explain_fact(&subject, verdict_sound(), &after, fact),
        "calls before relied on your table's .realloc_zero = true, .answers = SUBJECT_FOREIGN");
    assert_string_equal(
        explain_fact(&subject, (struct verdict){ORACLE_LEAK, 0, 2, 1}, &after, fact),
        "your table says .merges = true; calls before relied on .realloc_zero = true, .answers "
        "= SUBJECT_FOREIGN");
    const struct step dying = {.relies = RELIANCE_FREE_NULL, .relied_before = RELIANCE_FREE_NULL};
    assert_string_equal(explain_fact(&subject, verdict_sound(), &dying, fact),
                        "your table says .free_null = true");
}

TEST(no_fact_is_named_that_demanded_nothing) {
    char fact[EXPLAIN_FACT_SIZE];
    const struct subject subject = {.name = "heap", .facts = {.alignment = 8, .largest_request = 100}};
    assert_string_equal(explain_fact(&subject, verdict_sound(), NULL, fact), "");
    /* More was asked for; the region has less; it starts in the region. */
    assert_string_equal(explain_fact(&subject, (struct verdict){ORACLE_ALIGNMENT, 8, 64, 8}, NULL, fact), "");
    assert_string_equal(
        explain_fact(&subject, (struct verdict){ORACLE_IMPOSSIBLE_SIZE, 8, 64, 80}, NULL, fact), "");
    assert_string_equal(explain_fact(&subject, (struct verdict){ORACLE_INSIDE, 60, 64, 80}, NULL, fact), "");
    assert_string_equal(explain_fact(&subject, (struct verdict){ORACLE_DISJOINT, 8, 8, 16}, NULL, fact), "");
    assert_string_equal(explain_fact(&subject_kmem, (struct verdict){ORACLE_PLACEMENT, 8, 8, 16}, NULL, fact),
                        "");
}
