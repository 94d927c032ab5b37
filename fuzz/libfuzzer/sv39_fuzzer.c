/* libFuzzer target: the Sv39 page tables against the page table model, every operation checked.
 *
 * Every byte string is a valid input. Bytes of the first three that are missing are 0; up to three bytes
 * after the last whole operation, and operations beyond OPERATION_LIMIT, are ignored.
 *
 *     byte 0              page count: 4 + byte % 48
 *     byte 1              the physical address of page 0, modulo 4: 2 GiB, 0, so that the last page is the
 *                         highest there is, or a multiple of 64 pages
 *     byte 2              bit 0: whether the root is after or before the run of two pages that is
 *                         always taken for something else; bits 3..1: how sv39_init is misused once, 0 not
 *     4 bytes each        the operations: the table is in fuzz/sv39/sv39_operation.h
 *
 * Free pages are dirty whenever an operation starts, and so are those taken for something else; that is how a
 * table that was not zeroed and stray writes show. The run of two pages is all 0, so that code that takes it
 * for a table finds an empty one. Physical addresses do not depend on where the arena is.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/libfuzzer/rule.h"
#include "fuzz/libfuzzer/steps.h"
#include "fuzz/sv39/sv39_damage.h"
#include "fuzz/sv39/sv39_model.h"
#include "fuzz/sv39/sv39_operation.h"
#include "fuzz/sv39/sv39_picture.h"
#include "invariants/page_invariant.h"
#include "invariants/sv39_invariant.h"
#include "src/page.h"
#include "src/riscv/sv39.h"

#define OPERATION_LIMIT ((size_t)256)
#define PAGE_LIMIT      ((size_t)51)
#define DIRT            0xa5

_Static_assert(SV39_OPERATION_TEXT_SIZE <= RULE_TEXT_SIZE, "an operation's text fits a report");

/* The rules: the invariants, in the order of their numbers, and those beyond them. */
#define RULE_LIST(X)                                                                                         \
    SV39_INVARIANT_LIST(X)                                                                                   \
    X(REFUSAL_NAMED, "sv39-refusal-named",                                                                   \
      "Every operation ends with exactly the error the model predicts.")                                     \
    X(TRANSLATION, "sv39-translation", "Every translation is exactly the one the model predicts.")           \
    X(REFUSAL_UNTOUCHED, "sv39-refusal-untouched",                                                           \
      "A refused operation changes no table, no counter, no translation and no page's owner.")               \
    X(GIVEN_BACK_ZERO, "sv39-given-back-zero", "A table that is given back is all 0.")                       \
    X(CONTAINED, "sv39-contained", "Nothing is written to pages that are taken for something else.")         \
    X(SATP, "sv39-satp", "satp names the mode and the root.")                                                \
    X(PAGES_SOUND, "sv39-pages-sound", "The page allocator is sound after every operation.")

RULES(RULE_LIST);

/* Pages taken for something else than tables. */
struct other_run {
    unsigned char *first;
    size_t count;
};

/* One input being executed. */
struct run {
    struct page_allocator pages;
    struct sv39 tree;
    struct sv39_model model;
    uint64_t start; /* the physical address of page 0 */
    unsigned char *root;
    struct other_run pair;                         /* always taken */
    struct other_run others[SV39_OTHER_RUN_LIMIT]; /* the pair aside */
    size_t other_run_count;
    unsigned char is_other[PAGE_LIMIT];                /* by page: whether it is one of those */
    struct sv39_operation history[RULE_HISTORY_COUNT]; /* the last operations */
    struct rule_run report;    /* with the operations done so far, sv39_init included */
    struct sv39 tree_before;   /* before the operation being done */
    size_t taken_count_before; /* and so the following */
    unsigned char descriptors_before[PAGE_LIMIT];
    bool is_arena_kept;    /* arena_before holds what is in the pages taken for tables */
    uint64_t *overwritten; /* the entry overwritten; NULL when there is none */
    uint64_t repaired;     /* what it should be */
};

