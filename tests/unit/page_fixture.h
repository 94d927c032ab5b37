/* What the page allocator's unit tests share: an allocator on a dirty arena, drawn and compared as a picture.
 *
 * Descriptors are drawn one character a page: '.' free, 't' taken, 'T' taken and the last of its run, 'l'
 * last but not taken, 'x' taken with an unknown bit. "tT.." is a run of two pages and two free ones.
 *
 * Included by tests only, once each, after cmocka.h and what that needs. */
#ifndef KMEM_PAGE_FIXTURE_H
#define KMEM_PAGE_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "src/page.h"
#include "tests/unit/test.h"

#define PAGE_LIMIT  ((size_t)16) /* pages an allocator under test has at most */
#define DIRT        0xa5
#define MARGIN_SIZE ((size_t)64) /* bytes watched behind the last page */

static _Alignas(4096) unsigned char arena[(1 + PAGE_LIMIT + 1) * PAGE_SIZE];
static struct page_allocator pages;

/* What a refused operation may not change. */
static struct page_allocator pages_before;
static unsigned char descriptors_before[PAGE_LIMIT];

/* page_count free pages; page 0 is the arena's second page; everything but the descriptors is dirty. */
static inline void set_up(size_t page_count) {
    memset(arena, DIRT, sizeof arena);
    unsigned char *const memory = arena + PAGE_SIZE - page_count;
    assert_int_equal(page_init(&pages, memory, page_count + page_count * PAGE_SIZE), PAGE_OK);
    assert_int_equal(pages.page_count, page_count);
    assert_ptr_equal(pages.base, arena + PAGE_SIZE);
}

static inline unsigned char descriptor_of(char drawn) {
    switch (drawn) {
    case 't':
        return PAGE_TAKEN;
    case 'T':
        return PAGE_TAKEN | PAGE_LAST;
    case 'l':
        return PAGE_LAST;
    case 'x':
        return 0x80 | PAGE_TAKEN;
    default:
        return 0;
    }
}

/* An allocator whose descriptors are as drawn, and whose counter agrees. */
static inline void set_up_as(const char *picture) {
    set_up(strlen(picture));
    for (size_t i = 0; i < pages.page_count; i++) {
        pages.descriptors[i] = descriptor_of(picture[i]);
        pages.taken_count += pages.descriptors[i] & PAGE_TAKEN;
    }
}

static inline void assert_picture(const char *picture) {
    size_t taken_count = 0;
    assert_int_equal(pages.page_count, strlen(picture));
    for (size_t i = 0; i < pages.page_count; i++) {
        assert_int_equal(pages.descriptors[i], descriptor_of(picture[i]));
        taken_count += pages.descriptors[i] & PAGE_TAKEN;
    }
    assert_int_equal(pages.taken_count, taken_count);
}

static inline unsigned char *page_at(size_t index) {
    return pages.base + index * PAGE_SIZE;
}

static inline void remember(void) {
    pages_before = pages;
    memcpy(descriptors_before, pages.descriptors, pages.page_count);
}

/* Nothing changed since remember(), but that the last error is now this one. */
static inline void assert_refused(enum page_error error) {
    assert_int_equal(page_last_error(&pages), error);
    assert_ptr_equal(pages.descriptors, pages_before.descriptors);
    assert_ptr_equal(pages.base, pages_before.base);
    assert_int_equal(pages.page_count, pages_before.page_count);
    assert_int_equal(pages.taken_count, pages_before.taken_count);
    assert_memory_equal(pages.descriptors, descriptors_before, pages.page_count);
}

static inline void assert_alloc_refused(size_t count, enum page_error error) {
    remember();
    pages.error = error == PAGE_OK ? PAGE_CORRUPT : PAGE_OK; /* so that a stale error shows */
    assert_null(page_alloc(&pages, count));
    assert_refused(error);
    pages.error = error == PAGE_OK ? PAGE_CORRUPT : PAGE_OK;
    assert_null(page_zalloc(&pages, count));
    assert_refused(error);
}

static inline void assert_extend_refused(void *pointer, size_t count, enum page_error error) {
    remember();
    assert_int_equal(page_extend(&pages, pointer, count), error);
    assert_refused(error);
}

static inline void assert_free_refused(void *pointer, enum page_error error) {
    remember();
    assert_int_equal(page_free(&pages, pointer), error);
    assert_refused(error);
}

/* Pages as drawn, a call, and what comes of it. Calls: "alloc COUNT", "zalloc COUNT", "extend INDEX COUNT"
 * and "free INDEX", with the index of a page. Results: "at INDEX", or the error's name. */
struct page_case {
    const char *before;
    const char *call;
    const char *result;
    const char *after; /* NULL: it is refused, and nothing changes but the error */
};

static inline void assert_page_case(const struct page_case *expected) {
    char word[8];
    size_t first = 0;
    size_t second = 0;
    char result[32];
    set_up_as(expected->before);
    remember();
    pages.error = PAGE_BAD_REGION; /* so that a stale error shows */
    assert_true(sscanf(expected->call, "%7s %zu %zu", word, &first, &second) >= 2);
    if (strstr(word, "alloc") != NULL) {
        const unsigned char *const page =
            word[0] == 'z' ? page_zalloc(&pages, first) : page_alloc(&pages, first);
        (void)snprintf(result, sizeof result, "at %td",
                       page == NULL ? 0 : (page - pages.base) / (ptrdiff_t)PAGE_SIZE);
        if (page == NULL) {
            (void)snprintf(result, sizeof result, "%s", page_error_name(page_last_error(&pages)));
        }
    } else {
        const enum page_error error = strcmp(word, "free") == 0 ? page_free(&pages, page_at(first))
                                                                : page_extend(&pages, page_at(first), second);
        assert_int_equal(page_last_error(&pages), error);
        (void)snprintf(result, sizeof result, "%s", page_error_name(error));
    }
    assert_string_equal(result, expected->result);
    if (expected->after == NULL) {
        assert_refused(page_last_error(&pages));
    } else {
        assert_picture(expected->after);
    }
}

/* A test of the sentence for each page_case that follows. */
#define PAGE_CASES(sentence, ...)                                                                            \
    static const struct page_case sentence##_cases[] = {__VA_ARGS__};                                        \
    TEST_EACH(sentence, sentence##_cases) {                                                                  \
        assert_page_case(row);                                                                               \
    }

/* free, extend and run_count find their run in the same way. */
static inline void assert_pointer_refused(void *pointer, enum page_error error) {
    assert_free_refused(pointer, error);
    assert_extend_refused(pointer, 0, error);
    assert_extend_refused(pointer, 1, error);
    assert_extend_refused(pointer, SIZE_MAX, error);
    pages.error = PAGE_BAD_REGION; /* so that a change shows */
    remember();
    assert_int_equal(page_run_count(&pages, pointer), 0);
    assert_refused(PAGE_BAD_REGION);
}

/* An address that may lie outside the arena; never followed. */
static inline void *address(uintptr_t value) {
    return (void *)value;
}

#endif
