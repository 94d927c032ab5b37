/* Misuse, under the sanitizers that watch the core. misuse.h lists it. What is wrong here is wrong on
 * purpose.
 *
 * The compiler must not see what is coming, or it would leave it out: every value that matters is hidden from
 * it, and as UBSan does not look at volatile accesses, those are for AddressSanitizer. Each kind has a
 * function of its own, so that a report names it, and if nothing stops it, it leaves no trace in the list of
 * blocks. */
#include "fuzz/subjects/misuse.h"

#include <limits.h>

#define REQUEST ((size_t)13) /* bytes: a granule of the shadow and five bytes of the next */
#define USABLE  ((size_t)16) /* bytes: what the heap hands out for it */

/* The same value, of which the compiler knows nothing. */
#define HIDER(name, type)                                                                                    \
    static type name(type value) {                                                                           \
        __asm__ volatile("" : "+r"(value)::"memory");                                                        \
        return value;                                                                                        \
    }
HIDER(hide, int)
HIDER(hide_size, size_t)
HIDER(hide_pointer, void *)

/* The compiler takes the value for needed. */
#define USE(value) __asm__ volatile("" ::"r"(value) : "memory")

/* What there is to misuse. */
struct scene {
    struct kmem *heap;
    unsigned char *block;   /* a payload of REQUEST bytes */
    unsigned char *scratch; /* MISUSE_SCRATCH_SIZE bytes of the caller's */
};

#define MISUSE(name)                                                                                         \
    __attribute__((noinline)) static void misuse_##name(__attribute__((unused)) struct scene *scene)

static void write_at(unsigned char *address) {
    *(volatile unsigned char *)hide_pointer(address) = 1;
}

static void read_at(const unsigned char *address) {
    (void)*(const volatile unsigned char *)hide_size((uintptr_t)address);
}

/* The heap. */

MISUSE(HEAP_WRITE_PAST) {
    write_at(scene->block + REQUEST);
}

MISUSE(HEAP_READ_PAST) {
    read_at(scene->block + REQUEST);
}

MISUSE(HEAP_WRITE_PAST_SLACK) {
    write_at(scene->block + USABLE);
}

MISUSE(HEAP_WRITE_HEADER) {
    write_at(scene->block - 1);
}

MISUSE(HEAP_READ_HEADER) {
    (void)*(const volatile uint64_t *)hide_pointer(scene->block - 8);
}

MISUSE(HEAP_WRITE_TWO) {
    *(volatile uint16_t *)hide_pointer(scene->block + REQUEST + 1) = 1;
}

MISUSE(HEAP_READ_TWO) {
    (void)*(const volatile uint16_t *)hide_pointer(scene->block + REQUEST - 1);
}

/* The compiler assumes nothing about where it is. */
struct __attribute__((packed)) four_bytes {
    volatile uint32_t value;
};

MISUSE(HEAP_WRITE_STRADDLING) {
    ((struct four_bytes *)hide_pointer(scene->block + REQUEST - 3))->value = 1;
}

MISUSE(HEAP_READ_STRADDLING) {
    (void)((const struct four_bytes *)hide_pointer(scene->block + REQUEST - 3))->value;
}

MISUSE(HEAP_WRITE_FREED) {
    unsigned char *const other = kmem_alloc(scene->heap, REQUEST);
    (void)kmem_free(scene->heap, other);
    write_at(other);
}

MISUSE(HEAP_READ_FREED) {
    unsigned char *const other = kmem_alloc(scene->heap, REQUEST);
    (void)kmem_free(scene->heap, other);
    read_at(other);
}

MISUSE(HEAP_WRITE_MOVED) {
    unsigned char *const other = kmem_alloc(scene->heap, REQUEST);
    unsigned char *const neighbour = kmem_alloc(scene->heap, REQUEST); /* so that other must move */
    unsigned char *const moved = kmem_realloc(scene->heap, other, 4 * REQUEST);
    write_at(other);
    (void)kmem_free(scene->heap, moved);
    (void)kmem_free(scene->heap, neighbour);
}

