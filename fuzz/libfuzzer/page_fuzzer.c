/* libFuzzer target: the page allocator against the page model, every operation checked.
 *
 * Every byte string is a valid input. Bytes of the first three that are missing are 0; one or two bytes
 * after the last whole operation, and operations beyond OPERATION_LIMIT, are ignored.
 *
 *     byte 0              page count: 1 + byte % 64
 *     byte 1              bytes left between the descriptors and page 0
 *     byte 2              bytes left after the last page
 *     3 bytes each        the operations: the table is in fuzz/page/page_operation.h
 *
 * The arena is dirty, every byte of it, whenever an operation starts; that is how zeroing and stray writes
 * show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/libfuzzer/rule.h"
#include "fuzz/libfuzzer/steps.h"
#include "fuzz/page/page_model.h"
#include "fuzz/page/page_operation.h"
#include "invariants/page_invariant.h"
#include "src/page.h"

#define OPERATION_LIMIT ((size_t)256)
#define MARGIN_SIZE     ((size_t)16) /* bytes watched beyond the memory given, on either side */
#define DIRT            0xa5         /* as a descriptor, impossible */

_Static_assert(PAGE_OPERATION_TEXT_SIZE <= RULE_TEXT_SIZE, "an operation's text fits a report");

/* The rules: the invariants, in the order of their numbers, and those beyond them. */
#define RULE_LIST(X)                                                                                         \
    PAGE_INVARIANT_LIST(X)                                                                                   \
    X(PLACEMENT, "page-placement", "Every operation returns exactly the page the model predicts, or NULL.")  \
    X(REFUSAL_NAMED, "page-refusal-named",                                                                   \
      "Every operation ends with exactly the error the model predicts.")                                     \
    X(REFUSAL_UNTOUCHED, "page-refusal-untouched",                                                           \
      "A refused operation changes no descriptor and no counter.")                                           \
    X(ZEROED, "page-zeroed", "Every byte of a zeroed run is 0.")                                             \
    X(CONTAINED, "page-contained", "Nothing is written but descriptors and the pages of a zeroed run.")      \
    X(RUN_COUNT, "page-run-count",                                                                           \
      "A live run's pages are counted, and 0 for any other pointer; asking changes nothing.")                \
    X(INIT, "page-init", "Memory is given exactly the pages that fit in it, or refused when none does.")

RULES(RULE_LIST);

/* How an operation ended. */
struct outcome {
    enum page_error error;
    const unsigned char *pointer; /* what it returned; NULL for operations that return no pointer */
};

/* One input being executed. */
struct run {
    struct page_allocator pages;
    struct page_model model;
    unsigned char *memory;                             /* what page_init was given */
    size_t size;                                       /* bytes of it */
    unsigned char *base;                               /* where page 0 must be */
    struct page_operation history[RULE_HISTORY_COUNT]; /* the last operations */
    struct rule_run report;       /* with the operations done so far, page_init included */
    struct page_allocator before; /* the allocator before the operation being done */
    unsigned char descriptors_before[PAGE_MODEL_PAGE_LIMIT];
    unsigned char repaired; /* what the overwritten descriptor should be */
};

/* A page before page 0 for the descriptors, and one after the last to see what is written there. */
static _Alignas(4096) unsigned char arena[(1 + PAGE_MODEL_PAGE_LIMIT + 1) * PAGE_SIZE];
static _Alignas(4096) unsigned char elsewhere[(1 + 1 + PAGE_ELSEWHERE_COUNT + 1) * PAGE_SIZE];
static unsigned char dirty_page[PAGE_SIZE];
static const unsigned char zero_page[PAGE_SIZE];

/* The failures. */

/* Prints the pages as their descriptors have them: "[3 taken][2 free]", "[1 impossible 0xa5]". */
static void print_map(const char *title, const unsigned char *descriptors, size_t page_count) {
    (void)fprintf(stderr, "  %s", title);
    for (size_t index = 0; index < page_count;) {
        const unsigned char first = descriptors[index];
        size_t count = 1;
        if (first == 0) {
            while (index + count < page_count && descriptors[index + count] == 0) {
                count++;
            }
            (void)fprintf(stderr, "[%zu free]", count);
        } else if (first == PAGE_TAKEN || first == (PAGE_TAKEN | PAGE_LAST)) {
            while (descriptors[index + count - 1] == PAGE_TAKEN && index + count < page_count &&
                   (descriptors[index + count] & ~PAGE_LAST) == PAGE_TAKEN) {
                count++;
            }
            const bool has_last = descriptors[index + count - 1] != PAGE_TAKEN;
            (void)fprintf(stderr, "[%zu taken%s]", count, has_last ? "" : ", no last");
        } else {
            (void)fprintf(stderr, "[1 impossible 0x%02x]", first);
        }
        index += count;
    }
    (void)fprintf(stderr, "\n");
}