static _Alignas(4096) unsigned char arena[(1 + PAGE_LIMIT) * PAGE_SIZE]; /* descriptors in the first page */
static unsigned char arena_before[sizeof arena];                         /* of pages taken for tables */
static unsigned char dirty_page[PAGE_SIZE];
static const unsigned char zero_page[PAGE_SIZE];

/* The failures. */

static void describe(const void *context, size_t number, char text[RULE_TEXT_SIZE]) {
    const struct run *const run = context;
    sv39_operation_describe(&run->history[number % RULE_HISTORY_COUNT], text);
}

/* What should be mapped, and the tables. */
static void print_tree(const void *context) {
    const struct run *const run = context;
    sv39_picture_print_model(&run->model, stderr);
    sv39_picture_print_tables(arena + PAGE_SIZE, arena, run->model.page_count, run->root, run->start, stderr);
}

/* Reports the operation just done as breaking a rule, and ends the process in that rule's own function. */
__attribute__((noreturn)) static void fail(const struct run *run, const struct rule *rule,
                                           const char *expected, const char *observed) {
    rule_break_run(rule, &run->report, expected, observed);
}

/* Two values, and where. */
__attribute__((noreturn)) static void fail_values(const struct run *run, const struct rule *rule,
                                                  const char *where, uint64_t at, uint64_t expected,
                                                  uint64_t observed) {
    char expected_text[RULE_TEXT_SIZE];
    char observed_text[RULE_TEXT_SIZE];
    (void)snprintf(expected_text, RULE_TEXT_SIZE, "0x%llx at %s 0x%llx", (unsigned long long)expected, where,
                   (unsigned long long)at);
    (void)snprintf(observed_text, RULE_TEXT_SIZE, "0x%llx", (unsigned long long)observed);
    fail(run, rule, expected_text, observed_text);
}

static size_t index_of(const struct run *run, const unsigned char *page) {
    return (size_t)(page - run->pages.base) / PAGE_SIZE;
}

/* A page is as it should be. */
static void check_page(const struct run *run, const struct rule *rule, const unsigned char *expected,
                       const unsigned char *page) {
    const size_t i = rule_first_difference(page, expected, PAGE_SIZE);
    if (i < PAGE_SIZE) {
        fail_values(run, rule, "the allocator's byte", index_of(run, page) * PAGE_SIZE + i, expected[i],
                    page[i]);
    }
}

/* The checks. */

/* Refusals, and questions. */
static bool changes_nothing(const struct sv39_operation *operation, struct sv39_answer answer) {
    return answer.error != SV39_OK || operation->kind == SV39_OPERATION_TRANSLATE;
}

static bool is_taken_for_table(const struct run *run, size_t index) {
    return run->pages.descriptors[index] != 0 && run->is_other[index] == 0;
}

/* All is as before the operation: the tree, which pages are taken, and what is in those of tables; what is in
 * the others is known, and checked after every operation. */
static void check_untouched(const struct run *run) {
    const struct sv39 *const before = &run->tree_before;
    const struct sv39 *const after = &run->tree;
    if (after->pages != before->pages || after->root != before->root ||
        after->physical_offset != before->physical_offset || after->table_count != before->table_count ||
        after->mapped_count != before->mapped_count) {
        fail(run, &rule_REFUSAL_UNTOUCHED, "the tree's members as before", "one that changed");
    }
    const size_t changed =
        rule_first_difference(run->pages.descriptors, run->descriptors_before, run->model.page_count);
    if (changed < run->model.page_count) {
        fail_values(run, &rule_REFUSAL_UNTOUCHED, "the descriptor of page", changed,
                    run->descriptors_before[changed], run->pages.descriptors[changed]);
    }
    for (size_t index = 0; index < run->model.page_count; index++) {
        if (is_taken_for_table(run, index)) {
            const unsigned char *const page = run->pages.base + index * PAGE_SIZE;
            check_page(run, &rule_REFUSAL_UNTOUCHED, arena_before + (page - arena), page);
        }
    }
    if (run->pages.taken_count != run->taken_count_before) {
        fail_values(run, &rule_REFUSAL_UNTOUCHED, "the allocator's count, page", 0, run->taken_count_before,
                    run->pages.taken_count);
    }
}

