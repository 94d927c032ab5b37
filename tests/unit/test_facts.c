/* Specification: what a subject without a view declares, and what that makes of a run: the region it gets,
 * the calls made and their sizes, and what is judged. */
#include "tests/unit/executor_fixture.h"

static const struct program_header page_heap = {.page_size = 256, .page_count = 1, .slot_count = 16};
static const struct program_header growing = {
    .page_size = 64, .page_count = 2, .growth_limit = 3, .slot_count = 16, .refused_asks = 1};

/* A heap that grants one payload after another and takes none back, and notes what it is asked. */
static struct subject subject;
static char asked[1024];
static unsigned char *memory;
static size_t memory_size;
static size_t next;
static size_t refusals; /* requests to refuse from now on */
static void *known_region;

#define NOTE(...)                                                                                            \
    (void)snprintf(asked + strlen(asked), sizeof asked - strlen(asked), *asked == '\0' ? "" : " "),          \
        (void)snprintf(asked + strlen(asked), sizeof asked - strlen(asked), __VA_ARGS__)

static bool start_noting(void *given, size_t size) {
    NOTE("start(%zu)", size);
    memory = given;
    memory_size = size;
    next = 0;
    return true;
}

static void *grant(size_t size) {
    const size_t whole = (size + 15) & ~(size_t)7;
    if (refusals != 0 || size > memory_size || memory_size - next < whole) {
        refusals -= refusals != 0;
        return NULL;
    }
    next += whole;
    return memory + next - whole;
}

static void *alloc_noting(size_t size) {
    NOTE("alloc(%zu)", size);
    return grant(size);
}

static void free_noting(void *pointer) {
    NOTE("free(%td)", (unsigned char *)pointer - memory);
}

static void start_subject(void) {
    *asked = '\0';
    refusals = 0;
    subject = (struct subject){
        .name = "noting heap", .start = start_noting, .alloc = alloc_noting, .free = free_noting};
    make_executor(&subject, first_arena, ORACLE_ALL);
}

#define FACT_TEST(name) TEST_WITH(name, start_subject, NULL)

static void assert_asked(const char *expected) {
    assert_string_equal(asked, expected);
    *asked = '\0';
}

/* Regions and memory. */

FACT_TEST(the_region_is_the_program_s_moved_into_the_range_declared) {
    subject.facts.region_least = 512;
    assert_sound(run(&page_heap, ""));
    assert_asked("start(768)");
    subject.facts.region_most = 600;
    assert_sound(run(&page_heap, ""));
    assert_asked("start(600)");
    subject.facts.region_least = subject.facts.region_most;
    assert_sound(run(&page_heap, ""));
    assert_asked("start(600)");
    subject.facts.region_least = 0;
    subject.facts.region_most = 0;
    assert_sound(run(&page_heap, ""));
    assert_asked("start(256)");
}

static uint64_t own_memory[32];

FACT_TEST(memory_of_its_own_is_the_region_and_is_not_touched) {
    memset(own_memory, 7, sizeof own_memory);
    subject.facts.memory = SUBJECT_MEMORY_OWN;
    subject.facts.own_memory = own_memory;
    subject.facts.own_size = sizeof own_memory;
    assert_sound(run(&page_heap, ""));
    assert_asked("start(256)");
    assert_ptr_equal(memory, own_memory);
    assert_int_equal(own_memory[0], UINT64_C(0x0707070707070707));
    assert_sound(run(&page_heap, "alloc 0 200"));
    assert_true(own_memory[0] != UINT64_C(0x0707070707070707)); /* that payload was written to */
}

static void *grant_elsewhere(size_t size) {
    static uint64_t elsewhere[512];
    return size > sizeof elsewhere ? NULL : elsewhere;
}

FACT_TEST(memory_that_is_anywhere_is_not_asked_to_be_inside) {
    subject.alloc = grant_elsewhere;
    assert_int_equal(run(&page_heap, "alloc 0 8").oracle, ORACLE_INSIDE);
    subject.facts.memory = SUBJECT_MEMORY_UNKNOWN;
    assert_sound(run(&page_heap, "alloc 0 8; free 0; alloc 1 100"));
    assert_int_equal(run(&page_heap, "alloc 0 8; alloc 1 8").oracle, ORACLE_DISJOINT);
}

/* Sizes. */

FACT_TEST(no_size_is_wider_than_the_parameter_or_the_cap) {
    subject.facts.size_width = 16;
    assert_sound(run(&page_heap, "alloc 0 max; alloc 1 70000; alloc 2 8"));
    assert_asked("start(256) alloc(65535) alloc(65535) alloc(8) free(0)");
    subject.facts.size_width = 0;
    subject.request_cap = 100;
    assert_sound(run(&page_heap, "alloc 0 101; alloc 1 max; alloc 2 100"));
    assert_asked("start(256) alloc(100) free(0)");
}

