/* Measures the byte allocator and its checker. Every state is built by the allocator itself, in memory that
 * starts at a multiple of 4096, so that offsets, and with them gaps, are the same in every build.
 *
 *     | taken | taken | ... | taken | free .................. |     count blocks of BLOCK_SIZE, end to end */
#include "fuzz/board/bench.h"
#include "invariants/invariant.h"
#include "src/block.h"
#include "src/kmem.h"

#define PAGE            ((size_t)4096)                   /* bytes */
#define PAGE_COUNT      ((size_t)128)                    /* the heap's at its start */
#define PAGE_LIMIT      (PAGE_COUNT + 1)                 /* with growth */
#define BLOCK_SIZE      ((size_t)32)                     /* bytes, header included */
#define REQUEST         (BLOCK_SIZE - BLOCK_HEADER_SIZE) /* bytes */
#define COUNT_MAXIMUM   ((size_t)1024)                   /* blocks */
#define SLOPE_COUNT     ((size_t)512)                    /* blocks or words a slope is measured over */
#define NOT_A_PAYLOAD   ((size_t)12)                     /* bytes from base */
#define LARGEST_REQUEST (PAGE_COUNT * PAGE - BLOCK_HEADER_SIZE)

__attribute__((section(".arena"), aligned(4096))) static unsigned char memory[PAGE_LIMIT * PAGE];

static struct kmem heap;
static void *payloads[COUNT_MAXIMUM];
static void *result;
static size_t usable_size;
static enum kmem_error error;
static struct verdict verdict;
static struct census census;

static const size_t counts[] = {1, 10, 100, 1000};

BENCH_COUNTED(count_alloc, (size_t size), result = kmem_alloc(&heap, size))
BENCH_COUNTED(count_zalloc, (size_t size), result = kmem_zalloc(&heap, size))
BENCH_COUNTED(count_calloc, (size_t number, size_t size), result = kmem_calloc(&heap, number, size))
BENCH_COUNTED(count_aligned, (size_t alignment, size_t size),
              result = kmem_alloc_aligned(&heap, alignment, size))
BENCH_COUNTED(count_realloc, (void *pointer, size_t size), result = kmem_realloc(&heap, pointer, size))
BENCH_COUNTED(count_free, (void *pointer), error = kmem_free(&heap, pointer))
BENCH_COUNTED(count_usable_size, (const void *pointer), usable_size = kmem_usable_size(&heap, pointer))
BENCH_COUNTED(count_coalesce, (void), error = kmem_coalesce(&heap))
BENCH_COUNTED(count_check, (const struct expectation *expectation),
              verdict = invariant_check(&heap, expectation, INVARIANT_ALL, &census))

static bool extend(void *context, size_t page_count) {
    (void)context;
    return page_count == 1;
}

/* A heap whose first count blocks are taken. */
static void start(size_t count) {
    const struct kmem_page_source source = {.extend = extend, .page_limit = PAGE_LIMIT};
    bench_require(kmem_init(&heap, memory, PAGE_COUNT, PAGE, &source) == KMEM_OK, "the heap starts");
    for (size_t i = 0; i < count; i++) {
        payloads[i] = kmem_alloc(&heap, REQUEST);
    }
    bench_require(heap.taken_count == count, "the blocks are taken");
}

static void give(size_t index) {
    bench_require(kmem_free(&heap, payloads[index]) == KMEM_OK, "a block is freed");
}