static void describe(const void *context, size_t number, char text[RULE_TEXT_SIZE]) {
    const struct run *const run = context;
    page_operation_describe(&run->history[number % RULE_HISTORY_COUNT], text);
}

static void print_maps(const void *context) {
    const struct run *const run = context;
    print_map("before: ", run->descriptors_before, run->model.page_count);
    print_map("after:  ", run->memory, run->model.page_count);
}

/* Reports the operation just done as breaking a rule, and ends the process in that rule's own function. */
__attribute__((noreturn)) static void fail(const struct run *run, const struct rule *rule,
                                           const char *expected, const char *observed) {
    rule_break_run(rule, &run->report, expected, observed);
}

__attribute__((noreturn)) static void fail_error(const struct run *run, enum page_error expected,
                                                 enum page_error observed) {
    fail(run, &rule_REFUSAL_NAMED, page_error_name(expected), page_error_name(observed));
}

/* Two values, and at which page. */
__attribute__((noreturn)) static void fail_values(const struct run *run, const struct rule *rule,
                                                  uint64_t page_index, uint64_t expected, uint64_t observed) {
    char expected_text[PAGE_OPERATION_TEXT_SIZE];
    char observed_text[PAGE_OPERATION_TEXT_SIZE];
    (void)snprintf(expected_text, PAGE_OPERATION_TEXT_SIZE, "%llu at page %llu", (unsigned long long)expected,
                   (unsigned long long)page_index);
    (void)snprintf(observed_text, PAGE_OPERATION_TEXT_SIZE, "%llu", (unsigned long long)observed);
    fail(run, rule, expected_text, observed_text);
}

/* A byte that is not what it should be, at an address of the arena. */
__attribute__((noreturn)) static void fail_byte(const struct run *run, const struct rule *rule,
                                                unsigned expected, const unsigned char *address) {
    char expected_text[PAGE_OPERATION_TEXT_SIZE];
    char observed_text[PAGE_OPERATION_TEXT_SIZE];
    char place[PAGE_POINTER_TEXT_SIZE];
    page_operation_describe_pointer((int64_t)(address - run->base), place);
    (void)snprintf(expected_text, PAGE_OPERATION_TEXT_SIZE, "0x%02x", expected);
    (void)snprintf(observed_text, PAGE_OPERATION_TEXT_SIZE, "0x%02x at %s", *address, place);
    fail(run, rule, expected_text, observed_text);
}

/* The checks. */

/* The pointer an operation names. */
static void *pointer_at(const struct run *run, int64_t offset) {
    return offset == PAGE_MODEL_NULL ? NULL : (void *)((uintptr_t)run->base + (uintptr_t)offset);
}

/* size, at most PAGE_SIZE, bytes at address are those of pattern, a whole page of one byte. */
static void check_bytes(const struct run *run, const struct rule *rule, const unsigned char *pattern,
                        const unsigned char *address, size_t size) {
    const size_t i = rule_first_difference(address, pattern, size);
    if (i < size) {
        fail_byte(run, rule, pattern[i], address + i);
    }
}

/* The bytes around the memory, and those in it that are neither descriptor nor page. */
static void check_contained(const struct run *run) {
    const unsigned char *const descriptors_end = run->memory + run->model.page_count;
    const unsigned char *const pages_end = run->base + run->model.page_count * PAGE_SIZE;
    const unsigned char *const watched_end = run->memory + run->size + MARGIN_SIZE;
    check_bytes(run, &rule_CONTAINED, dirty_page, run->memory - MARGIN_SIZE, MARGIN_SIZE);
    check_bytes(run, &rule_CONTAINED, dirty_page, descriptors_end, (size_t)(run->base - descriptors_end));
    check_bytes(run, &rule_CONTAINED, dirty_page, pages_end, (size_t)(watched_end - pages_end));
}

