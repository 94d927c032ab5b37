/* The executor in static memory, and failed assertions. run.h is the contract. */
#include "fuzz/two_files/run.h"

#include "fuzz/execute/guard.h"
#include "fuzz/execute/line.h"

#ifndef KMEMFUZZ_SETJMP
#define KMEMFUZZ_SETJMP __STDC_HOSTED__
#endif
#if KMEMFUZZ_SETJMP
#include <setjmp.h>
#endif
#if __STDC_HOSTED__
#include <stdlib.h>
#endif
#ifndef KMEMFUZZ_STOP
#if __STDC_HOSTED__
#define KMEMFUZZ_STOP() abort()
#else
#define KMEMFUZZ_STOP() ((void)0) /* what follows it is a loop without end */
#endif
#endif

#ifndef KMEMFUZZ_ALIGNMENT
#ifdef KMEMFUZZ_MEMORY
#define KMEMFUZZ_ALIGNMENT 4096
#else
#define KMEMFUZZ_ALIGNMENT ARENA_ALIGNMENT
#endif
#endif
#ifndef KMEMFUZZ_MEMORY
#define KMEMFUZZ_MEMORY (ARENA_CAPACITY + 2 * ARENA_GUARD_SIZE + KMEMFUZZ_ALIGNMENT)
#endif
#ifndef KMEMFUZZ_SLOTS
#define KMEMFUZZ_SLOTS PROGRAM_SLOT_COUNT_MAXIMUM
#endif

#define MEMORY    ((size_t)(KMEMFUZZ_MEMORY))
#define ALIGNMENT ((size_t)(KMEMFUZZ_ALIGNMENT))

_Static_assert(ALIGNMENT >= ARENA_GUARD_SIZE && (ALIGNMENT & (ALIGNMENT - 1)) == 0,
               "KMEMFUZZ_ALIGNMENT is a power of two and at least 64");
_Static_assert(KMEMFUZZ_PROGRAM >= 32, "KMEMFUZZ_PROGRAM has room for a header and two operations");
_Static_assert(KMEMFUZZ_SLOTS >= 64 && KMEMFUZZ_SLOTS % 64 == 0, "KMEMFUZZ_SLOTS is a multiple of 64");

static unsigned char memory[MEMORY] __attribute__((aligned(64)));

uint8_t run_program_bytes[KMEMFUZZ_PROGRAM];

EXECUTOR_TABLES(run_tables, (size_t)(KMEMFUZZ_SLOTS));

static struct executor the_executor;
static kmemfuzz_put *put_of_run;

/* What is left of the memory from the first multiple of the alignment on; of capacity 0 when that is nothing.
 */
static struct arena cut_arena(void) {
    const uintptr_t first = (uintptr_t)memory + ARENA_GUARD_SIZE;
    const size_t front = ARENA_GUARD_SIZE + ((0 - first) & (ALIGNMENT - 1));
    const bool has_room = front + 2 * ARENA_GUARD_SIZE <= MEMORY;
    const size_t capacity = has_room ? (MEMORY - front - ARENA_GUARD_SIZE) & ~(ARENA_GUARD_SIZE - 1) : 0;
    const struct arena arena = {.base = has_room ? memory + front : memory,
                                .capacity = capacity < ARENA_CAPACITY ? capacity : ARENA_CAPACITY};
    return arena;
}

static const char *find_fault(const struct subject *subject, struct arena arena) {
    if (subject->start == NULL || subject->alloc == NULL || subject->free == NULL || subject->view != NULL) {
        return "the subject's table lacks start, alloc or free, or has a view";
    }
    if (arena.capacity == 0) {
        return "KMEMFUZZ_MEMORY leaves nothing after the first multiple of KMEMFUZZ_ALIGNMENT";
    }
    if (subject->facts.alignment > ALIGNMENT) {
        return "the heap promises more than KMEMFUZZ_ALIGNMENT";
    }
    const uint64_t end = (uint64_t)(uintptr_t)arena.base + arena.capacity;
    return subject->facts.below_4_gib && end > UINT64_C(1) << 32 ? "the memory does not lie below 4 GiB"
                                                                 : NULL;
}

/* Failed assertions. */

#if KMEMFUZZ_SETJMP

static jmp_buf call_start;
static volatile bool is_in_call;