/* Pages that were taken and are free now are 0. A map that was refused for want of a second table may have
 * written to pages that were free. Makes both dirty again. */
static void check_given_back(const struct run *run, bool is_out_of_pages) {
    for (size_t index = 0; index < run->pages.page_count; index++) {
        const bool was_taken = run->descriptors_before[index] != 0;
        if (run->pages.descriptors[index] != 0 || !(was_taken || is_out_of_pages)) {
            continue;
        }
        unsigned char *const page = run->pages.base + index * PAGE_SIZE;
        if (was_taken) {
            check_page(run, &rule_GIVEN_BACK_ZERO, zero_page, page);
        }
        memcpy(page, dirty_page, PAGE_SIZE);
    }
}

/* Every page of the run is like this one. */
static void check_other_run(const struct run *run, struct other_run other, const unsigned char *expected) {
    for (size_t i = 0; i < other.count; i++) {
        check_page(run, &rule_CONTAINED, expected, other.first + i * PAGE_SIZE);
    }
}

/* All invariants of the tree and of the page allocator, with an overwritten entry put right for as long. */
static void check_invariants(const struct run *run) {
    static unsigned char seen[PAGE_LIMIT];
    const struct sv39_expectation expectation = {.pages = &run->pages,
                                                 .root = run->root,
                                                 .physical_offset = run->start - (uintptr_t)run->pages.base,
                                                 .live = run->model.live,
                                                 .live_count = run->model.live_count,
                                                 .other_count = run->model.other_count,
                                                 .seen = seen};
    const struct page_expectation page_expectation = {
        .base = arena + PAGE_SIZE, .descriptors = arena, .page_count = run->model.page_count};
    struct verdict verdict = page_invariant_check(&run->pages, &page_expectation, PAGE_INVARIANT_STRUCTURE);
    if (!verdict_is_sound(verdict)) {
        fail_values(run, &rule_PAGES_SOUND, page_invariant_id(verdict.oracle), verdict.offset,
                    verdict.expected, verdict.observed);
    }
    const uint64_t impossible = run->overwritten == NULL ? 0 : *run->overwritten;
    if (run->overwritten != NULL) {
        *run->overwritten = run->repaired;
    }
    verdict = sv39_invariant_check(&run->tree, &expectation, SV39_INVARIANT_ALL);
    if (!verdict_is_sound(verdict)) {
        fail_values(run, rule_table[verdict.oracle - 1], "address", verdict.offset, verdict.expected,
                    verdict.observed);
    }
    if (run->overwritten != NULL) {
        *run->overwritten = impossible;
    }
}

static void check(const struct run *run, const struct sv39_operation *operation, struct sv39_answer outcome,
                  struct sv39_answer answer) {
    if (outcome.error != answer.error) {
        fail(run, &rule_REFUSAL_NAMED, sv39_error_name(answer.error), sv39_error_name(outcome.error));
    }
    const uint64_t physical_address = outcome.translation.physical_address;
    if (physical_address != answer.translation.physical_address) {
        fail_values(run, &rule_TRANSLATION, "address", operation->virtual_address,
                    answer.translation.physical_address, physical_address);
    }
    if (outcome.translation.flags != answer.translation.flags) {
        fail_values(run, &rule_TRANSLATION, "the flags of address", operation->virtual_address,
                    answer.translation.flags, outcome.translation.flags);
    }
    if (changes_nothing(operation, answer)) {
        check_untouched(run);
    }
    check_given_back(run, answer.error == SV39_OUT_OF_PAGES);
    check_other_run(run, run->pair, zero_page);
    for (size_t i = 0; i < run->other_run_count; i++) {
        check_other_run(run, run->others[i], dirty_page);
    }
    check_invariants(run);
}