/* All of a zeroed run is 0, and the pages next to it are not; then makes it dirty again. */
static void check_zeroed(const struct run *run, size_t first_index, size_t count) {
    for (size_t i = 0; i < count; i++) {
        unsigned char *const page = run->base + (first_index + i) * PAGE_SIZE;
        check_bytes(run, &rule_ZEROED, zero_page, page, PAGE_SIZE);
        memcpy(page, dirty_page, PAGE_SIZE);
    }
    if (first_index > 0) {
        check_bytes(run, &rule_CONTAINED, dirty_page, run->base + (first_index - 1) * PAGE_SIZE, PAGE_SIZE);
    }
    if (first_index + count < run->model.page_count) {
        check_bytes(run, &rule_CONTAINED, dirty_page, run->base + (first_index + count) * PAGE_SIZE,
                    PAGE_SIZE);
    }
}

static bool members_are_as_before(const struct run *run) {
    return run->pages.descriptors == run->before.descriptors && run->pages.base == run->before.base &&
           run->pages.page_count == run->before.page_count &&
           run->pages.taken_count == run->before.taken_count;
}

/* The allocator is as it was before the operation, but for the error. */
static void check_untouched(const struct run *run) {
    const size_t index = rule_first_difference(run->memory, run->descriptors_before, run->model.page_count);
    if (index < run->model.page_count) {
        fail_values(run, &rule_REFUSAL_UNTOUCHED, index, run->descriptors_before[index], run->memory[index]);
    }
    if (!members_are_as_before(run)) {
        fail(run, &rule_REFUSAL_UNTOUCHED, "the allocator's members as before", "one that changed");
    }
}

/* All invariants, with an overwritten descriptor put right for as long as it takes. */
static void check_invariants(const struct run *run) {
    const struct page_expectation expectation = {.base = run->base,
                                                 .descriptors = run->memory,
                                                 .page_count = run->model.page_count,
                                                 .live = run->model.live,
                                                 .live_count = run->model.live_count};
    const size_t impossible_index = run->model.impossible_index;
    unsigned char impossible = 0;
    if (impossible_index != PAGE_MODEL_NO_PAGE) {
        impossible = run->memory[impossible_index];
        run->memory[impossible_index] = run->repaired;
    }
    const struct verdict verdict = page_invariant_check(&run->pages, &expectation, PAGE_INVARIANT_ALL);
    if (!verdict_is_sound(verdict)) {
        fail_values(run, rule_table[verdict.oracle - 1], verdict.offset, verdict.expected, verdict.observed);
    }
    if (impossible_index != PAGE_MODEL_NO_PAGE) {
        run->memory[impossible_index] = impossible;
    }
}

static void check_placement(const struct run *run, const unsigned char *pointer, size_t page_index) {
    const int64_t expected =
        page_index == PAGE_MODEL_NO_PAGE ? PAGE_MODEL_NULL : (int64_t)(page_index * PAGE_SIZE);
    const int64_t observed =
        pointer == NULL ? PAGE_MODEL_NULL : (int64_t)((uintptr_t)pointer - (uintptr_t)run->base);
    if (expected != observed) {
        char expected_text[PAGE_OPERATION_TEXT_SIZE];
        char observed_text[PAGE_OPERATION_TEXT_SIZE];
        page_operation_describe_pointer(expected, expected_text);
        page_operation_describe_pointer(observed, observed_text);
        fail(run, &rule_PLACEMENT, expected_text, observed_text);
    }
}

/* Asks for the pages of the run an operation names, which is still to be done. */
static void check_run_count(const struct run *run, const struct page_operation *operation) {
    const size_t expected = page_model_run_count(&run->model, operation->offset);
    const size_t observed = page_run_count(&run->pages, pointer_at(run, operation->offset));
    if (expected != observed) {
        fail_values(run, &rule_RUN_COUNT, 0, expected, observed);
    }
    if (!members_are_as_before(run) || run->pages.error != run->before.error ||
        memcmp(run->memory, run->descriptors_before, run->model.page_count) != 0) {
        fail(run, &rule_RUN_COUNT, "the allocator as before", "one that changed");
    }
}

static void require_init(const struct run *run, const char *what, uint64_t expected, uint64_t observed) {
    if (expected != observed) {
        char expected_text[PAGE_OPERATION_TEXT_SIZE];
        char observed_text[PAGE_OPERATION_TEXT_SIZE];
        (void)snprintf(expected_text, PAGE_OPERATION_TEXT_SIZE, "%s %llu", what,
                       (unsigned long long)expected);
        (void)snprintf(observed_text, PAGE_OPERATION_TEXT_SIZE, "%llu", (unsigned long long)observed);
        fail(run, &rule_INIT, expected_text, observed_text);
    }
}

