/* Specification: what is an author's slip in a subject's table, and not the heap's fault. */
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