/* Reports what a call that was to give a payload has cost. */
static void report(const char *name, uint32_t count) {
    bench_require(result != NULL, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

static void report_free(const char *name, uint32_t number, uint32_t count) {
    bench_require(error == KMEM_OK, name);
    bench_report(name, number, count);
}

/* Frees block number index of count, and takes it again. */
static void measure_position(const char *alloc_name, const char *free_name, size_t count, size_t index) {
    start(count);
    report_free(free_name, (uint32_t)count, count_free(payloads[index]));
    const uint32_t taken = count_alloc(REQUEST);
    bench_require(result == payloads[index], alloc_name);
    bench_report(alloc_name, (uint32_t)count, taken);
}

static uint32_t count_alloc_behind(size_t count) {
    start(count);
    const uint32_t taken = count_alloc(REQUEST);
    bench_require(result != NULL, "there is room after all blocks");
    return taken;
}

static uint32_t count_free_last(size_t count) {
    start(count);
    return count_free(payloads[count - 1]);
}

static void measure_positions(void) {
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const size_t count = counts[i];
        measure_position("alloc-first-of", "free-first-of", count, 0);
        if (count > 1) {
            measure_position("alloc-middle-of", "free-middle-of", count, count / 2);
            measure_position("alloc-last-of", "free-last-of", count, count - 1);
        }
        bench_report("alloc-behind", (uint32_t)count, count_alloc_behind(count));
    }
    const uint32_t alloc_slope = count_alloc_behind(2 * SLOPE_COUNT) - count_alloc_behind(SLOPE_COUNT);
    const uint32_t free_slope = count_free_last(2 * SLOPE_COUNT) - count_free_last(SLOPE_COUNT);
    bench_report("alloc-each-block-passed", BENCH_NO_NUMBER, alloc_slope / SLOPE_COUNT);
    bench_report("free-each-block-passed", BENCH_NO_NUMBER, free_slope / SLOPE_COUNT);
}

/* Where the block is cut: from what it is cut, and what is left. */
static void measure_cuts(void) {
    start(0);
    report("alloc-split", count_alloc(REQUEST));
    start(2);
    give(0);
    report("alloc-exact", count_alloc(REQUEST));
    start(2);
    give(0);
    report("alloc-slack", count_alloc(REQUEST - 8)); /* what is left over is too small for a block */
    start(0);
    report("alloc-aligned-64", count_aligned(64, REQUEST));
    start(0);
    report("alloc-aligned-4096", count_aligned(4096, REQUEST));
    start(1);
    report("alloc-grow", count_alloc(LARGEST_REQUEST));
}

static uint32_t count_zeroed(size_t word_count) {
    start(0);
    const uint32_t zeroed = count_zalloc(word_count * sizeof(uint64_t));
    bench_require(result != NULL, "there is room for words to be cleared");
    return zeroed;
}

static void measure_zeroing(void) {
    bench_report("zalloc-of", 8, count_zeroed(1));
    bench_report("zalloc-of", 4096, count_zeroed(4096 / sizeof(uint64_t)));
    const uint32_t slope = count_zeroed(2 * SLOPE_COUNT) - count_zeroed(SLOPE_COUNT);
    bench_report("zalloc-each-8-bytes", BENCH_NO_NUMBER, slope / SLOPE_COUNT);
    start(0);
    report("calloc-16-times-32", count_calloc(16, 32));
}

static void report_refused(const char *name, uint32_t count) {
    bench_require(result == NULL, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

static void report_misuse(const char *name, enum kmem_error expected, uint32_t count) {
    bench_require(error == expected, name);
    bench_report(name, BENCH_NO_NUMBER, count);
}

static void measure_refusals(void) {
    start(1);
    report_refused("alloc-refused", count_alloc(LARGEST_REQUEST + PAGE));
    report_refused("calloc-wraps", count_calloc(SIZE_MAX, 2));
    report_misuse("free-null", KMEM_OK, count_free(NULL));
    report_misuse("free-foreign", KMEM_FOREIGN_POINTER, count_free(memory + sizeof memory));
    report_misuse("free-misaligned", KMEM_MISALIGNED_POINTER, count_free(memory + NOT_A_PAYLOAD));
    report_misuse("free-interior", KMEM_INTERIOR_POINTER, count_free(memory + 2 * BLOCK_HEADER_SIZE));
    give(0);
    report_misuse("free-twice", KMEM_DOUBLE_FREE, count_free(payloads[0]));
}

/* Frees the third of five blocks, with these of its neighbours free. */
static void measure_merge(const char *name, bool left, bool right) {
    start(5);
    if (left) {
        give(1);
    }
    if (right) {
        give(3);
    }
    report_free(name, BENCH_NO_NUMBER, count_free(payloads[2]));
}

void bench_heap(void) {
    measure_positions();
    measure_cuts();
    measure_zeroing();
    measure_refusals();
    measure_merge("free-merge-none", false, false);
    measure_merge("free-merge-left", true, false);
    measure_merge("free-merge-right", false, true);
    measure_merge("free-merge-both", true, true);
}

/* A block of so many words, followed by a taken one, that has to move to hold a byte more. */
static uint32_t count_move(size_t word_count) {
    start(0);
    void *const block = kmem_alloc(&heap, word_count * sizeof(uint64_t));
    bench_require(kmem_alloc(&heap, REQUEST) != NULL, "a block follows");
    const uint32_t moved = count_realloc(block, word_count * sizeof(uint64_t) + 1);
    bench_require(result != NULL && result != block, "the block has moved");
    return moved;
}

static void measure_in_place(const char *name, size_t count, size_t size) {
    start(count);
    const uint32_t resized = count_realloc(payloads[0], size);
    bench_require(result == payloads[0], name);
    bench_report(name, BENCH_NO_NUMBER, resized);
}

void bench_realloc(void) {
    measure_in_place("realloc-same", 2, REQUEST);
    measure_in_place("realloc-shrink", 2, REQUEST - 16);
    measure_in_place("realloc-grow", 1, 2 * REQUEST);
    bench_report("realloc-move-of", 8, count_move(1));
    bench_report("realloc-move-of", 4096, count_move(4096 / sizeof(uint64_t)));
    const uint32_t slope = count_move(2 * SLOPE_COUNT) - count_move(SLOPE_COUNT);
    bench_report("realloc-move-each-8-bytes", BENCH_NO_NUMBER, slope / SLOPE_COUNT);
}

/* The walks that everything else is not. */

static uint32_t count_checked(size_t count) {
    static struct live_block live[COUNT_MAXIMUM];
    start(count);
    for (size_t i = 0; i < count; i++) {
        live[i] = (struct live_block){.offset = i * BLOCK_SIZE, .size = BLOCK_SIZE};
    }
    const struct expectation expectation = {
        .base = memory, .page_size = PAGE, .page_count = PAGE_COUNT, .live = live, .live_count = count};
    const uint32_t checked = count_check(&expectation);
    bench_require(verdict_is_sound(verdict) && census.taken_count == count, "the heap is sound");
    return checked;
}

static uint32_t count_coalesced(size_t count) {
    start(count);
    const uint32_t merged = count_coalesce();
    bench_require(error == KMEM_OK && heap.taken_count == count, "nothing is merged");
    return merged;
}

/* Of count free blocks side by side, as no operation leaves them. */
static uint32_t count_coalesced_free(size_t count) {
    start(0);
    for (size_t i = 0; i < count; i++) {
        block_write(memory + i * BLOCK_SIZE, BLOCK_SIZE, false);
    }
    block_write(memory + count * BLOCK_SIZE, kmem_size(&heap) - count * BLOCK_SIZE, false);
    const uint32_t merged = count_coalesce();
    bench_require(error == KMEM_OK && block_read(memory).size == kmem_size(&heap), "all is merged");
    return merged;
}

static void report_walk(const char *name, const char *slope_name, uint32_t (*count_walk)(size_t count)) {
    bench_report(name, 0, count_walk(0));
    bench_report(name, 1000, count_walk(1000));
    const uint32_t slope = count_walk(2 * SLOPE_COUNT) - count_walk(SLOPE_COUNT);
    bench_report(slope_name, BENCH_NO_NUMBER, slope / SLOPE_COUNT);
}

void bench_check(void) {
    report_walk("check-of", "check-each-block", count_checked);
    report_walk("coalesce-taken", "coalesce-each-taken-block", count_coalesced);
    report_walk("coalesce-free", "coalesce-each-free-block", count_coalesced_free);
    start(1000);
    bench_report("usable-size-first-of", 1000, count_usable_size(payloads[0]));
    bench_report("usable-size-last-of", 1000, count_usable_size(payloads[999]));
    bench_require(usable_size == REQUEST, "the usable size is the request");
}
