/* Specification: the kernel layer and its page allocator under several threads, as kernel.h and port.h allow
 * it. ThreadSanitizer watches core, checkers and test; what is sound is checked after every join.
 *
 *     test_kernel_threads                     ends with 0
 *     test_kernel_threads without_locks       the lock does nothing: ThreadSanitizer must object
 *     test_kernel_threads unlocked_pages      page_* is called without the lock: it must object, too
 *
 * Each thread's operations come from its own seed, and their number is fixed; their order among threads is
 * not, and nothing depends on it. The kernel layer is compiled into this file, so that the checker can see
 * its heap. */
#include <pthread.h>
#include <stdatomic.h>

#include "invariants/invariant.h"
#include "invariants/page_invariant.h"
#include "src/block.h"
#include "src/kernel.c"
#include "tests/unit/test.h"

#define THREAD_COUNT     4
#define ROUND_COUNT      6
#define OPERATION_COUNT  3000 /* of a thread in a round */
#define BLOCK_COUNT      12   /* live at most, of a thread */
#define RUN_COUNT        3    /* the same of pages */
#define SPARE_PAGE_COUNT 48   /* after the heap: for its growth and the threads' runs */
#define PAGE_COUNT       (1 + KMEM_KERNEL_PAGE_COUNT + SPARE_PAGE_COUNT)
#define FREE_SIZE        ((size_t)32 << 10) /* bytes left free at the start, less than what the threads want */

struct piece {
    unsigned char *memory; /* NULL: none */
    size_t size;           /* bytes of a block, pages of a run */
};

/* A thread, and what it holds. */
struct worker {
    uint32_t seed;
    unsigned char mark; /* every byte it owns holds this */
    struct piece blocks[BLOCK_COUNT];
    struct piece runs[RUN_COUNT];
    size_t misuse_count;
    size_t run_count; /* runs it was given */
    size_t failures[8];
};

/* What a thread can find wrong; the main thread asserts that it did not. */
enum failure {
    LOST_CONTENTS,
    NOT_ZEROED,
    BAD_USABLE_SIZE,
    BAD_RUN,
    BAD_ANSWER,
    BAD_HEAD
};

static _Alignas(4096) unsigned char memory[(1 + PAGE_COUNT) * PAGE_SIZE]; /* a page for the descriptors */
static struct page_allocator pages;
static void *page_table;
static void *head;
static struct worker workers[THREAD_COUNT];
static pthread_barrier_t start_line;
static atomic_size_t fault_count;

/* The lock. A thread that takes it twice would wait for itself; an error-checking mutex says so instead. */

static pthread_mutex_t mutex;
static bool locks_work;
static bool page_calls_lock;

/* KMEM_TEST_BROKEN names what to take out. */
static void make_lock(void) {
    const char *const broken = getenv("KMEM_TEST_BROKEN");
    locks_work = broken == NULL || strcmp(broken, "without_locks") != 0;
    page_calls_lock = broken == NULL || strcmp(broken, "unlocked_pages") != 0;
    pthread_mutexattr_t attributes;
    assert_int_equal(pthread_mutexattr_init(&attributes), 0);
    assert_int_equal(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK), 0);
    assert_int_equal(pthread_mutex_init(&mutex, &attributes), 0);
}

void threads_lock(void) {
    if (locks_work && pthread_mutex_lock(&mutex) != 0) {
        (void)fprintf(stderr, "a thread takes the lock that it holds\n");
        abort();
    }
}

void threads_unlock(void) {
    if (locks_work && pthread_mutex_unlock(&mutex) != 0) {
        (void)fprintf(stderr, "a thread gives back a lock that it does not hold\n");
        abort();
    }
}

static void lock_for_pages(void) {
    if (page_calls_lock) {
        PORT_LOCK();
    }
}

static void unlock_for_pages(void) {
    if (page_calls_lock) {
        PORT_UNLOCK();
    }
}

/* A thread's operations. */

static uint32_t random_of(struct worker *worker) { /* xorshift32 */
    worker->seed ^= worker->seed << 13;
    worker->seed ^= worker->seed >> 17;
    worker->seed ^= worker->seed << 5;
    return worker->seed;
}

