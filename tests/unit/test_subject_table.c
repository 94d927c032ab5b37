/* Specification: what is an author's slip in a subject's table, and not the heap's fault; and what is said to
 * be left out. */
#include "fuzz/host/subject_table.h"

#include "fuzz/execute/view.h"
#include "tests/unit/test.h"

static bool start(void *memory, size_t size) {
    return memory != NULL && size != 0;
}

static void *alloc(size_t size) {
    (void)size;
    return NULL;
}

static void call_free(void *pointer) {
    (void)pointer;
}

static void *resize(void *pointer, size_t size) {
    (void)size;
    return pointer;
}

static struct subject least(void) {
    return (struct subject){.name = "least", .start = start, .alloc = alloc, .free = call_free};
}

TEST(three_functions_and_a_name_are_enough) {
    const struct subject subject = least();
    assert_null(subject_table_fault(&subject));
}

TEST(the_heaps_of_this_project_have_no_fault) {
    assert_null(subject_table_fault(&subject_kmem));
}

TEST(what_is_required_and_null_is_named) {
    struct subject subject = least();
    subject.name = NULL;
    assert_string_equal(subject_table_fault(&subject), "has no name");
    subject = least();
    subject.start = NULL;
    assert_string_equal(subject_table_fault(&subject), "has no start");
    subject = least();
    subject.alloc = NULL;
    assert_string_equal(subject_table_fault(&subject), "has no alloc");
    subject = least();
    subject.free = NULL;
    assert_string_equal(subject_table_fault(&subject), "has no free");
}

TEST(an_alignment_is_a_power_of_two) {
    struct subject subject = least();
    for (size_t alignment = 1; alignment != 0; alignment *= 2) {
        subject.facts.alignment = alignment;
        assert_null(subject_table_fault(&subject));
    }
    subject.facts.alignment = 12;
    assert_string_equal(subject_table_fault(&subject), "promises an alignment that is no power of two");
}

TEST(a_first_fit_has_a_grain_of_which_its_sizes_are_multiples) {
    static const struct subject_policy impossible[] = {
        {.header_size = 8, .grain = 12, .block_least = 24}, {.header_size = 8},
        {.header_size = 4, .grain = 8, .block_least = 16},  {.header_size = 8, .grain = 8, .block_least = 20},
        {.header_size = 8, .grain = 8, .block_least = 8},
    };
    struct subject subject = least();
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        subject.facts.first_fit = impossible[i];
        assert_string_equal(subject_table_fault(&subject), "declares a first_fit that can be no heap's");
    }
    subject.facts.first_fit = (struct subject_policy){.grain = 4096, .block_least = 4096};
    assert_null(subject_table_fault(&subject));
}

TEST(a_promise_about_realloc_needs_one) {
    struct subject subject = least();
    subject.facts.realloc_null = true;
    assert_string_equal(subject_table_fault(&subject), "promises realloc_null and has no realloc");
    subject.realloc = resize;
    assert_null(subject_table_fault(&subject));
    subject = least();
    subject.facts.realloc_zero = true;
    assert_string_equal(subject_table_fault(&subject), "promises realloc_zero and has no realloc");
}

TEST(what_is_declared_can_be) {
    static const struct subject_known known[] = {
        {"alignment", NULL, NULL}, {"alignement", "alloc", NULL}, {NULL, NULL, NULL}};
    struct subject subject = least();
    subject.facts.region_least = 512;
    subject.facts.region_most = 512;
    assert_null(subject_table_fault(&subject));
    subject.facts.region_most = 511;
    assert_string_equal(subject_table_fault(&subject), "declares a region_least above its region_most");
    subject = least();
    subject.facts.region_least = (size_t)3 << 20;
    assert_string_equal(subject_table_fault(&subject), "declares a region_least above 2 MiB");
    subject = least();
    subject.facts.size_width = 65;
    assert_string_equal(subject_table_fault(&subject), "declares a size_width of more than 64 bits");
    subject = least();
    subject.facts.memory = SUBJECT_MEMORY_OWN;
    assert_string_equal(subject_table_fault(&subject), "declares memory of its own and not where it is");
    subject = least();
    subject.facts.gives_back = true;
    assert_string_equal(subject_table_fault(&subject), "promises gives_back and has no realloc");
    subject = least();
    subject.known = known;
    assert_string_equal(subject_table_fault(&subject), "sets aside what is no oracle");
    subject.known = known + 2;
    assert_null(subject_table_fault(&subject));
}

