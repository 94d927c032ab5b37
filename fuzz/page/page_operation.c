/* The operations of the page allocator's fuzz target. page_operation.h is the contract. */
#include "fuzz/page/page_operation.h"

#include <stdbool.h>
#include <stdio.h>

/* Text. */

void page_operation_describe_pointer(int64_t offset, char text[PAGE_POINTER_TEXT_SIZE]) {
    const long long distance = (long long)offset;
    const long long page_size = (long long)PAGE_SIZE;
    const size_t size = PAGE_POINTER_TEXT_SIZE;
    if (offset == PAGE_MODEL_NULL) {
        (void)snprintf(text, size, "NULL");
    } else if (offset < 0) {
        (void)snprintf(text, size, "page 0 - %lld bytes", -distance);
    } else if (distance % page_size == 0) {
        (void)snprintf(text, size, "page %lld", distance / page_size);
    } else {
        (void)snprintf(text, size, "page %lld + %lld bytes", distance / page_size, distance % page_size);
    }
}

static void describe_init(const struct page_operation *operation, char text[PAGE_OPERATION_TEXT_SIZE]) {
    const size_t size = PAGE_OPERATION_TEXT_SIZE;
    const long long offset = (long long)operation->offset;
    if (operation->offset == PAGE_MODEL_NULL) {
        (void)snprintf(text, size, "page_init(another, NULL, %zu bytes)", operation->count);
    } else if (offset < 0) {
        (void)snprintf(text, size, "page_init(another, the last %lld bytes of all, %zu bytes)", -offset,
                       operation->count);
    } else {
        (void)snprintf(text, size, "page_init(another, a page + %lld bytes, %zu bytes)", offset,
                       operation->count);
    }
}

void page_operation_describe(const struct page_operation *operation, char text[PAGE_OPERATION_TEXT_SIZE]) {
    const size_t size = PAGE_OPERATION_TEXT_SIZE;
    char pointer[PAGE_POINTER_TEXT_SIZE];
    page_operation_describe_pointer(operation->offset, pointer);
    switch (operation->kind) {
    case PAGE_OPERATION_INIT:
        (void)snprintf(text, size, "page_init(memory for %zu pages)", operation->count);
        return;
    case PAGE_OPERATION_INIT_ELSEWHERE:
        describe_init(operation, text);
        return;
    case PAGE_OPERATION_ALLOC:
        (void)snprintf(text, size, "page_alloc(%zu)", operation->count);
        return;
    case PAGE_OPERATION_ZALLOC:
        (void)snprintf(text, size, "page_zalloc(%zu)", operation->count);
        return;
    case PAGE_OPERATION_EXTEND:
        (void)snprintf(text, size, "page_extend(%s, %zu)", pointer, operation->count);
        return;
    case PAGE_OPERATION_FREE:
        (void)snprintf(text, size, "page_free(%s)", pointer);
        return;
    case PAGE_OPERATION_SCRIBBLE:
        (void)snprintf(text, size, "scribble(page %zu, 0x%02x)", operation->page_index,
                       operation->descriptor);
        return;
    case PAGE_OPERATION_REPAIR:
        (void)snprintf(text, size, "repair(page %zu)", operation->page_index);
        return;
    }
}

/* Decoding. */

/* center - 8 to center + 7, but not below 0. */
static size_t near(size_t center, unsigned byte) {
    const size_t raised = center + (byte & 0xf);
    return raised < 8 ? 0 : raised - 8;
}

/* A number of pages:
 *     0x00 to 0x7f   1 to 16
 *     0x80 to 0xbf   0 to 63
 *     0xc0 to 0xcf   around the length of the longest free run
 *     0xd0 to 0xdf   around the page count
 *     0xe0 to 0xef   around SIZE_MAX / PAGE_SIZE, where their bytes no longer fit in a size_t
 *     0xf0 to 0xff   SIZE_MAX - 15 to SIZE_MAX */
static size_t decode_count(const struct page_model *model, unsigned byte) {
    if (byte < 0x80) {
        return 1 + byte % 16;
    }
    if (byte < 0xc0) {
        return byte - 0x80;
    }
    switch (byte >> 4) {
    case 0xc:
        return near(page_model_longest_free(model), byte);
    case 0xd:
        return near(model->page_count, byte);
    case 0xe:
        return near(SIZE_MAX / PAGE_SIZE, byte);
    default:
        return SIZE_MAX - 0xf + (byte & 0xf);
    }
}

/* The first page in that state at start or, wrapping around, after it; PAGE_MODEL_NO_PAGE when there is none.
 */
static size_t find_page(const struct page_model *model, enum page_state state, size_t start) {
    for (size_t i = 0; i < model->page_count; i++) {
        const size_t index = (start + i) % model->page_count;
        if (page_model_state(model, index) == state) {
            return index;
        }
    }
    return PAGE_MODEL_NO_PAGE;
}

/* A pointer outside the pages, near and far. */
static int64_t decode_foreign(const struct page_model *model,
                              const unsigned char bytes[PAGE_OPERATION_SIZE]) {
    const int64_t page_size = (int64_t)PAGE_SIZE;
    const int64_t end = (int64_t)model->page_count * page_size;
    switch (bytes[1] % 6) {
    case 0:
        return end;
    case 1:
        return -1 - (int64_t)bytes[2];
    case 2:
        return end + (int64_t)bytes[2] * page_size;
    case 3:
        return -(1 + (int64_t)bytes[2]) * page_size;
    case 4:
        return end + (INT64_C(1) << (20 + bytes[2] % 20));
    default:
        return end + bytes[2];
    }
}

