/* Counts what programs cost on heaps of several kinds: `./ci/bench choices` boots it, docs/choices.md says
 * why. Of a program only alloc and free are done, each by the heap alone.
 *
 *     I HEAP-alloc-PROGRAM count     instructions of the program's last allocation
 *     I HEAP-free-PROGRAM count      and of its last free
 *     I HEAP-all-PROGRAM count       of all its calls
 *     I HEAP-region-PROGRAM count    bytes of the smallest region in which nothing is refused
 *
 * The last two are of programs whose heap may grow. The control words say how many heaps there are to be. */
#include "fuzz/board/bench.h"
#include "fuzz/board/image.h"
#include "fuzz/execute/view.h"
#include "fuzz/program/blob.h"
#include "fuzz/program/program.h"
#include "src/riscv/semihosting.h"
#include "src/riscv/trap.h"
#include "tests/subjects/defect.h"

#define GRAIN       ((size_t)64)                          /* bytes: of regions */
#define GRAIN_COUNT (PROGRAM_REGION_SIZE_MAXIMUM / GRAIN) /* of the largest */

extern const struct image_control control_words;
extern const unsigned char blob_start[];
extern const struct subject subject_list_heap, subject_tag_heap, subject_tlsf_heap, subject_buddy_heap;

static const struct {
    const char *name;
    const struct subject *subject;
} heaps[] = {
    {"kmem", &subject_kmem},      {"list", &subject_list_heap},   {"tags", &subject_tag_heap},
    {"tlsf", &subject_tlsf_heap}, {"buddy", &subject_buddy_heap},
};
#define HEAP_COUNT (sizeof heaps / sizeof heaps[0])

int subject_defect;

__attribute__((section(".arena"), aligned(4096))) static unsigned char memory[PROGRAM_REGION_SIZE_MAXIMUM];
static void *payloads[PROGRAM_SLOT_COUNT_MAXIMUM];
static void *result;

struct tally {
    uint32_t alloc; /* instructions of the last one */
    uint32_t free;
    uint32_t all;
};

void trap_handle(struct trap_frame *frame) {
    (void)frame;
    bench_require(false, "no trap");
}

void subject_failed(const char *text, const char *file, int line) {
    (void)file, (void)line;
    bench_require(false, text);
    semihosting_exit(IMAGE_VIOLATION); /* for the compiler: it has ended */
}

BENCH_COUNTED(count_alloc, (const struct subject *subject, size_t size), result = subject->alloc(size))
BENCH_COUNTED(count_free, (const struct subject *subject, void *pointer), subject->free(pointer))

static bool start(const struct subject *subject, size_t grain_count) {
    const struct subject_region region = {.base = memory, .page_size = GRAIN, .page_count = grain_count};
    return subject->view != NULL ? subject->view->start(&region)
                                 : subject->start(memory, grain_count * GRAIN);
}

/* Runs a program in a region of so many grains. False: a request was refused, or there is no such heap. */
static bool run(const struct subject *subject, const struct program *program, size_t grain_count,
                struct tally *tally) {
    *tally = (struct tally){.alloc = 0};
    if (!start(subject, grain_count)) {
        return false;
    }
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        void **const payload = &payloads[operation.slot];
        if (operation.kind == OPERATION_ALLOC) {
            tally->alloc = count_alloc(subject, (size_t)operation.size.amount);
            tally->all += tally->alloc;
            *payload = result;
            if (result == NULL) {
                return false;
            }
        } else {
            bench_require(operation.kind == OPERATION_FREE, "a program allocates and frees");
            tally->free = count_free(subject, *payload);
            tally->all += tally->free;
        }
    }
    return true;
}

/* Grains of the smallest region, by halving what is between one that is too small and one that is not. */
static size_t find_smallest(const struct subject *subject, const struct program *program) {
    struct tally tally;
    size_t too_small = 0;
    size_t enough = GRAIN_COUNT;
    while (enough - too_small > 1) {
        const size_t between = too_small + (enough - too_small) / 2;
        if (run(subject, program, between, &tally)) {
            enough = between;
        } else {
            too_small = between;
        }
    }
    return enough;
}

static void report(size_t heap, const char *what, size_t program, size_t count) {
    struct line name = {.size = 0};
    line_text(&name, heaps[heap].name);
    line_text(&name, what);
    bench_report(name.text, (uint32_t)program, (uint32_t)count);
}

static void measure(size_t heap, const struct program *program, size_t index) {
    const struct subject *const subject = heaps[heap].subject;
    struct tally tally;
    const size_t size = program->header.page_size * program->header.page_count;
    bench_require(run(subject, program, size / GRAIN, &tally), "the program's region is large enough");
    report(heap, "-alloc", index, tally.alloc);
    report(heap, "-free", index, tally.free);
    if (program->header.growth_limit != 0) {
        report(heap, "-all", index, tally.all);
        report(heap, "-region", index, find_smallest(subject, program) * GRAIN);
    }
}

void bench_run(void) {
    struct blob blob;
    bench_require(blob_open(blob_start, BLOB_CAPACITY, &blob) == BLOB_OK, "there is a blob");
    const size_t wanted = control_words.count;
    for (size_t heap = 0; heap < (wanted == 0 ? HEAP_COUNT : wanted); heap++) {
        for (size_t i = 0; i < blob.input_count; i++) {
            const struct blob_input input = blob_find(&blob, i);
            const struct program program = program_decode(blob.bytes + input.offset, input.size);
            measure(heap, &program, i);
        }
    }
}