FACT_TEST(more_than_the_largest_request_is_impossible) {
    subject.facts.largest_request = 100;
    assert_sound(run(&page_heap, "alloc 0 100"));
    assert_verdict(run(&page_heap, "alloc 0 101"), "impossible-size 0 100 101");
}

FACT_TEST(sizes_come_from_what_was_observed) {
    assert_sound(run(&page_heap, "alloc 0 48; alloc 1 200; alloc 2 largest-1; alloc 3 first; free 0; "
                                 "alloc 4 first+1; alloc 5 usable; alloc 6 tail"));
    assert_asked(
        "start(256) alloc(48) alloc(200) alloc(199) alloc(48) free(0) alloc(49) alloc(48) alloc(111) "
        "free(56) free(112) free(176)");
}

FACT_TEST(powers_of_two_are_those_at_which_sizes_end) {
    assert_sound(run(&page_heap, "alloc 0 2^63; alloc 1 2^63-1; alloc 2 2^63; alloc 4 2^32; alloc 5 2^32+1"));
    assert_asked("start(256) alloc(32768) alloc(2147483647) alloc(9223372036854775808) alloc(65536) "
                 "alloc(4294967297)");
}

FACT_TEST(nothing_is_granted_for_no_bytes_where_that_is_promised) {
    subject.facts.zero_size = SUBJECT_ZERO_NULL;
    assert_verdict(run(&page_heap, "alloc 0 0"), "zero-size 0 -1 0");
    subject.facts.zero_size = SUBJECT_ZERO_EITHER;
    assert_sound(run(&page_heap, "alloc 0 0"));
}

/* What must be granted. */

FACT_TEST(an_empty_heap_refuses_no_request_far_below_its_size) {
    const struct program_header large = {.page_size = 256, .page_count = 8, .slot_count = 16};
    subject.facts.largest_request = SIZE_MAX;
    assert_verdict(run(&large, "alloc 0 257"), "sound");
    *asked = '\0';
    assert_sound(executor_start(&executor, &large));
    refusals = 1;
    assert_verdict(perform("alloc 0 256"), "liveness 2048 256 -1");
    executor_end(&executor, true);
    assert_sound(executor_start(&executor, &large));
    refusals = 1;
    assert_sound(perform("alloc 0 257"));
    executor_end(&executor, true);
    subject.facts.largest_request = 0;
    assert_sound(executor_start(&executor, &large));
    refusals = 1;
    assert_sound(perform("alloc 0 17"));
    refusals = 1;
    assert_verdict(perform("alloc 0 16"), "liveness 2048 16 -1");
    executor_end(&executor, true);
}

static void refuse_next_after(const char *text) {
    assert_sound(executor_start(&executor, &page_heap));
    assert_sound(perform(text));
    refusals = 1;
}

static void *resize_in_place(void *pointer, size_t size) {
    return size > 200 ? NULL : pointer;
}

FACT_TEST(what_was_just_freed_can_be_had_again_where_that_is_promised) {
    refuse_next_after("alloc 0 40; alloc 1 8; free 0");
    assert_sound(perform("alloc 2 40"));
    executor_end(&executor, true);
    subject.facts.refits = true;
    refuse_next_after("alloc 0 40; alloc 1 8; free 0");
    assert_verdict(perform("alloc 2 40"), "refit 0 40 -1");
    executor_end(&executor, true);
    refuse_next_after("alloc 0 40; free 0"); /* another size */
    assert_sound(perform("alloc 2 39"));
    executor_end(&executor, true);
    refuse_next_after("alloc 0 40; free 0; alloc 1 40"); /* it was had */
    assert_sound(perform("alloc 2 40"));
    executor_end(&executor, true);
    subject.realloc = resize_in_place;
    refuse_next_after("alloc 0 80; realloc 0 40; free 0"); /* it was resized */
    assert_sound(perform("alloc 2 40"));
    executor_end(&executor, true);
}

FACT_TEST(what_a_resize_cuts_off_can_be_had_where_that_is_promised) {
    const struct program_header large = {.page_size = 256, .page_count = 4, .slot_count = 16};
    subject.realloc = resize_in_place;
    subject.facts.gives_back = true;
    assert_sound(executor_start(&executor, &large));
    assert_sound(perform("alloc 0 400; realloc 0 100"));
    refusals = 2;
    assert_sound(perform("alloc 1 76")); /* more than a quarter */
    assert_verdict(perform("alloc 1 75"), "gives-back 300 75 -1");
    executor_end(&executor, true);
    assert_sound(executor_start(&executor, &large));
    assert_sound(perform("alloc 0 300; realloc 0 100")); /* less than 256 bytes */
    refusals = 1;
    assert_sound(perform("alloc 1 8"));
    executor_end(&executor, true);
}