static void require(struct worker *worker, bool holds, enum failure failure) {
    worker->failures[failure] += holds ? 0 : 1;
}

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char value) {
    return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* The hook, and what prints, may use the heap: neither runs with the lock held. */
static void on_fault(enum kmem_error error, const void *pointer) {
    (void)error;
    (void)pointer;
    atomic_fetch_add(&fault_count, 1);
    kfree(kmalloc(40));
}

static void allocate_for_a_piece_of_text(void *context, const char *text) {
    (void)context;
    kfree(kmalloc(strlen(text)));
}

static void allocate(struct worker *worker, struct piece *block) {
    const uint32_t choice = random_of(worker) % 8;
    const size_t size = random_of(worker) % (choice == 0 ? 3 * PAGE_SIZE : 1500);
    bool zeroed = false;
    switch (choice) {
    case 1:
        zeroed = true;
        block->memory = kzmalloc(size);
        break;
    case 2:
        zeroed = true;
        block->memory = kcalloc(1, size);
        break;
    case 3:
        block->memory = kmalloc_aligned(64, size);
        break;
    default:
        block->memory = kmalloc(size);
    }
    if (block->memory != NULL) {
        require(worker, !zeroed || is_filled(block->memory, size, 0), NOT_ZEROED);
        memset(block->memory, worker->mark, size);
        block->size = size;
    }
}

static void resize(struct worker *worker, struct piece *block) {
    const size_t size = 1 + random_of(worker) % 3000;
    unsigned char *const moved = krealloc(block->memory, size);
    if (moved != NULL) {
        require(worker, is_filled(moved, size < block->size ? size : block->size, worker->mark),
                LOST_CONTENTS);
        memset(moved, worker->mark, size);
        *block = (struct piece){.memory = moved, .size = size};
    }
}

static void release(struct worker *worker, struct piece *block) {
    require(worker, is_filled(block->memory, block->size, worker->mark), LOST_CONTENTS);
    kfree(block->memory);
    block->memory = NULL;
}

static void use_block(struct worker *worker) {
    struct piece *const block = &worker->blocks[random_of(worker) % BLOCK_COUNT];
    if (block->memory == NULL) {
        allocate(worker, block);
    } else if (random_of(worker) % 3 == 0) {
        resize(worker, block);
    } else {
        release(worker, block);
    }
}

static void take_run(struct worker *worker, struct piece *run) {
    const size_t count = 1 + random_of(worker) % 4;
    const bool zeroed = random_of(worker) % 2 == 0;
    lock_for_pages();
    run->memory = zeroed ? page_zalloc(&pages, count) : page_alloc(&pages, count);
    const enum page_error error = page_last_error(&pages);
    unlock_for_pages();
    require(worker, error == (run->memory == NULL ? PAGE_EXHAUSTED : PAGE_OK), BAD_ANSWER);
    if (run->memory != NULL) {
        require(worker, !zeroed || is_filled(run->memory, count * PAGE_SIZE, 0), NOT_ZEROED);
        memset(run->memory, worker->mark, count * PAGE_SIZE);
        run->size = count;
        worker->run_count++;
    }
}

static void use_run(struct worker *worker) {
    struct piece *const run = &worker->runs[random_of(worker) % RUN_COUNT];
    if (run->memory == NULL) {
        take_run(worker, run);
        return;
    }
    require(worker, is_filled(run->memory, run->size * PAGE_SIZE, worker->mark), LOST_CONTENTS);
    lock_for_pages();
    const bool is_whole = page_run_count(&pages, run->memory) == run->size;
    const bool longer = random_of(worker) % 4 == 0 && page_extend(&pages, run->memory, 1) == PAGE_OK;
    const enum page_error error = longer ? PAGE_OK : page_free(&pages, run->memory);
    unlock_for_pages();
    require(worker, is_whole && error == PAGE_OK, BAD_RUN);
    if (longer) {
        memset(run->memory + run->size * PAGE_SIZE, worker->mark, PAGE_SIZE);
        run->size++;
    } else {
        run->memory = NULL;
    }
}

static void ask(struct worker *worker) {
    const struct piece *const block = &worker->blocks[random_of(worker) % BLOCK_COUNT];
    require(worker, kmem_kernel_head() == head && kmem_kernel_page_table() == page_table, BAD_HEAD);
    require(worker, kmem_kernel_page_count() >= KMEM_KERNEL_PAGE_COUNT, BAD_ANSWER);
    require(worker, block->memory == NULL || kmem_kernel_usable_size(block->memory) >= block->size,
            BAD_USABLE_SIZE);
}

static void *work(void *context) {
    struct worker *const worker = context;
    (void)pthread_barrier_wait(&start_line);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const uint32_t choice = random_of(worker) % 64;
        if (choice < 44) {
            use_block(worker);
        } else if (choice < 54) {
            use_run(worker);
        } else if (choice < 60) {
            ask(worker);
        } else if (choice < 62) {
            worker->misuse_count++;
            kfree(worker);
        } else if (i % 16 == 0) {
            kmem_kernel_print(allocate_for_a_piece_of_text, NULL);
        } else {
            coalesce();
            kmem_kernel_set_fault_hook(on_fault);
        }
    }
    return NULL;
}

/* What must hold when no thread runs. */