TEST(facts_do_not_contradict_each_other) {
    static char own[64];
    static const struct {
        struct subject_facts facts;
        const char *fault;
    } tables[] = {
        {{.own_size = 64}, "says where memory of its own is and does not declare that it uses it (memory)"},
        {{.memory = SUBJECT_MEMORY_OWN, .own_memory = own, .own_size = 64}, NULL},
        {{.memory = SUBJECT_MEMORY_OWN, .own_memory = own, .own_size = 64, .region_least = 65},
         "declares a region_least above its own_size"},
        {{.memory = SUBJECT_MEMORY_UNKNOWN, .below_4_gib = true},
         "needs memory below 4 GiB and does not use what it is given"},
        {{.region_most = 64, .metadata = 63}, NULL},
        {{.region_most = 64, .metadata = 64}, "declares metadata that leaves nothing of its region_most"},
        {{.size_width = 16, .largest_request = 65535}, NULL},
        {{.size_width = 16, .largest_request = SIZE_MAX}, NULL},
        {{.size_width = 16, .largest_request = 65536},
         "declares a largest_request that its size_width cannot say"},
        {{.answers = 15}, NULL},
        {{.answers = 16}, "answers what is no misuse"},
        {{.first_fit = {8, 8, 16}, .alignment = 8, .zero_size = SUBJECT_ZERO_NULL}, NULL},
        {{.first_fit = {8, 8, 16}, .memory = SUBJECT_MEMORY_UNKNOWN},
         "declares a first_fit in memory that is anywhere"},
        {{.first_fit = {8, 8, 16}, .alignment = 16}, "promises an alignment above its first_fit's grain"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct subject subject = least();
        subject.facts = tables[i].facts;
        const char *const fault = subject_table_fault(&subject);
        assert_string_equal(fault == NULL ? "none" : fault,
                            tables[i].fault == NULL ? "none" : tables[i].fault);
    }
}

/* What subject_table_print_left_out prints; the caller frees it. */
static char *left_out(const struct subject *subject) {
    char *text = NULL;
    size_t size;
    FILE *const stream = open_memstream(&text, &size);
    assert_non_null(stream);
    subject_table_print_left_out(subject, stream);
    assert_int_equal(fclose(stream), 0);
    return text;
}

TEST(what_is_left_out_is_said) {
    static const struct subject_known known[] = {
        {"alignment", "alloc_aligned", "heap.c:7"}, {"leak", NULL, NULL}, {NULL, NULL, NULL}};
    struct subject subject = least();
    subject.request_cap = 100;
    subject.known = known;
    subject.realloc = resize;
    subject.facts.merges = true;
    char *text = left_out(&subject);
    assert_string_equal(
        text, "not asked, as the table has none: zalloc, calloc, alloc_aligned, usable_size, check, walk, "
              "free_bytes\n"
              "not judged, as the facts do not say: alignment, refits, gives_back, answers (so no misuse is "
              "made), largest_request\n"
              "not asked: more than 100 bytes, as the subject's file says\n"
              "set aside, as the subject's file says: alignment in calls of alloc_aligned at heap.c:7\n"
              "set aside, as the subject's file says: leak\n");
    free(text);
    text = left_out(&subject_kmem);
    assert_string_equal(text, "");
    free(text);
}

TEST(a_view_shows_all_that_the_executor_looks_at) {
    struct subject subject = subject_kmem;
    struct subject_view view = *subject_kmem.view;
    subject.view = &view;
    view.walk = NULL;
    assert_string_equal(subject_table_fault(&subject), "has a view without walk");
    view.check = NULL;
    assert_string_equal(subject_table_fault(&subject), "has a view without check");
    view.last_returned = NULL;
    assert_string_equal(subject_table_fault(&subject), "has a view without last_returned");
    view.last_refusal = NULL;
    assert_string_equal(subject_table_fault(&subject), "has a view without last_refusal");
    view.start = NULL;
    assert_string_equal(subject_table_fault(&subject), "has a view without start");
    view = *subject_kmem.view;
    view.heap_size = VIEW_HEAP_SIZE + 1;
    assert_string_equal(subject_table_fault(&subject), "has a view with a heap_size above VIEW_HEAP_SIZE");
    view = *subject_kmem.view;
    subject.usable_size = NULL;
    assert_string_equal(subject_table_fault(&subject), "has a view and no usable_size");
}
