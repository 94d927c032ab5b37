/* What clang's kernel AddressSanitizer calls: reports, memory functions, the shadow of frames and of global
 * variables. The checks themselves are inline. Names and meanings are the compiler's; what it does not call
 * is not here, and a call of it would not link. */
#include "sanitizer.h"
#include "shadow.h"

extern char text_start[], arena_end[], stack_bottom[], stack_top[];

/* The constructors: one for each instrumented file, which registers its global variables. */
extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

void sanitizer_start(void) {
    const uintptr_t start = (uintptr_t)text_start;
    shadow_fill(shadow_of(start), 0, ((uintptr_t)arena_end - start) / SHADOW_GRANULE);
    for (void (*const *constructor)(void) = init_array_start; constructor != init_array_end; constructor++) {
        (*constructor)();
    }
}

/*     frame pointer ->  | caller's frame ...
 *                       | return address
 *                       | caller's frame pointer
 */
struct sanitizer_place sanitizer_place_of(uintptr_t return_address, const uintptr_t *frame) {
    const uintptr_t outer = frame[-2];
    const bool is_frame =
        outer > (uintptr_t)stack_bottom && outer <= (uintptr_t)stack_top && outer % sizeof(uintptr_t) == 0;
    return (struct sanitizer_place){
        .return_address = return_address,
        .caller = is_frame ? ((const uintptr_t *)outer)[-1] : 0,
        .stack_pointer = (uintptr_t)frame,
    };
}

/* What is wrong with the granule at shadow. The reason why only a part of it may be accessed is what lies
 * after it. */
static const char *kind_of(const unsigned char *shadow) {
    const unsigned char value = *shadow < SHADOW_GRANULE ? shadow[1] : *shadow;
    switch (value) {
    case SHADOW_POISON:
        return "use-after-poison";
    case SHADOW_STACK_LEFT:
        return "stack-buffer-underflow";
    case SHADOW_STACK_MID:
    case SHADOW_STACK_RIGHT:
        return "stack-buffer-overflow";
    case SHADOW_STACK_SCOPE:
        return "stack-use-after-scope";
    case SHADOW_GLOBAL:
        return "global-buffer-overflow";
    default:
        return "unknown-crash";
    }
}

_Noreturn static void report(uintptr_t address, size_t size, bool write, struct sanitizer_place place) {
    struct sanitizer_access access = {.kind = "wild-access",
                                      .write = write,
                                      .address = address,
                                      .size = size,
                                      .bad = address,
                                      .place = place};
    if (shadow_covers(address, size)) {
        access.bad = shadow_first_bad(address, size);
        access.kind = kind_of(shadow_of(access.bad));
    }
    sanitizer_stop_access(&access);
}

#define REPORT(access, is_write, bytes)                                                                      \
    void __asan_report_##access##bytes##_noabort(uintptr_t address);                                         \
    void __asan_report_##access##bytes##_noabort(uintptr_t address) {                                        \
        report(address, bytes, is_write, SANITIZER_PLACE());                                                 \
    }
#define REPORT_ANY(access, is_write)                                                                         \
    void __asan_report_##access##_n_noabort(uintptr_t address, size_t size);                                 \
    void __asan_report_##access##_n_noabort(uintptr_t address, size_t size) {                                \
        report(address, size, is_write, SANITIZER_PLACE());                                                  \
    }
REPORT(load, false, 1)
REPORT(load, false, 2)
REPORT(load, false, 4)
REPORT(load, false, 8)
REPORT_ANY(load, false)
REPORT(store, true, 1)
REPORT(store, true, 2)
REPORT(store, true, 4)
REPORT(store, true, 8)
REPORT_ANY(store, true)

/* The memory functions. */

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *at, int value, size_t size);

void *__asan_memcpy(void *to, const void *from, size_t size);
void *__asan_memmove(void *to, const void *from, size_t size);
void *__asan_memset(void *at, int value, size_t size);

static void check(const void *at, size_t size, bool write, struct sanitizer_place place) {
    const uintptr_t address = (uintptr_t)at;
    if (size != 0 && (!shadow_covers(address, size) || shadow_first_bad(address, size) != address + size)) {
        report(address, size, write, place);
    }
}

void *__asan_memcpy(void *to, const void *from, size_t size) {
    check(from, size, false, SANITIZER_PLACE());
    check(to, size, true, SANITIZER_PLACE());
    return memcpy(to, from, size);
}

void *__asan_memmove(void *to, const void *from, size_t size) {
    check(from, size, false, SANITIZER_PLACE());
    check(to, size, true, SANITIZER_PLACE());
    return memmove(to, from, size);
}

void *__asan_memset(void *at, int value, size_t size) {
    check(at, size, true, SANITIZER_PLACE());
    return memset(at, value, size);
}

/* The shadow of large frames; that of small ones is written inline. */

#define SET_SHADOW(digits)                                                                                   \
    void __asan_set_shadow_##digits(unsigned char *shadow, size_t size);                                     \
    void __asan_set_shadow_##digits(unsigned char *shadow, size_t size) {                                    \
        shadow_fill(shadow, 0x##digits, size);                                                               \
    }
SET_SHADOW(00)
SET_SHADOW(f8)

/* Global variables. */

/* As the compiler lays it out. */
struct global {
    uintptr_t address;
    uintptr_t size;      /* bytes */
    uintptr_t room_size; /* bytes, with the poison after it */
    const char *name;
    const char *module_name;
    uintptr_t is_dynamic;
    uintptr_t location;
    uintptr_t odr_indicator;
};

void __asan_register_globals(const struct global *globals, size_t count);

void __asan_register_globals(const struct global *globals, size_t count) {
    for (size_t i = 0; i < count; i++) {
        unsigned char *shadow = shadow_of(globals[i].address);
        const size_t whole = globals[i].size / SHADOW_GRANULE;
        const size_t rest = globals[i].size % SHADOW_GRANULE;
        shadow_fill(shadow + whole, SHADOW_GLOBAL, globals[i].room_size / SHADOW_GRANULE - whole);
        if (rest != 0) {
            shadow[whole] = (unsigned char)rest;
        }
    }
}