/* Of live blocks and live runs: both begin with where they lie. */
static int compare_places(const void *left, const void *right) {
    const size_t a = *(const size_t *)left;
    const size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

static struct live_block live_block_of(const unsigned char *payload) {
    return (struct live_block){.offset = (size_t)(payload - kernel.heap.base) - BLOCK_HEADER_SIZE,
                               .size = kmem_usable_size(&kernel.heap, payload) + BLOCK_HEADER_SIZE};
}

static void assert_sound(struct verdict verdict, const char *id) {
    if (!verdict_is_sound(verdict)) {
        fail_msg("%s at %llu: expected %llu, observed %llu", id, (unsigned long long)verdict.offset,
                 (unsigned long long)verdict.expected, (unsigned long long)verdict.observed);
    }
}

/* The heap's taken blocks are exactly the threads' and the one that fills it. */
static void check_heap(const unsigned char *filler) {
    struct live_block live[1 + THREAD_COUNT * BLOCK_COUNT];
    size_t live_count = 0;
    if (filler != NULL) {
        live[live_count++] = live_block_of(filler);
    }
    for (size_t i = 0; i < THREAD_COUNT * BLOCK_COUNT; i++) {
        const struct piece *const block = &workers[i / BLOCK_COUNT].blocks[i % BLOCK_COUNT];
        if (block->memory != NULL) {
            live[live_count++] = live_block_of(block->memory);
        }
    }
    qsort(live, live_count, sizeof *live, compare_places);
    const struct expectation expectation = {.base = head,
                                            .page_size = PAGE_SIZE,
                                            .page_count = kmem_kernel_page_count(),
                                            .live = live,
                                            .live_count = live_count};
    struct census census;
    const struct verdict verdict = invariant_check(&kernel.heap, &expectation, INVARIANT_ALL, &census);
    assert_sound(verdict, invariant_id(verdict.oracle));
}

/* The taken runs are exactly the page table's, the heap's and the threads'. */
static void check_pages(void) {
    struct live_run live[2 + THREAD_COUNT * RUN_COUNT] = {
        {.first_index = 0, .page_count = 1}, {.first_index = 1, .page_count = kmem_kernel_page_count()}};
    size_t live_count = 2;
    for (size_t i = 0; i < THREAD_COUNT * RUN_COUNT; i++) {
        const struct piece *const run = &workers[i / RUN_COUNT].runs[i % RUN_COUNT];
        if (run->memory != NULL) {
            live[live_count++] = (struct live_run){
                .first_index = (size_t)(run->memory - pages.base) / PAGE_SIZE, .page_count = run->size};
        }
    }
    qsort(live, live_count, sizeof *live, compare_places);
    const struct page_expectation expectation = {.base = pages.base,
                                                 .descriptors = memory + PAGE_SIZE - PAGE_COUNT,
                                                 .page_count = PAGE_COUNT,
                                                 .live = live,
                                                 .live_count = live_count};
    const struct verdict verdict = page_invariant_check(&pages, &expectation, PAGE_INVARIANT_ALL);
    assert_sound(verdict, page_invariant_id(verdict.oracle));
}

/* A new heap, all but FREE_SIZE bytes of it taken: by what is returned. */
static unsigned char *start_round(uint32_t seed) {
    assert_int_equal(page_init(&pages, memory + PAGE_SIZE - PAGE_COUNT, PAGE_COUNT * (PAGE_SIZE + 1)),
                     PAGE_OK);
    assert_int_equal(pages.page_count, PAGE_COUNT);
    assert_int_equal(kmem_kernel_init(&pages), KMEM_OK);
    kmem_kernel_set_fault_hook(on_fault);
    page_table = kmem_kernel_page_table();
    head = (void *)(uintptr_t)kmem_kernel_head();
    atomic_store(&fault_count, 0);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){.seed = seed + (uint32_t)i, .mark = (unsigned char)(0xa0 + i)};
    }
    return kmalloc(KMEM_KERNEL_PAGE_COUNT * PAGE_SIZE - FREE_SIZE);
}

static void run_threads(void) {
    pthread_t threads[THREAD_COUNT];
    assert_int_equal(pthread_barrier_init(&start_line, NULL, THREAD_COUNT), 0);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&start_line), 0);
}

static void give_back(unsigned char *filler) {
    kfree(filler);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        for (size_t j = 0; j < BLOCK_COUNT; j++) {
            kfree(workers[i].blocks[j].memory);
            workers[i].blocks[j].memory = NULL;
        }
    }
}

TEST_WITH(threads_that_keep_the_rule_share_heap_and_pages, make_lock, NULL) {
    size_t grown_count = 0;
    size_t run_count = 0;
    for (uint32_t round = 0; round < ROUND_COUNT; round++) {
        size_t misuse_count = 0;
        unsigned char *const filler = start_round(1 + round * THREAD_COUNT);
        assert_non_null(filler);
        run_threads();
        for (size_t i = 0; i < THREAD_COUNT; i++) {
            for (size_t failure = 0; failure < LENGTH(workers->failures); failure++) {
                assert_int_equal(workers[i].failures[failure], 0);
            }
            misuse_count += workers[i].misuse_count;
            run_count += workers[i].run_count;
        }
        assert_int_equal(atomic_load(&fault_count), misuse_count);
        check_heap(filler);
        check_pages();
        give_back(filler);
        check_heap(NULL);
        assert_int_equal(kernel.heap.taken_count, 0);
        grown_count += kmem_kernel_page_count() - KMEM_KERNEL_PAGE_COUNT;
    }
    assert_true(grown_count > 0); /* growth and runs were at work together */
    assert_true(run_count > ROUND_COUNT * THREAD_COUNT);
}
