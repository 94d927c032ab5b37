/* One small heap at a known place, and the words the unit tests of the allocator are written in.
 *
 *     inaccessible | dirt ............. | heap, up to page_limit pages | inaccessible
 *                                       ^ heap.base                    ^ a read or write here faults
 *
 * The region starts out dirty, never zeroed. Where the heap reaches its page limit a step past its end
 * faults; elsewhere the bytes around it are compared with the dirt.
 *
 * Block lists are written as text, "taken 32 | free 992": what a test expects and what it starts from.
 * Include this file before any other: it asks the system headers for anonymous mappings. */
#ifndef KMEM_HEAP_FIXTURE_H
#define KMEM_HEAP_FIXTURE_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif

#include <limits.h>
#include <sys/mman.h>

#include "src/block.h"
#include "src/kmem.h"
#include "src/port.h"
#include "tests/unit/test.h"

#define HEAP_PAGE_SIZE   ((size_t)256)   /* bytes */
#define HEAP_PAGE_COUNT  ((size_t)4)     /* pages a test's heap starts with */
#define HEAP_PAGE_LIMIT  ((size_t)16)    /* pages a growing heap may have */
#define HEAP_SIZE        ((size_t)1024)  /* bytes; HEAP_PAGE_COUNT pages */
#define ARENA_SIZE       ((size_t)8192)  /* bytes of dirt and heap together */
#define GUARD_SIZE       ((size_t)65536) /* bytes; a multiple of every host's page size */
#define DIRT             ((unsigned char)0xa5)
#define TWO_TO_THE_63    ((size_t)1 << (8 * sizeof(size_t) - 1)) /* on a 64-bit host */
#define BLOCKS_TEXT_SIZE ((size_t)8192)

/* The sanitizer's own view of memory. Weak, because it is the program that is linked with a sanitizer or not:
 * the core may be watched while the tests are not. */
__attribute__((weak)) int __asan_address_is_poisoned(void const volatile *address);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *address, size_t size);

static struct kmem heap;
static unsigned char *arena; /* ARENA_SIZE bytes, followed by an inaccessible guard; mapped once */

/* The page source of growing heaps: what it was asked, and what it answers. */
static struct {
    size_t call_count;
    size_t page_count; /* of the last call */
    void *context;     /* of the last call */
    bool refuses;
} page_source;

/* Raw bytes, poisoned or not. Volatile keeps the compiler from making calls to memcpy and memset, which the
 * sanitizer watches, out of loops over these. */
PORT_UNCHECKED static inline unsigned char byte_read(const unsigned char *address) {
    return *(const volatile unsigned char *)address;
}

PORT_UNCHECKED static inline void byte_write(unsigned char *address, unsigned char value) {
    *(volatile unsigned char *)address = value;
}

/* Eight of them, at a multiple of 8. */
PORT_UNCHECKED static inline uint64_t word_read(const unsigned char *address) {
    return *(const volatile uint64_t *)(const void *)address;
}

/* A raw header, possible or not, at offset bytes from the heap's base. */
PORT_UNCHECKED static inline void header_write(size_t offset, uint64_t header) {
    *(volatile uint64_t *)(void *)(heap.base + offset) = header;
}

/* The address offset bytes from the heap's base, before it for offsets that wrap. */
static inline void *at(size_t offset) {
    return (void *)((uintptr_t)heap.base + offset);
}

static inline bool extend(void *context, size_t page_count) {
    page_source.call_count++;
    page_source.page_count = page_count;
    page_source.context = context;
    return !page_source.refuses;
}

static inline void arena_prepare(void) {
    if (arena == NULL) {
        unsigned char *const memory =
            mmap(NULL, 3 * GUARD_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(memory, MAP_FAILED);
        assert_int_equal(mprotect(memory + GUARD_SIZE, GUARD_SIZE, PROT_READ | PROT_WRITE), 0);
        arena = memory + 2 * GUARD_SIZE - ARENA_SIZE;
    }
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(arena, ARENA_SIZE);
    }
    memset(arena, DIRT, ARENA_SIZE);
}

/* The place of a heap that may reach size bytes: it then ends at the guard. */
static inline unsigned char *arena_base_for(size_t size) {
    return arena + ARENA_SIZE - size;
}

/* A heap of 1024 bytes in 4 pages, which never grows. Its base is a multiple of 1024. */
static inline void fresh_heap(void) {
    arena_prepare();
    assert_int_equal(kmem_init(&heap, arena_base_for(HEAP_SIZE), HEAP_PAGE_COUNT, HEAP_PAGE_SIZE, NULL),
                     KMEM_OK);
}

/* A heap of 1024 bytes in 4 pages, which may grow to page_limit pages, of which the arena has room for 16. */
static inline void start_growing_heap(size_t page_limit) {
    const struct kmem_page_source source = {
        .extend = extend, .context = &page_source, .page_limit = page_limit};
    arena_prepare();
    page_source.call_count = 0;
    page_source.page_count = 0;
    page_source.context = NULL;
    page_source.refuses = false;
    assert_int_equal(kmem_init(&heap, arena_base_for(HEAP_PAGE_LIMIT * HEAP_PAGE_SIZE), HEAP_PAGE_COUNT,
                               HEAP_PAGE_SIZE, &source),
                     KMEM_OK);
}