/* Misuses. */

FACT_TEST(a_misuse_is_made_only_where_it_is_answered) {
    const char *const misuses = "alloc 0 24; alloc 1 24; free 0; double 0; interior 1 0; misaligned 1 2; "
                                "foreign 0; foreign 1";
    assert_sound(run(&page_heap, misuses));
    assert_asked("start(256) alloc(24) alloc(24) free(0) free(32)");
    subject.facts.answers = SUBJECT_DOUBLE_FREE;
    assert_sound(run(&page_heap, misuses));
    assert_asked("start(256) alloc(24) alloc(24) free(0) free(0) free(32)");
    subject.facts.answers = SUBJECT_INTERIOR;
    assert_sound(run(&page_heap, misuses));
    assert_asked("start(256) alloc(24) alloc(24) free(0) free(40) free(32)");
    subject.facts.answers = SUBJECT_MISALIGNED;
    assert_sound(run(&page_heap, misuses));
    assert_asked("start(256) alloc(24) alloc(24) free(0) free(35) free(32)");
    subject.facts.answers = SUBJECT_FOREIGN;
    assert_sound(run(&page_heap, misuses));
    assert_asked("start(256) alloc(24) alloc(24) free(0) free(264) free(-8) free(32)");
}

static void *grant_the_same(size_t size) {
    NOTE("alloc(%zu)", size);
    return memory;
}

FACT_TEST(a_pointer_that_is_live_again_is_no_double_free) {
    subject.alloc = grant_the_same;
    subject.facts.answers = SUBJECT_DOUBLE_FREE;
    assert_sound(run(&page_heap, "alloc 0 24; free 0; alloc 1 24; double 0"));
    assert_asked("start(256) alloc(24) free(0) alloc(24) free(0)");
}

/* Optional members. */

static void free_sized_noting(void *pointer, size_t size) {
    NOTE("free_sized(%td, %zu)", (unsigned char *)pointer - memory, size);
}

FACT_TEST(every_other_slot_s_free_is_told_the_size) {
    subject.free_sized = free_sized_noting;
    assert_sound(run(&page_heap, "alloc 0 10; alloc 1 20; free 1; free 0"));
    assert_asked("start(256) alloc(10) alloc(20) free_sized(24, 20) free(0)");
}

static bool extend_up_to_64(void *pointer, size_t size) {
    NOTE("extend(%td, %zu)", (unsigned char *)pointer - memory, size);
    next = size <= 64 ? 72 : next;
    return size <= 64;
}

FACT_TEST(a_payload_that_was_extended_is_judged_as_long_as_it_is) {
    subject.extend = extend_up_to_64;
    assert_sound(run(&page_heap, "alloc 0 10; extend 0 64; extend 0 100; extend 0 20; alloc 1 8"));
    assert_asked("start(256) alloc(10) extend(0, 64) extend(0, 100) alloc(8) free(0) free(72)");
    assert_verdict(run(&page_heap, "alloc 0 10; alloc 1 8; extend 0 60"), "disjoint 0 24 32");
    subject.extend = NULL;
    assert_sound(run(&page_heap, "alloc 0 10; extend 0 60"));
}

static size_t free_count; /* what the heap says */

static size_t count_free(void) {
    return free_count;
}

FACT_TEST(free_bytes_are_no_more_than_can_be_and_do_not_change_by_a_refusal) {
    subject.free_bytes = count_free;
    free_count = 256;
    assert_verdict(run(&page_heap, "alloc 0 1"), "free-bytes 0 255 256");
    free_count = 255;
    assert_sound(run(&page_heap, "alloc 0 1"));
    assert_sound(executor_start(&executor, &page_heap));
    free_count = 254;
    assert_verdict(perform("alloc 0 1000"), "free-bytes 0 255 254");
    executor_end(&executor, true);
}

static struct {
    size_t offset;
    size_t size;
    bool taken;
} blocks[4];

static bool show_blocks(subject_visit_block *visit, void *context) {
    for (size_t i = 0; i < 4 && blocks[i].size != 0; i++) {
        visit(context, memory + blocks[i].offset, blocks[i].size, blocks[i].taken);
    }
    return blocks[3].size == 0;
}

FACT_TEST(the_heap_s_own_walk_has_a_taken_block_for_each_payload) {
    subject.walk = show_blocks;
    assert_sound(executor_start(&executor, &page_heap));
    memcpy(blocks, (__typeof__(blocks)){{0, 16, true}, {16, 32, true}, {48, 208, false}}, sizeof blocks);
    assert_verdict(perform("alloc 0 8"), "sound");
    assert_sound(perform("alloc 1 8"));
    blocks[1].taken = false;
    assert_verdict(perform("alloc 2 9999"), "walk 16 1 1");
    blocks[1].taken = true;
    blocks[0].size = 32; /* both payloads in one, and blocks that overlap */
    assert_verdict(perform("alloc 2 9999"), "walk 0 1 2");
    blocks[0].size = 8;
    blocks[1] = blocks[2]; /* a payload in none */
    blocks[2].size = 0;
    assert_verdict(perform("alloc 2 9999"), "walk 256 1 1");
    memset(blocks, 0, sizeof blocks);
    blocks[0].size = 256;
    blocks[0].taken = true;
    executor_end(&executor, true);
}