/* The pointer of a misuse. */
static int64_t decode_misuse(const struct page_model *model, const unsigned char bytes[PAGE_OPERATION_SIZE]) {
    const size_t start = bytes[1] % model->page_count;
    const unsigned misuse = (unsigned)(bytes[0] >> 4) % 5;
    size_t index = PAGE_MODEL_NO_PAGE;
    if (misuse == 0) {
        index = find_page(model, PAGE_STATE_FREE, start);
    }
    if (misuse <= 1 && index == PAGE_MODEL_NO_PAGE) {
        index = find_page(model, PAGE_STATE_INTERIOR, start);
    }
    if (index != PAGE_MODEL_NO_PAGE) {
        return (int64_t)(index * PAGE_SIZE);
    }
    if (misuse <= 2) {
        return (int64_t)(start * PAGE_SIZE + 1 + ((size_t)bytes[2] * 16 + bytes[1] / 16) % (PAGE_SIZE - 1));
    }
    return misuse == 3 ? decode_foreign(model, bytes) : PAGE_MODEL_NULL;
}

static struct page_operation decode_scribble(const struct page_model *model,
                                             const unsigned char bytes[PAGE_OPERATION_SIZE]) {
    if (model->impossible_index != PAGE_MODEL_NO_PAGE) {
        return (struct page_operation){.kind = PAGE_OPERATION_REPAIR, .page_index = model->impossible_index};
    }
    const bool is_possible = bytes[2] == 0 || bytes[2] == PAGE_TAKEN || bytes[2] == (PAGE_TAKEN | PAGE_LAST);
    const unsigned char impossible = bytes[2] == 0 ? PAGE_LAST : (unsigned char)(bytes[2] + 4);
    const unsigned char descriptor = is_possible ? impossible : bytes[2];
    return (struct page_operation){.kind = PAGE_OPERATION_SCRIBBLE,
                                   .page_index = bytes[1] % model->page_count,
                                   .descriptor = descriptor};
}

/* Init elsewhere. kind:
 *     8          NULL
 *     9          before the end of all addresses: no page fits, or the memory wraps
 *     10         memory that wraps, or of more than PTRDIFF_MAX bytes
 *     11         less than a page
 *     12 to 15   1 to PAGE_ELSEWHERE_COUNT pages, by 8 bytes more or less */
static struct page_operation decode_init(unsigned kind, unsigned first, unsigned second) {
    struct page_operation operation = {.kind = PAGE_OPERATION_INIT_ELSEWHERE};
    const size_t start = first < 0x80 ? first * (size_t)32 : PAGE_SIZE - (first & 0x7f);
    operation.offset = (int64_t)start;
    switch (kind) {
    case 8:
        operation.offset = PAGE_MODEL_NULL;
        operation.count = first * (size_t)256 + second;
        break;
    case 9:
        operation.offset = -1 - (int64_t)start;
        operation.count = second % 2 == 0 ? start : second * (size_t)16;
        break;
    case 10:
        operation.count = second % 2 == 0 ? SIZE_MAX - second : (size_t)PTRDIFF_MAX + second;
        break;
    case 11:
        operation.count = second * (size_t)16;
        break;
    default:
        operation.count =
            page_model_size_of(start, 1 + (second >> 4) % PAGE_ELSEWHERE_COUNT) + second % 16 - 8;
    }
    return operation;
}

struct page_operation page_operation_decode(const struct page_model *model,
                                            const unsigned char bytes[PAGE_OPERATION_SIZE]) {
    static const enum page_operation_kind kinds[16] = {
        [0] = PAGE_OPERATION_ALLOC,     [1] = PAGE_OPERATION_ALLOC,  [2] = PAGE_OPERATION_ALLOC,
        [3] = PAGE_OPERATION_ALLOC,     [4] = PAGE_OPERATION_ZALLOC, [5] = PAGE_OPERATION_ZALLOC,
        [6] = PAGE_OPERATION_EXTEND,    [7] = PAGE_OPERATION_EXTEND, [8] = PAGE_OPERATION_EXTEND,
        [9] = PAGE_OPERATION_FREE,      [10] = PAGE_OPERATION_FREE,  [11] = PAGE_OPERATION_FREE,
        [12] = PAGE_OPERATION_FREE,     [13] = PAGE_OPERATION_FREE,  [14] = PAGE_OPERATION_EXTEND,
        [15] = PAGE_OPERATION_SCRIBBLE,
    };
    const unsigned code = bytes[0] & 0xf;
    if (kinds[code] == PAGE_OPERATION_SCRIBBLE && bytes[0] >= 0x80) {
        return decode_init(bytes[0] >> 4, bytes[1], bytes[2]);
    }
    if (kinds[code] == PAGE_OPERATION_SCRIBBLE) {
        return decode_scribble(model, bytes);
    }
    struct page_operation operation = {.kind = kinds[code], .count = decode_count(model, bytes[2])};
    if (operation.kind == PAGE_OPERATION_ALLOC || operation.kind == PAGE_OPERATION_ZALLOC) {
        return operation;
    }
    if (code >= 13) {
        operation.offset = decode_misuse(model, bytes);
    } else if (model->live_count != 0) {
        const size_t live = bytes[1] % model->live_count;
        operation.offset = (int64_t)(model->live[live].first_index * PAGE_SIZE);
    } else {
        operation.kind = PAGE_OPERATION_ALLOC;
    }
    return operation;
}