/* The same with a limit of 16 pages, 4096 bytes. Its base is a multiple of 4096. */
static inline void growing_heap(void) {
    start_growing_heap(HEAP_PAGE_LIMIT);
}

#define HEAP_TEST(name)         TEST_WITH(name, fresh_heap, NULL)
#define GROWING_HEAP_TEST(name) TEST_WITH(name, growing_heap, NULL)

/* Takes the next block off a block list; false at its end. */
static inline bool blocks_next(const char **text, size_t *size, bool *taken) {
    char word[6];
    int length = 0;
    if (**text == '\0') {
        return false;
    }
    assert_int_equal(sscanf(*text, "%5s %zu%n", word, size, &length), 2);
    *taken = strcmp(word, "taken") == 0;
    *text += length;
    *text += strncmp(*text, " | ", 3) == 0 ? 3 : 0;
    return true;
}

/* Writes the block list of text, which must tile the heap, and the counters that go with it; taken payloads
 * become accessible as a whole. */
static inline void lay_out(const char *text) {
    const size_t end = kmem_size(&heap);
    size_t offset = 0;
    size_t size;
    bool taken;
    heap.taken_count = 0;
    heap.taken_size = 0;
    while (blocks_next(&text, &size, &taken)) {
        assert_true(size <= end - offset);
        block_write(heap.base + offset, size, taken);
        heap.taken_count += taken ? 1 : 0;
        heap.taken_size += taken ? size : 0;
        if (taken && __asan_unpoison_memory_region != NULL) {
            __asan_unpoison_memory_region(at(offset + BLOCK_HEADER_SIZE), size - BLOCK_HEADER_SIZE);
        }
        offset += size;
    }
    assert_int_equal(offset, end);
}

/* The heap's block list as text, in static storage, and its counters checked against it. */
static inline const char *blocks_text(void) {
    static char text[BLOCKS_TEXT_SIZE];
    const size_t end = kmem_size(&heap);
    size_t length = 0;
    size_t taken_count = 0;
    size_t taken_size = 0;
    for (size_t offset = 0; offset < end;) {
        const struct block block = block_read(heap.base + offset);
        if (!block_is_possible(block, end - offset)) {
            fail_msg("impossible header at %zu after: %s", offset, text);
        }
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %" PRIu64,
                                   offset == 0 ? "" : " | ", block.taken ? "taken" : "free", block.size);
        assert_true(length < sizeof text);
        taken_count += block.taken ? 1 : 0;
        taken_size += block.taken ? (size_t)block.size : 0;
        offset += (size_t)block.size;
    }
    assert_int_equal(heap.taken_count, taken_count);
    assert_int_equal(heap.taken_size, taken_size);
    return text;
}

/* Not one byte around the heap was written. */
static inline void assert_surroundings_untouched(void) {
    for (size_t i = 0; i < ARENA_SIZE; i += sizeof(uint64_t)) {
        const bool inside = arena + i >= heap.base && arena + i < heap.base + kmem_size(&heap);
        if (!inside && word_read(arena + i) != DIRT * (UINT64_MAX / UCHAR_MAX)) {
            fail_msg("a word outside the heap was written, %td bytes from base", arena + i - heap.base);
        }
    }
}

static inline void assert_blocks(const char *expected) {
    assert_string_equal(blocks_text(), expected);
    assert_surroundings_untouched();
}

static inline void assert_error(enum kmem_error expected) {
    assert_string_equal(kmem_error_name(kmem_last_error(&heap)), kmem_error_name(expected));
}

/* Everything that an operation which fails must leave alone. */
struct snapshot {
    struct kmem heap;
    uint64_t words[ARENA_SIZE / sizeof(uint64_t)];
};

static inline void snapshot_take(struct snapshot *snapshot) {
    snapshot->heap = heap;
    for (size_t i = 0; i < ARENA_SIZE; i += sizeof(uint64_t)) {
        snapshot->words[i / sizeof(uint64_t)] = word_read(arena + i);
    }
}

/* Nothing has changed since, in the heap, in its region or around it; how the last operation ended aside. */
static inline void assert_unchanged(const struct snapshot *snapshot) {
    struct kmem before = snapshot->heap;
    before.error = heap.error;
    before.error_offset = heap.error_offset;
    assert_memory_equal(&heap, &before, sizeof heap);
    for (size_t i = 0; i < ARENA_SIZE; i += sizeof(uint64_t)) {
        if (word_read(arena + i) != snapshot->words[i / sizeof(uint64_t)]) {
            fail_msg("a word changed, %td bytes from base", arena + i - heap.base);
        }
    }
}

/* Contents: a different byte for each place, seed and neighbour. */
static inline unsigned char pattern_byte(unsigned seed, size_t index) {
    return (unsigned char)(seed * 37 + index * 11 + 1);
}