/* Makes another allocator. Its memory starts one page into `elsewhere`, if it is any at all. */
static void init_elsewhere(const struct run *run, const struct page_operation *operation) {
    const bool is_memory = operation->offset >= 0;
    const size_t start = (size_t)(is_memory ? operation->offset : 0);
    unsigned char *const memory = is_memory ? elsewhere + PAGE_SIZE + start
                                  : operation->offset == PAGE_MODEL_NULL
                                      ? NULL
                                      : (void *)(uintptr_t)operation->offset;
    const bool is_possible =
        operation->count <= PTRDIFF_MAX; /* `elsewhere` is far from the end of all addresses */
    const size_t page_count = is_memory && is_possible ? page_model_fit(start, operation->count) : 0;
    const enum page_error error = page_count == 0 ? PAGE_BAD_REGION : PAGE_OK;
    struct page_allocator pages;
    memset(&pages, DIRT, sizeof pages);
    require_init(run, "error", error, page_init(&pages, memory, operation->count));
    require_init(run, "last error", error, page_last_error(&pages));
    require_init(run, "pages", page_count, pages.page_count);
    require_init(run, "taken pages", 0, pages.taken_count);
    if (page_count == 0) {
        require_init(run, "first page", 0, page_alloc(&pages, 1) != NULL);
    } else {
        const size_t base = page_model_size_of(start, page_count) + start - page_count * PAGE_SIZE;
        require_init(run, "descriptors at", 0, (uint64_t)(pages.descriptors - memory));
        require_init(run, "page 0 at", base - start, (uint64_t)(pages.base - memory));
    }
    for (size_t i = 0; i < page_count; i++) {
        require_init(run, "descriptor", 0, memory[i]);
        memory[i] = DIRT;
    }
    for (size_t i = 0; i < sizeof elsewhere; i += PAGE_SIZE) {
        check_bytes(run, &rule_CONTAINED, dirty_page, elsewhere + i, PAGE_SIZE);
    }
}

static void check(const struct run *run, const struct page_operation *operation, struct outcome outcome,
                  struct page_answer answer) {
    check_placement(run, outcome.pointer, answer.page_index);
    if (outcome.error != answer.error) {
        fail_error(run, answer.error, outcome.error);
    }
    if (page_last_error(&run->pages) != answer.error) {
        fail_error(run, answer.error, page_last_error(&run->pages));
    }
    if (answer.error != PAGE_OK) {
        check_untouched(run);
    }
    if (operation->kind == PAGE_OPERATION_ZALLOC && outcome.pointer != NULL) {
        check_zeroed(run, answer.page_index, operation->count);
    }
    check_contained(run);
    check_invariants(run);
}

/* Doing. */

static struct page_answer predict(struct run *run, const struct page_operation *operation) {
    switch (operation->kind) {
    case PAGE_OPERATION_ALLOC:
    case PAGE_OPERATION_ZALLOC:
        return page_model_alloc(&run->model, operation->count);
    case PAGE_OPERATION_EXTEND:
        return page_model_extend(&run->model, operation->offset, operation->count);
    case PAGE_OPERATION_FREE:
        return page_model_free(&run->model, operation->offset);
    case PAGE_OPERATION_INIT:
    case PAGE_OPERATION_INIT_ELSEWHERE:
    case PAGE_OPERATION_SCRIBBLE:
    case PAGE_OPERATION_REPAIR:
        break;
    }
    return (struct page_answer){.error = PAGE_OK, .page_index = PAGE_MODEL_NO_PAGE};
}

static struct outcome execute(struct run *run, const struct page_operation *operation) {
    struct page_allocator *const pages = &run->pages;
    struct outcome outcome = {.error = PAGE_OK, .pointer = NULL};
    switch (operation->kind) {
    case PAGE_OPERATION_ALLOC:
        outcome.pointer = page_alloc(pages, operation->count);
        outcome.error = page_last_error(pages);
        break;
    case PAGE_OPERATION_ZALLOC:
        outcome.pointer = page_zalloc(pages, operation->count);
        outcome.error = page_last_error(pages);
        break;
    case PAGE_OPERATION_EXTEND:
        outcome.error = page_extend(pages, pointer_at(run, operation->offset), operation->count);
        break;
    case PAGE_OPERATION_FREE:
        outcome.error = page_free(pages, pointer_at(run, operation->offset));
        break;
    case PAGE_OPERATION_INIT:
        outcome.error = page_init(pages, run->memory, run->size);
        break;
    case PAGE_OPERATION_INIT_ELSEWHERE:
    case PAGE_OPERATION_SCRIBBLE:
    case PAGE_OPERATION_REPAIR:
        break;
    }
    return outcome;
}