/* Growth. */

static bool write_to_region(void *region, size_t size) {
    memset(region, 0, size);
    return true;
}

static bool add_noting(void *region, size_t size) {
    NOTE("add_region(%td, %zu)", (unsigned char *)region - memory, size);
    known_region = region;
    return true;
}

FACT_TEST(a_heap_that_refuses_is_given_a_region_unless_the_program_refuses_it) {
    subject.add_region = add_noting;
    assert_sound(run(&growing, "alloc 0 200; alloc 1 200; alloc 2 200; alloc 3 0"));
    assert_asked(
        "start(128) alloc(200) alloc(200) add_region(192, 128) alloc(200) add_region(384, 128) alloc(0) "
        "free(0)");
}

FACT_TEST(what_is_written_to_a_region_of_the_last_step_does_not_outlive_the_run) {
    const struct program_header larger = {.page_size = 64, .page_count = 3, .slot_count = 16};
    subject.add_region = write_to_region;
    assert_sound(run(&growing, "alloc 0 200; alloc 1 200"));
    assert_sound(run(&larger, "alloc 0 8"));
}

static void *grant_region(size_t size) {
    (void)size;
    return known_region == NULL ? NULL : (unsigned char *)known_region - 8;
}

FACT_TEST(no_payload_lies_between_two_regions) {
    subject.add_region = add_noting;
    known_region = NULL;
    subject.alloc = grant_region;
    assert_verdict(run(&growing, "alloc 0 200; alloc 1 200; alloc 2 9"), "inside 184 320 193");
}

static void *grant_more(size_t size) {
    unsigned char *const more = subject_more(size);
    NOTE("more(%zu) %td", size, more == NULL ? -1 : more - memory);
    return more;
}

FACT_TEST(a_heap_can_ask_for_what_follows_its_memory) {
    subject.alloc = grant_more;
    assert_sound(run(&growing, "alloc 0 8; alloc 1 20; alloc 2 8; alloc 3 200"));
    assert_asked("start(128) more(8) -1 more(20) 128 more(8) 152 more(200) -1 free(128) free(152)");
}

/* Starts. */

static size_t reset_count;

static void count_reset(void) {
    reset_count++;
}

FACT_TEST(a_heap_is_reset_before_every_start) {
    executor.restore = count_reset;
    reset_count = 0;
    assert_sound(run(&page_heap, ""));
    assert_int_equal(reset_count, 1);
    subject.reset = count_reset;
    executor.restore = NULL;
    assert_sound(run(&page_heap, ""));
    assert_int_equal(reset_count, 2);
}

static bool start_further_on(void *given, size_t size) {
    static size_t start_count;
    next = start_count++ * 8;
    memory = given;
    memory_size = size;
    return true;
}

FACT_TEST(a_heap_that_remembers_its_last_life_is_reported_as_that) {
    const struct program program = program_of(&page_heap, "alloc 0 8");
    executor.repeats = true;
    assert_sound(executor_run(&executor, &program));
    subject.start = start_further_on;
    assert_int_equal(executor_run(&executor, &program).oracle, ORACLE_REPEATABLE);
    subject.facts.memory = SUBJECT_MEMORY_UNKNOWN;
    assert_sound(executor_run(&executor, &program));
}

FACT_TEST(what_is_known_is_set_aside_where_it_is_known) {
    const struct subject_known aligned[] = {{"alignment", "alloc", NULL}, {NULL, NULL, NULL}};
    const struct subject_known anywhere[] = {
        {"inside", NULL, NULL}, {"alignment", NULL, NULL}, {NULL, NULL, NULL}};
    const struct program program = program_of(&page_heap, "alloc 0 8; alloc 1 8");
    subject.facts.alignment = 32;
    subject.known = (const struct subject_known[]){
        {"alignment", "realloc", NULL}, {"inside", "alloc", NULL}, {NULL, NULL, NULL}};
    assert_int_equal(executor_run(&executor, &program).oracle, ORACLE_ALIGNMENT);
    assert_true(verdict_is_sound(executor.set_aside));
    subject.known = aligned;
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(executor.set_aside.oracle, ORACLE_ALIGNMENT);
    subject.known = anywhere;
    assert_sound(executor_run(&executor, &program));
    assert_int_equal(executor.set_aside.oracle, ORACLE_ALIGNMENT);
}