MISUSE(HEAP_WRITE_SHRUNK) {
    unsigned char *const other = kmem_alloc(scene->heap, 4 * REQUEST);
    unsigned char *const shrunk = kmem_realloc(scene->heap, other, REQUEST);
    write_at(shrunk + 4 * REQUEST - 1);
    (void)kmem_free(scene->heap, shrunk);
}

MISUSE(HEAP_WRITE_FREE_SPACE) {
    write_at(scene->block + 256); /* after the last block's payload, before the region's end */
}

MISUSE(HEAP_FREE_TWICE) {
    unsigned char *const other = kmem_alloc(scene->heap, REQUEST);
    (void)kmem_free(scene->heap, other);
    (void)kmem_free(scene->heap, other);
}

/* The memory functions, as a compiler calls them. */

MISUSE(MEMSET_PAST) {
    __builtin_memset(scene->block, 1, hide_size(REQUEST + 1));
}

MISUSE(MEMCPY_TO_PAST) {
    __builtin_memcpy(scene->block, scene->scratch, hide_size(REQUEST + 1));
}

MISUSE(MEMCPY_FROM_PAST) {
    __builtin_memcpy(scene->scratch, scene->block, hide_size(REQUEST + 1));
}

MISUSE(MEMMOVE_PAST) {
    __builtin_memmove(scene->block, scene->block + 1, hide_size(REQUEST));
}

/* The stack. */

MISUSE(STACK_WRITE_PAST) {
    unsigned char array[REQUEST];
    write_at(array + REQUEST);
}

MISUSE(STACK_READ_PAST) {
    unsigned char array[REQUEST] = {0};
    read_at(array + REQUEST);
}

MISUSE(STACK_WRITE_BEFORE) {
    unsigned char array[REQUEST];
    unsigned char *const first = array; /* or it would be an index out of bounds before it is a write */
    write_at(first - 1);
}

/* Many small arrays: what this frame would leave is mostly poison, and cannot be missed. */
MISUSE(STACK_WRITE_PAST_LARGE) {
    unsigned char a[8], b[8], c[8], d[8], e[8], f[8], g[8], h[8], large[MISUSE_SCRATCH_SIZE / 4];
    unsigned char *const arrays[] = {a, b, c, d, e, f, g, h, large};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        write_at(arrays[i]);
    }
    write_at(large + sizeof large);
}

MISUSE(STACK_OUT_OF_SCOPE) {
    unsigned char *address;
    {
        unsigned char array[512]; /* large enough for its shadow to be set by a call */
        address = hide_pointer(array);
        write_at(address);
    }
    /* cppcheck-suppress invalidLifetime ; that is the point */
    write_at(address);
}

MISUSE(STACK_SCRATCH) {
    for (size_t i = 0; i < MISUSE_SCRATCH_SIZE; i++) {
        write_at(scene->scratch + i);
    }
}

/* Global variables. */

static unsigned char global_array[REQUEST];
static const unsigned char constant_array[REQUEST] = {1};

MISUSE(GLOBAL_WRITE_PAST) {
    write_at(global_array + REQUEST);
}

MISUSE(GLOBAL_READ_PAST) {
    read_at(global_array + REQUEST);
}

MISUSE(CONSTANT_READ_PAST) {
    read_at(constant_array + REQUEST);
}

/* Addresses where there is nothing. */

#define NOWHERE ((unsigned char *)0x18)

MISUSE(WILD_READ) {
    read_at(NOWHERE);
}

MISUSE(WILD_WRITE) {
    write_at(NOWHERE);
}

MISUSE(WILD_MEMSET) {
    __builtin_memset(hide_pointer(NOWHERE), 1, hide_size(REQUEST));
}

/* Arithmetic. */

MISUSE(ADD_OVERFLOW) {
    USE(hide(INT_MAX) + hide(1));
}

MISUSE(ADD_OVERFLOW_WIDE) {
    int64_t sum = INT64_MIN;
    __asm__ volatile("" : "+m"(sum)); /* two registers of a 32-bit machine */
    sum += hide(-1);
    __asm__ volatile("" ::"m"(sum));
}