/* What it returned or was refused as, and the pages then. */
static void print_outcome(const struct run *run, const struct page_operation *operation,
                          struct outcome outcome) {
    char text[PAGE_POINTER_TEXT_SIZE];
    if (outcome.error != PAGE_OK) {
        (void)fprintf(stderr, "      -> refused: %s\n", page_error_name(outcome.error));
    } else if (operation->kind == PAGE_OPERATION_ALLOC || operation->kind == PAGE_OPERATION_ZALLOC) {
        const int64_t offset = outcome.pointer == NULL
                                   ? PAGE_MODEL_NULL
                                   : (int64_t)((uintptr_t)outcome.pointer - (uintptr_t)run->base);
        page_operation_describe_pointer(offset, text);
        (void)fprintf(stderr, "      -> %s\n", text);
    }
    print_map("      ", run->memory, run->model.page_count);
}

/* Overwrites a descriptor, or puts back what was there: the harness's own doing, which the allocator answers
 * later. */
static void scribble(struct run *run, const struct page_operation *operation) {
    if (operation->kind == PAGE_OPERATION_SCRIBBLE) {
        run->repaired = run->memory[operation->page_index];
        run->memory[operation->page_index] = operation->descriptor;
        run->model.impossible_index = operation->page_index;
    } else {
        run->memory[operation->page_index] = run->repaired;
        run->model.impossible_index = PAGE_MODEL_NO_PAGE;
    }
}

static void do_operation(struct run *run, const struct page_operation *operation) {
    run->history[run->report.operation_count++ % RULE_HISTORY_COUNT] = *operation;
    rule_print_step(&run->report);
    if (operation->kind == PAGE_OPERATION_SCRIBBLE || operation->kind == PAGE_OPERATION_REPAIR) {
        scribble(run, operation);
        return;
    }
    if (operation->kind == PAGE_OPERATION_INIT_ELSEWHERE) {
        init_elsewhere(run, operation);
        return;
    }
    run->before = run->pages;
    memcpy(run->descriptors_before, run->memory, run->model.page_count);
    if (operation->kind == PAGE_OPERATION_EXTEND || operation->kind == PAGE_OPERATION_FREE) {
        check_run_count(run, operation);
    }
    const struct page_answer answer = predict(run, operation);
    const struct outcome outcome = execute(run, operation);
    if (steps_are_wanted()) {
        print_outcome(run, operation, outcome);
    }
    check(run, operation, outcome, answer);
}

/* Lays the memory out so that page 0 starts at the arena's second page, and dirties what an earlier run left.
 */
static void prepare(struct run *run, const unsigned char header[3]) {
    const size_t page_count = 1 + header[0] % (size_t)PAGE_MODEL_PAGE_LIMIT;
    const size_t gap_size = header[1];
    if (dirty_page[0] != DIRT) {
        memset(dirty_page, DIRT, sizeof dirty_page);
        memset(arena, DIRT, sizeof arena);
        memset(elsewhere, DIRT, sizeof elsewhere);
    }
    memcpy(arena, dirty_page, PAGE_SIZE);
    page_model_init(&run->model, page_count);
    run->base = arena + PAGE_SIZE;
    run->memory = run->base - gap_size - page_count;
    run->size = page_count + gap_size + page_count * PAGE_SIZE + header[2];
    run->report = (struct rule_run){.run = run, .describe = describe, .print_state = print_maps};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned char header[3] = {0, 0, 0};
    memcpy(header, data, size < sizeof header ? size : sizeof header);
    static struct run run;
    prepare(&run, header);
    if (steps_are_wanted()) {
        (void)fprintf(stderr,
                      "memory: %zu descriptors, %u bytes of room, %zu pages of %u bytes, %u bytes more\n",
                      run.model.page_count, header[1], run.model.page_count, (unsigned)PAGE_SIZE, header[2]);
    }
    do_operation(&run,
                 &(const struct page_operation){.kind = PAGE_OPERATION_INIT, .count = run.model.page_count});
    for (size_t at = sizeof header;
         at + PAGE_OPERATION_SIZE <= size && run.report.operation_count <= OPERATION_LIMIT;
         at += PAGE_OPERATION_SIZE) {
        const struct page_operation operation = page_operation_decode(&run.model, data + at);
        do_operation(&run, &operation);
    }
    return 0;
}