/* Doing. */

static struct sv39_answer predict(struct run *run, const struct sv39_operation *operation) {
    switch (operation->kind) {
    case SV39_OPERATION_MAP:
        return sv39_model_map(&run->model, operation->virtual_address, operation->physical_address,
                              operation->flags);
    case SV39_OPERATION_UNMAP:
        return sv39_model_unmap(&run->model, operation->virtual_address);
    case SV39_OPERATION_TRANSLATE:
        return sv39_model_translate(&run->model, operation->virtual_address);
    default:
        return (struct sv39_answer){.error = SV39_OK};
    }
}

/* A refused translation must leave translation as it was: 0. */
static struct sv39_answer execute(struct run *run, const struct sv39_operation *operation) {
    struct sv39_answer outcome = {.error = SV39_OK};
    switch (operation->kind) {
    case SV39_OPERATION_INIT:
        outcome.error =
            sv39_init(&run->tree, &run->pages, run->root, run->start - (uintptr_t)run->pages.base);
        break;
    case SV39_OPERATION_MAP:
        outcome.error =
            sv39_map(&run->tree, operation->virtual_address, operation->physical_address, operation->flags);
        break;
    case SV39_OPERATION_UNMAP:
        outcome.error = sv39_unmap(&run->tree, operation->virtual_address);
        break;
    case SV39_OPERATION_TRANSLATE:
        outcome.error = sv39_translate(&run->tree, operation->virtual_address, &outcome.translation);
        break;
    default:
        break;
    }
    return outcome;
}

/* What it was refused as, or found. */
static void print_outcome(const struct sv39_operation *operation, struct sv39_answer outcome) {
    if (outcome.error != SV39_OK) {
        (void)fprintf(stderr, "      -> refused: %s\n", sv39_error_name(outcome.error));
    } else if (operation->kind == SV39_OPERATION_TRANSLATE) {
        (void)fprintf(stderr, "      -> 0x%llx, 0x%llx\n",
                      (unsigned long long)outcome.translation.physical_address,
                      (unsigned long long)outcome.translation.flags);
    }
}

/* The harness's own doings. */

static struct other_run take_other(struct run *run, size_t count, unsigned char content) {
    const struct other_run other = {.first = page_alloc(&run->pages, count), .count = count};
    if (other.first != NULL) {
        memset(other.first, content, count * PAGE_SIZE);
        memset(run->is_other + index_of(run, other.first), 1, count);
        run->model.other_count += count;
    }
    return other;
}

static void give_back_other(struct run *run, size_t number) {
    const struct other_run other = run->others[number];
    (void)page_free(&run->pages, other.first);
    memset(run->is_other + index_of(run, other.first), 0, other.count);
    run->model.other_count -= other.count;
    run->others[number] = run->others[--run->other_run_count];
}

static size_t index_at(uint64_t virtual_address, unsigned level) {
    return virtual_address / sv39_operation_span(level) % SV39_ENTRY_COUNT;
}

static uint64_t *table_at(const struct run *run, uint64_t physical_address) {
    return (void *)(run->pages.base + (physical_address - run->start));
}

