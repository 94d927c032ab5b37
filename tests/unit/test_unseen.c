/* Specification: a subject without a view. Nothing is asked that it lacks or does not promise, no sound heap
 * is accused, and each oracle that needs no view names its defect. */
#include "fuzz/host/picture.h"
#include "tests/subjects/list_heap.h"
#include "tests/unit/executor_fixture.h"

static const struct program_header page_heap = {.page_size = 256, .page_count = 1, .slot_count = 16};

int subject_defect;
static struct subject subject; /* a copy of the list heap's, for tests to change */

static void start_unseen(void) {
    subject = subject_list_heap;
    subject_defect = LIST_HEAP_SOUND;
    make_executor(&subject, first_arena, ORACLE_ALL);
}

#define UNSEEN_TEST(name) TEST_WITH(name, start_unseen, NULL)

/* Defects. */

static const struct {
    const char *name;
    int defect;
    const char *program;
    const char *verdict;
} defects[] = {
    {"a wrapped size", LIST_HEAP_GRANTS_TOO_MUCH, "alloc 0 max-1", "impossible-size 4 256 -2"},
    {"an odd size", LIST_HEAP_MISALIGNS, "alloc 0 9; alloc 1 8", "alignment 17 4 1"},
    {"an alignment ignored", LIST_HEAP_IGNORES_ALIGNMENT, "aligned 0 64 8", "alignment 4 64 4"},
    {"an overlap", LIST_HEAP_OVERLAPS, "alloc 0 20; alloc 1 20", "own-check 0 1 0"},
    {"a write to a neighbour", LIST_HEAP_LINKS_TOO_LOW, "alloc 0 20; alloc 1 20; alloc 2 8; free 1",
     "contents-kept 20 23 60"},
    {"a write past the region", LIST_HEAP_WRITES_PAST, "alloc 0 20; free 0", "guards 256 165 0"},
    {"a byte not zeroed", LIST_HEAP_ZEROES_TOO_LITTLE, "zalloc 0 21", "contents-zeroed 24 0 165"},
    {"a short copy", LIST_HEAP_MOVES_TOO_LITTLE, "alloc 0 20; realloc 0 40", "contents-moved 36 22 0"},
    {"an old payload lost", LIST_HEAP_LOSES_THE_OLD, "alloc 0 20; realloc 0 240", "resize-failed 4 21 255"},
    {"a small usable size", LIST_HEAP_CLAIMS_LESS, "alloc 0 20", "usable-size 4 20 0"},
    {"nothing inside a payload", LIST_HEAP_SHARES_NOTHING, "alloc 0 20; alloc 1 0", "disjoint 8 4 24"},
    {"a block forgotten", LIST_HEAP_FORGETS_THE_LEAST, "alloc 0 4; alloc 1 240; free 0", "leak 0 2 1"},
    {"a list out of order", LIST_HEAP_DISORDERS, "alloc 0 20; alloc 1 20; alloc 2 20; free 0; free 2",
     "own-check 0 1 0"},
};

/* The second run included. */
static struct verdict run_whole(const char *text) {
    const struct program program = program_of(&page_heap, text);
    return executor_run(&executor, &program);
}

TEST_EACH_WITH(a_defect_is_named_by_its_oracle_and_a_sound_heap_is_not_accused, defects, start_unseen, NULL) {
    assert_verdict(run_whole(row->program), "sound");
    subject_defect = row->defect;
    assert_verdict(run_whole(row->program), row->verdict);
    subject_defect = LIST_HEAP_SOUND;
    assert_verdict(run_whole(row->program), "sound");
}

static void *refuse_all(size_t size) {
    (void)size;
    return NULL;
}

UNSEEN_TEST(a_heap_that_grants_nothing_is_liveness_s_where_it_has_room) {
    const struct program_header large = {.page_size = 256, .page_count = 4, .slot_count = 16};
    subject.alloc = refuse_all;
    assert_verdict(run(&large, ""), "liveness 1024 1 -1");
    assert_sound(run(&page_heap, ""));
}

UNSEEN_TEST(a_heap_that_does_not_merge_is_not_run_twice) {
    subject.facts.merges = false;
    subject_defect = LIST_HEAP_FORGETS_THE_LEAST;
    assert_sound(run_whole("alloc 0 4; alloc 1 240; free 0"));
}