static inline void pattern_write(void *payload, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++) {
        byte_write((unsigned char *)payload + i, pattern_byte(seed, i));
    }
}

static inline void assert_pattern(const void *payload, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(byte_read((const unsigned char *)payload + i), pattern_byte(seed, i));
    }
}

static inline void assert_all_bytes(const void *payload, size_t size, unsigned char value) {
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(byte_read((const unsigned char *)payload + i), value);
    }
}

/* The block a request needs, by search rather than by the allocator's arithmetic. */
static inline size_t block_size_needed(size_t request) {
    size_t size = 16;
    while (size - 8 < request) {
        size += 8;
    }
    return size;
}

/* What a call asks for: "alloc SIZE", "zalloc SIZE", "calloc COUNT SIZE", "aligned ALIGNMENT SIZE", "free
 * OFFSET", "realloc OFFSET SIZE" or "coalesce", with the offset of a payload or "null". */
struct heap_call {
    char word[16];
    size_t first;
    size_t second;
    void *pointer; /* at the offset, or NULL */
};

static inline struct heap_call heap_call_of(const char *text) {
    struct heap_call call = {.first = 0};
    if (sscanf(text, "%15s null %zu", call.word, &call.second) < 2 && strstr(text, "null") == NULL) {
        assert_true(sscanf(text, "%15s %zu %zu", call.word, &call.first, &call.second) > 0);
        call.pointer = at(call.first);
    }
    return call;
}

static inline bool heap_call_is(const struct heap_call *call, const char *word) {
    return strcmp(call->word, word) == 0;
}

/* Makes the call, and returns the payload that it gives. */
static inline void *heap_call_make(const struct heap_call *call) {
    const size_t first = call->first;
    const size_t second = call->second;
    if (heap_call_is(call, "free") || heap_call_is(call, "coalesce")) {
        assert_error(heap_call_is(call, "free") ? kmem_free(&heap, call->pointer) : kmem_coalesce(&heap));
        return NULL;
    }
    void *const payload = heap_call_is(call, "alloc")     ? kmem_alloc(&heap, first)
                          : heap_call_is(call, "zalloc")  ? kmem_zalloc(&heap, first)
                          : heap_call_is(call, "calloc")  ? kmem_calloc(&heap, first, second)
                          : heap_call_is(call, "aligned") ? kmem_alloc_aligned(&heap, first, second)
                                                          : kmem_realloc(&heap, call->pointer, second);
    const bool is_of_one = heap_call_is(call, "alloc") || heap_call_is(call, "zalloc");
    if ((is_of_one ? first : second) != 0) {
        assert_int_equal(payload == NULL, kmem_last_error(&heap) != KMEM_OK);
    }
    return payload;
}

/* A heap, a call, and what comes of it: "at OFFSET" for a payload returned, or else the error's name; and
 * " asks PAGES" when the source is asked. A payload resized keeps its contents, and every payload's usable
 * size is its block less the header. */
struct heap_case {
    const char *before;
    const char *call;
    const char *result;
    const char *after; /* NULL: not a byte changes */
};

static inline void assert_heap_case(const struct heap_case *expected) {
    static struct snapshot before;
    const struct heap_call call = heap_call_of(expected->call);
    char asks[32] = "";
    char result[64];
    lay_out(expected->before);
    const size_t usable_size = heap_call_is(&call, "realloc") ? kmem_usable_size(&heap, call.pointer) : 0;
    pattern_write(call.pointer, usable_size, 1);
    snapshot_take(&before);
    page_source.call_count = 0;
    heap.error = KMEM_BAD_REGION; /* so that a stale error shows */
    const unsigned char *const payload = heap_call_make(&call);
    if (page_source.call_count != 0) {
        assert_int_equal(page_source.call_count, 1);
        assert_ptr_equal(page_source.context, &page_source);
        (void)snprintf(asks, sizeof asks, " asks %zu", page_source.page_count);
    }
    if (payload != NULL) {
        (void)snprintf(result, sizeof result, "at %td%s", payload - heap.base, asks);
        assert_pattern(payload, usable_size < call.second ? usable_size : call.second, 1);
        assert_int_equal(kmem_usable_size(&heap, payload), block_read(payload - 8).size - 8);
    } else {
        (void)snprintf(result, sizeof result, "%s%s", kmem_error_name(kmem_last_error(&heap)), asks);
    }
    assert_string_equal(result, expected->result);
    if (expected->after == NULL) {
        assert_unchanged(&before);
    } else {
        assert_blocks(expected->after);
    }
}

#define CASES_WITH(sentence, setup, ...)                                                                     \
    static const struct heap_case sentence##_cases[] = {__VA_ARGS__};                                        \
    TEST_EACH_WITH(sentence, sentence##_cases, setup, NULL) {                                                \
        assert_heap_case(row);                                                                               \
    }

/* A test of the sentence for each heap_case that follows. */
#define CASES(sentence, ...)         CASES_WITH(sentence, fresh_heap, __VA_ARGS__)
#define GROWING_CASES(sentence, ...) CASES_WITH(sentence, growing_heap, __VA_ARGS__)

#endif