static struct verdict watch(const struct executor *executor, const struct step *step, guarded_call *call,
                            void *context) {
    (void)executor, (void)step;
    is_in_call = true;
    if (setjmp(call_start) != 0) {
        is_in_call = false;
        const struct verdict failed = {ORACLE_ASSERTION, 0, 0, 0};
        return failed;
    }
    call(context);
    is_in_call = false;
    return verdict_sound();
}

static void restart(void) {
}

static void mark(size_t offset, size_t size, bool live) {
    (void)offset, (void)size, (void)live;
}

static bool is_at(struct verdict verdict, const char *place) {
    (void)verdict, (void)place;
    return false;
}

static const struct guard the_guard = {.restart = restart, .mark = mark, .watch = watch, .is_at = is_at};
#endif

static void say_failed(const char *text, const char *file, int number) {
    struct line line = {.size = 0};
    line_text(&line, "ERROR 28 a failed assertion in ");
    line_text(&line, file);
    line_text(&line, ", line");
    line_decimal(&line, (uint32_t)number);
    line_text(&line, ": ");
    line_text(&line, text);
    for (size_t i = 0; i < line.size; i++) { /* so that it is one line, whatever the text is */
        if (line.text[i] < ' ' || line.text[i] > '~') {
            line.text[i] = '?';
        }
    }
    line.size -= line.size == sizeof line.text;
    line_text(&line, "\n");
    line_put(&line, put_of_run);
}

void subject_failed(const char *text, const char *file, int line) {
#if KMEMFUZZ_SETJMP
    if (is_in_call) {
        longjmp(call_start, 1);
    }
#endif
    say_failed(text, file, line);
    KMEMFUZZ_STOP();
    for (;;) {
    }
}

/* Running. */

void run_abandon(struct executor *executor) {
#if KMEMFUZZ_SETJMP
    is_in_call = false;
#endif
    executor_prepare(executor);
}

void run_set_put(kmemfuzz_put *put) {
    put_of_run = put;
}

struct executor *run_prepare(const char **fault) {
    if (the_executor.subject != NULL) {
        return &the_executor;
    }
    const struct arena arena = cut_arena();
    *fault = find_fault(subject_under_test, arena);
    if (*fault != NULL) {
        return NULL;
    }
    the_executor.subject = subject_under_test;
    the_executor.oracles = ORACLE_ALL;
    the_executor.repeats = true;
    the_executor.arena = arena;
    the_executor.tables = run_tables;
#if KMEMFUZZ_SETJMP
    the_executor.guard = &the_guard;
#endif
    executor_prepare(&the_executor);
    return &the_executor;
}

struct kmemfuzz_failure run_describe(size_t index, struct verdict verdict, const uint8_t *program,
                                     size_t size) {
    const struct kmemfuzz_failure failure = {.index = index,
                                             .oracle = oracle_id(verdict.oracle),
                                             .sentence = oracle_sentence(verdict.oracle),
                                             .offset = verdict.offset,
                                             .expected = verdict.expected,
                                             .observed = verdict.observed,
                                             .program = program,
                                             .size = size};
    return failure;
}

/* The largest alignment that the program asks for and that a heap may be asked for. */
static uint64_t largest_alignment(const struct program *program) {
    uint64_t largest = 0;
    for (size_t i = 0; i < program->operation_count; i++) {
        const uint64_t alignment = program_operation(program, i).alignment;
        const bool is_power = (alignment & (alignment - 1)) == 0;
        largest = is_power && alignment > largest ? alignment : largest;
    }
    return largest;
}

struct run_lack run_find_lack(const struct executor *executor, const struct program *program) {
    const struct program_header *const header = &program->header;
    const struct program_header geometry = executor_geometry(executor, header);
    const bool given = executor->subject->facts.memory == SUBJECT_MEMORY_GIVEN;
    const uint64_t size =
        header->page_size + (uint64_t)(geometry.page_count + geometry.growth_limit) * geometry.page_size;
    if (header->slot_count > executor->tables.slot_capacity) {
        return (struct run_lack){header->slot_count, executor->tables.slot_capacity};
    }
    if (given && size > executor->arena.capacity) {
        return (struct run_lack){size, executor->arena.capacity};
    }
    if (given && executor->subject->alloc_aligned != NULL && executor->arena.capacity > ALIGNMENT) {
        const uint64_t alignment = largest_alignment(program);
        if (alignment > ALIGNMENT) {
            return (struct run_lack){alignment, ALIGNMENT};
        }
    }
    return (struct run_lack){0, 0};
}
