/* Specification: what the reducer leaves of long random programs that a broken allocator fails is minimal, as
 * a check that knows nothing of its passes (assert_minimal) finds it: and fails by the same oracle. */
#include "tests/unit/executor_fixture.h"
#include "tests/unit/reduce_fixture.h"

#include "src/kmem.h"

#define OPERATION_COUNT ((size_t)150)
#define TRIAL_COUNT     ((size_t)40)
#define DRAW_MAXIMUM    ((size_t)2000) /* programs drawn at most for one that fails */

/* The allocator, broken in one of several ways. */
static enum {
    NULL_WITH_THREE_LIVE,  /* a fourth allocation of 25 bytes and more gives NULL */
    SHRUNK_NOT_COUNTED,    /* a realloc to less than half counts a byte too few */
    LAST_WORD_NOT_ZEROED,  /* zalloc of at least 48 bytes leaves a byte behind */
    TENTH_FREE_MISCOUNTED, /* after ten frees a block too many is counted */
    DEFECT_COUNT
} defect;
static size_t free_count;

static bool start(const struct subject_region *region) {
    free_count = 0;
    return subject_kmem.view->start(region);
}

static struct kmem *heap(void) {
    return subject_kmem.view->heap;
}

static void *broken_alloc(size_t size) {
    if (defect == NULL_WITH_THREE_LIVE && heap()->taken_count >= 3 && size >= 25) {
        return NULL;
    }
    return subject_kmem.alloc(size);
}

static void *broken_realloc(void *pointer, size_t size) {
    const size_t before = pointer == NULL ? 0 : subject_kmem.usable_size(pointer);
    void *const result = subject_kmem.realloc(pointer, size);
    if (defect == SHRUNK_NOT_COUNTED && result != NULL && size < before / 2) {
        heap()->taken_size--;
    }
    return result;
}

static void *broken_zalloc(size_t size) {
    unsigned char *const result = subject_kmem.zalloc(size);
    if (defect == LAST_WORD_NOT_ZEROED && result != NULL && size >= 48) {
        result[47] = 1;
    }
    return result;
}

static void broken_free(void *pointer) {
    subject_kmem.free(pointer);
    free_count += subject_kmem.view->last_returned() == REFUSAL_NONE && pointer != NULL;
    if (defect == TENTH_FREE_MISCOUNTED && free_count == 10) {
        heap()->taken_count++;
    }
}

static bool fails_by_oracle(void *context, const struct program *program) {
    return executor_run(&executor, program).oracle == *(const unsigned *)context;
}

/* A random program of OPERATION_COUNT operations on a small heap that fails, as canonical bytes. */
static struct program draw_failing(unsigned *oracle) {
    static uint64_t random = UINT64_C(0x2545f4914f6cdd1d);
    static uint8_t bytes[PROGRAM_HEADER_SIZE_MAXIMUM + OPERATION_COUNT * PROGRAM_OPERATION_SIZE_MAXIMUM];
    for (size_t draw = 0; draw < DRAW_MAXIMUM; draw++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)(next_random(&random) >> 32);
        }
        bytes[1] = 0;
        const struct program program = program_decode(bytes, sizeof bytes);
        *oracle = executor_run(&executor, &program).oracle;
        if (*oracle != SOUND) {
            return program;
        }
    }
    fail_msg("no program fails");
    return program_decode(NULL, 0);
}

TEST(what_is_left_of_a_long_program_is_minimal_and_fails_by_the_same_oracle) {
    struct subject broken = subject_kmem;
    struct subject_view view = *subject_kmem.view;
    view.start = start;
    broken.view = &view;
    broken.alloc = broken_alloc;
    broken.realloc = broken_realloc;
    broken.zalloc = broken_zalloc;
    broken.free = broken_free;
    make_executor(&broken, first_arena, ORACLE_ALL);
    size_t left = 0;
    for (size_t trial = 0; trial < TRIAL_COUNT; trial++) {
        defect = (unsigned)(trial % DEFECT_COUNT);
        unsigned oracle;
        const struct program program = draw_failing(&oracle);
        const struct program reduced = reduce_with(&program, fails_by_oracle, &oracle);
        assert_int_equal(executor_run(&executor, &reduced).oracle, oracle);
        assert_minimal(&reduced, fails_by_oracle, &oracle);
        left += reduced.operation_count;
    }
    assert_true(left <= TRIAL_COUNT * 6); /* on average; ten frees alone take 11 */
}