MISUSE(SUB_OVERFLOW) {
    USE(hide(INT_MIN) - hide(1));
}

MISUSE(MUL_OVERFLOW) {
    USE(hide(INT_MAX) * hide(2));
}

MISUSE(NEGATE_OVERFLOW) {
    USE(-hide(INT_MIN));
}

MISUSE(DIVISION_BY_ZERO) {
    USE(hide(1) / hide(0));
}

MISUSE(DIVISION_OVERFLOW) {
    USE(hide(INT_MIN) / hide(-1));
}

MISUSE(SHIFT_EXPONENT) {
    USE(hide(1) << hide(32));
}

MISUSE(SHIFT_BASE) {
    USE(hide(INT_MAX) << hide(1));
}

/* Values and pointers. */

MISUSE(ARRAY_INDEX) {
    USE((unsigned)constant_array[hide((int)REQUEST + 1)]);
}

MISUSE(BOOL_VALUE) {
    unsigned char byte = 2;
    USE((int)*(const bool *)hide_pointer(&byte));
}

struct pair {
    int first;
    int second;
};

MISUSE(NULL_READ) {
    USE(*(const int *)hide_pointer(NULL));
}

MISUSE(NULL_WRITE) {
    *(int *)hide_pointer(NULL) = hide(1);
    USE(scene);
}

MISUSE(NULL_MEMBER) {
    USE(&((struct pair *)hide_pointer(NULL))->second);
}

MISUSE(NULL_OFFSET) {
    USE((unsigned char *)hide_pointer(NULL) + hide_size(1));
}

MISUSE(MISALIGNED_READ) {
    USE(*(const uint32_t *)hide_pointer(scene->block + 1));
}

MISUSE(MISALIGNED_WRITE) {
    *(uint32_t *)hide_pointer(scene->block + 1) = (uint32_t)hide(1);
    USE(scene);
}

MISUSE(OBJECT_TOO_SMALL) {
    _Alignas(8) unsigned char array[4] = {0};
    const void *const object = array;
    USE(&array[0]);
    USE((size_t)*(const uint64_t *)object);
}

MISUSE(POINTER_OVERFLOW) {
    USE(scene->block + hide_size(SIZE_MAX - REQUEST));
}

MISUSE(ASSUMED_ALIGNMENT) {
    USE(__builtin_assume_aligned(hide_pointer(scene->block + 1), 8));
}

/* Promises. */

__attribute__((noinline)) static int answer(void) {
    return hide(1);
}

MISUSE(FUNCTION_TYPE) {
    int (*const function)(const struct pair *) = (int (*)(const struct pair *))hide_size((uintptr_t)&answer);
    USE(function(NULL));
}

__attribute__((noinline, nonnull)) static void take(const int *pointer) {
    USE(pointer);
}

MISUSE(NONNULL_ARGUMENT) {
    take(hide_pointer(NULL));
}

__attribute__((noinline, returns_nonnull)) static int *give(int *pointer) {
    return hide_pointer(pointer);
}

MISUSE(NONNULL_RETURN) {
    USE(give(NULL));
}

MISUSE(BUILTIN_ZERO) {
    USE(__builtin_clz((unsigned)hide(0)));
}

MISUSE(UNREACHABLE) {
    if (hide(1) == 1) {
        __builtin_unreachable();
    }
}

void misuse(struct kmem *heap, enum misuse_kind kind, unsigned char *scratch) {
    static void (*const kinds[])(struct scene *scene) = {
#define MISUSE_FUNCTION(name, text) misuse_##name,
        MISUSE_LIST(MISUSE_FUNCTION)
#undef MISUSE_FUNCTION
    };
    struct scene scene = {.heap = heap, .block = kmem_alloc(heap, REQUEST), .scratch = scratch};
    if (scene.block != NULL) {
        kinds[kind](&scene);
        (void)kmem_free(heap, scene.block);
    }
}