/* Overwrites an entry on the way to a live mapping; the tables are sound, so the way can be gone. */
static void scribble(struct run *run, const struct sv39_operation *operation) {
    const uint64_t span = sv39_operation_span(operation->level);
    struct sv39_damage_places places = {
        .start = run->start,
        .end = run->start + run->model.page_count * PAGE_SIZE,
        .root = run->start + (uint64_t)(run->root - run->pages.base),
        .pair = run->start + (uint64_t)(run->pair.first - run->pages.base),
    };
    places.parent = places.root;
    for (unsigned level = SV39_LEVEL_COUNT - 1; level > operation->level; level--) {
        const uint64_t entry = table_at(run, places.parent)[index_at(operation->virtual_address, level)];
        places.parent = (entry & SV39_PAGE_NUMBER_MASK) * 4;
    }
    run->overwritten = table_at(run, places.parent) + index_at(operation->virtual_address, operation->level);
    run->repaired = *run->overwritten;
    *run->overwritten = sv39_damage(run->repaired, operation->level, operation->damage, &places);
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "      -> 0x%llx in place of 0x%llx\n", (unsigned long long)*run->overwritten,
                      (unsigned long long)run->repaired);
    }
    run->model.corrupt_start = operation->virtual_address / span * span;
    run->model.corrupt_size = span;
}

/* Whether the operation is the harness's own, and done. */
static bool do_own(struct run *run, const struct sv39_operation *operation) {
    switch (operation->kind) {
    case SV39_OPERATION_TAKE:
        run->others[run->other_run_count] = take_other(run, operation->count, DIRT);
        run->other_run_count += run->others[run->other_run_count].first != NULL;
        return true;
    case SV39_OPERATION_GIVE_BACK:
        give_back_other(run, operation->count);
        return true;
    case SV39_OPERATION_SCRIBBLE:
        scribble(run, operation);
        return true;
    case SV39_OPERATION_REPAIR:
        if (run->overwritten == NULL) {
            abort(); /* a repair is decoded only when the model knows of an entry that was overwritten */
        }
        *run->overwritten = run->repaired;
        run->overwritten = NULL;
        run->model.corrupt_size = 0;
        return true;
    default:
        return false;
    }
}

/* Copies the pages taken for tables, unless nothing has changed since that was last done: every operation
 * that should change nothing is checked against the copy, so the copy outlasts it. */
static void keep_arena(struct run *run) {
    for (size_t index = 0; index < run->model.page_count && !run->is_arena_kept; index++) {
        if (is_taken_for_table(run, index)) {
            const unsigned char *const page = run->pages.base + index * PAGE_SIZE;
            memcpy(arena_before + (page - arena), page, PAGE_SIZE);
        }
    }
    run->is_arena_kept = true;
}

static void do_operation(struct run *run, const struct sv39_operation *operation) {
    run->history[run->report.operation_count++ % RULE_HISTORY_COUNT] = *operation;
    rule_print_step(&run->report);
    if (do_own(run, operation)) {
        run->is_arena_kept = false;
        return;
    }
    run->tree_before = run->tree;
    run->taken_count_before = run->pages.taken_count;
    memcpy(run->descriptors_before, run->pages.descriptors, run->pages.page_count);
    const struct sv39_answer answer = predict(run, operation);
    if (changes_nothing(operation, answer)) {
        keep_arena(run);
    } else {
        run->is_arena_kept = false;
    }
    const struct sv39_answer outcome = execute(run, operation);
    if (steps_are_wanted()) {
        print_outcome(operation, outcome);
    }
    check(run, operation, outcome, answer);
}

/* A page allocator with the root and the pair taken. Page 0 is the arena's second page. */
static void prepare(struct run *run, const unsigned char header[3]) {
    const size_t page_count = 4 + header[0] % (PAGE_LIMIT - 3);
    const uint64_t starts[4] = {UINT64_C(0x80000000), 0, SV39_PHYSICAL_END - page_count * PAGE_SIZE,
                                (1 + header[1] / UINT64_C(4)) * 64 * PAGE_SIZE};
    if (dirty_page[0] != DIRT) {
        memset(dirty_page, DIRT, sizeof dirty_page);
    }
    memset(arena, DIRT, (1 + page_count) * PAGE_SIZE);
    sv39_model_init(&run->model, page_count, 0);
    (void)page_init(&run->pages, arena, (1 + page_count) * PAGE_SIZE);
    run->start = starts[header[1] % 4];
    run->other_run_count = 0;
    run->report = (struct rule_run){.run = run, .describe = describe, .print_state = print_tree};
    run->is_arena_kept = false;
    memset(run->is_other, 0, sizeof run->is_other);
    run->overwritten = NULL;
    if ((header[2] & 1) == 0) {
        run->root = page_zalloc(&run->pages, 1);
        run->pair = take_other(run, 2, 0);
    } else {
        run->pair = take_other(run, 2, 0);
        run->root = page_zalloc(&run->pages, 1);
    }
}