UNSEEN_TEST(no_random_program_accuses_a_sound_heap) {
    uint64_t random = 1;
    uint8_t bytes[400];
    size_t started = 0;
    for (size_t i = 0; i < 2000; i++) {
        for (size_t byte = 0; byte < sizeof bytes; byte++) {
            bytes[byte] = (uint8_t)(next_random(&random) >> 32);
        }
        const struct program program = program_decode(bytes, sizeof bytes);
        if ((program.header.page_count + program.header.growth_limit + 1) * program.header.page_size <
            TEST_CAPACITY) {
            assert_sound(executor_run(&executor, &program));
            started += executor.started;
        }
    }
    assert_true(started > 500);
}

/* What is asked. */

static void *forbidden(size_t size) {
    fail_msg("asked for %zu zeroed bytes", size);
    return NULL;
}

static void forbidden_free(void *pointer) {
    assert_non_null(pointer);
    subject_list_heap.free(pointer);
}

UNSEEN_TEST(what_is_not_promised_is_not_asked) {
    subject.zalloc = forbidden;
    subject.free = forbidden_free;
    assert_int_equal(run(&page_heap, "alloc 0 20; null").oracle, SOUND);
    subject.zalloc = NULL;
    subject.calloc = NULL;
    subject.realloc = NULL;
    subject.alloc_aligned = NULL;
    subject.usable_size = NULL;
    assert_sound(run(&page_heap,
                     "zalloc 0 8; calloc 1 3 8; aligned 2 64 8; realloc 3 8; coalesce; usable 4; "
                     "alloc 5 8; realloc 5 0; realloc 5 9; double 5; interior 5 1; foreign 0; damage 5 1"));
}

UNSEEN_TEST(a_region_in_which_it_cannot_start_is_passed_over) {
    const struct program_header small = {.page_size = 32, .page_count = 1, .slot_count = 16};
    const struct program program = program_of(&small, "alloc 0 8; free 0");
    assert_sound(executor_run(&executor, &program));
    assert_false(executor.started);
    assert_int_equal(executor.operation_count, 0);
}

static bool start_at_the_end(void *memory, size_t size) {
    ((unsigned char *)memory)[size - 1] = 0;
    return true;
}

UNSEEN_TEST(what_a_start_writes_does_not_outlive_a_run_without_operations) {
    const struct program_header small = {.page_size = 32, .page_count = 1, .slot_count = 16};
    const struct program_header large = {.page_size = 32, .page_count = 3, .slot_count = 16};
    subject.start = start_at_the_end;
    subject.check = NULL; /* its list is not even begun */
    assert_sound(run(&large, ""));
    assert_sound(run(&small, ""));
}

/* Payloads of 0 bytes. */

static unsigned char *nothing; /* what alloc(0) returns */

static void *alloc_nothing(size_t size) {
    return size == 0 ? nothing : subject_list_heap.alloc(size);
}

static void free_but_nothing(void *pointer) {
    if (pointer != nothing) {
        subject_list_heap.free(pointer);
    }
}

UNSEEN_TEST(a_payload_of_no_bytes_may_lie_at_the_regions_end_and_be_shared_unless_promised_otherwise) {
    subject.alloc = alloc_nothing;
    subject.free = free_but_nothing;
    nothing = first_arena.base + 2 * page_heap.page_size;
    assert_sound(run(&page_heap, "alloc 0 0; alloc 1 0; alloc 2 20; free 0"));
    subject.facts.zero_size = SUBJECT_ZERO_UNIQUE;
    assert_verdict(run(&page_heap, "alloc 0 0; alloc 1 0"), "disjoint 256 256 256");
    nothing += 4;
    assert_verdict(run(&page_heap, "alloc 0 0"), "inside 260 256 260");
}

/* One run's bytes are not another's guards. */
UNSEEN_TEST(a_mark_at_the_regions_end_is_gone_before_the_next_run) {
    const struct program_header smaller = {.page_size = 64, .page_count = 3, .slot_count = 16};
    assert_sound(run(&page_heap, "alloc 0 240"));
    assert_sound(run(&smaller, "alloc 0 8; free 0"));
}

UNSEEN_TEST(the_picture_shows_payloads_and_what_lies_between) {
    static struct picture picture;
    assert_sound(executor_start(&executor, &page_heap));
    assert_sound(perform("alloc 0 20; alloc 1 9; free 0; alloc 2 8"));
    picture_draw(&picture, &executor);
    assert_string_equal(picture.text, "|.4|#8 s2|.16|#9 s1|.219|");
    executor_end(&executor, false);
}