static void check_satp(const struct run *run) {
    const uint64_t root = run->start + (uint64_t)(run->root - run->pages.base);
    const uint64_t expected = UINT64_C(1) << 63 | root / PAGE_SIZE;
    if (sv39_satp(&run->tree) != expected) {
        fail_values(run, &rule_SATP, "root", root, expected, sv39_satp(&run->tree));
    }
}

/* Makes another tree, in one of seven wrong ways; then all that tree can do is refuse. */
static void check_misused_init(const struct run *run, unsigned misuse) {
    static const enum sv39_error errors[8] = {SV39_OK,       SV39_BAD_OFFSET, SV39_BAD_OFFSET, SV39_BAD_ROOT,
                                              SV39_BAD_ROOT, SV39_BAD_ROOT,   SV39_BAD_ROOT,   SV39_BAD_ROOT};
    const uint64_t too_high = SV39_PHYSICAL_END - (run->model.page_count - 1) * PAGE_SIZE;
    const uint64_t offset = (misuse == 2 ? too_high : run->start) - (uintptr_t)run->pages.base;
    unsigned char *const roots[8] = {
        [0] = run->root, [1] = run->root, [2] = run->root,       [3] = NULL,
        [4] = run->root, [5] = arena,     [6] = run->pair.first, [7] = run->root + sizeof(uint64_t)};
    struct page_allocator pages = run->pages;
    struct sv39 tree;
    struct sv39_translation translation;
    run->root[PAGE_SIZE - 1] = misuse == 4; /* not all 0 */
    enum sv39_error error = sv39_init(&tree, &pages, roots[misuse], offset + (misuse == 1));
    run->root[PAGE_SIZE - 1] = 0;
    if (error == errors[misuse] && error != SV39_OK) {
        const bool is_refused = sv39_map(&tree, 0, 0, SV39_READ) == SV39_BAD_ROOT &&
                                sv39_unmap(&tree, 0) == SV39_BAD_ROOT &&
                                sv39_translate(&tree, 0, &translation) == SV39_BAD_ROOT;
        error = is_refused ? error : SV39_OK;
    }
    if (error != errors[misuse]) {
        fail(run, &rule_REFUSAL_NAMED, sv39_error_name(errors[misuse]), sv39_error_name(error));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned char header[3] = {0, 0, 0};
    memcpy(header, data, size < sizeof header ? size : sizeof header);
    static struct run run;
    prepare(&run, header);
    do_operation(&run, &(const struct sv39_operation){.kind = SV39_OPERATION_INIT,
                                                      .physical_address = run.start,
                                                      .count = run.model.page_count});
    check_satp(&run);
    const unsigned misuse = header[2] >> 1 & 7U;
    if (steps_are_wanted()) {
        (void)fprintf(stderr, "  another tree is tried, made in %s way (way %u of check_misused_init)\n",
                      misuse == 0 ? "the same" : "a wrong", misuse);
    }
    check_misused_init(&run, misuse);
    for (size_t at = sizeof header;
         at + SV39_OPERATION_SIZE <= size && run.report.operation_count <= OPERATION_LIMIT;
         at += SV39_OPERATION_SIZE) {
        const struct sv39_operation operation =
            sv39_operation_decode(&run.model, run.start, run.other_run_count, data + at);
        do_operation(&run, &operation);
    }
    return 0;
}
