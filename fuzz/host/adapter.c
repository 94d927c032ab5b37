/* Adapters, by the sections that kmem_foreign_heap puts them in. adapter.h is the contract. */
#define _GNU_SOURCE /* of unwind.h */
#include "fuzz/host/adapter.h"

#include <stddef.h>
#include <string.h>
#include <unwind.h>

/* The linker's names for where its sections of these names begin and end; all NULL when it has none. */
#define SECTION(name)                                                                                        \
    extern const char __start_##name[] __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */     \
    extern const char __stop_##name[] __attribute__((weak))   /* NOLINT(bugprone-reserved-identifier) */
SECTION(kmem_adapter_text);
SECTION(kmem_heap_text);
SECTION(kmem_adapter_names); /* one after another, each with its NUL */

#define IS_IN(pc, name) ((pc) >= (uintptr_t)__start_##name && (pc) < (uintptr_t)__stop_##name)

#ifdef __GLIBC__ /* with whose help gcc's frames are read */
struct search {
    uintptr_t found;
    bool only;
};

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *argument) {
    struct search *const search = argument;
    int before = 0; /* or it is a return address, which may be past its function's end */
    const uintptr_t pc = _Unwind_GetIPInfo(context, &before) - (before == 0 ? 1 : 0);
    const bool heaps = IS_IN(pc, kmem_heap_text);
    if (search->found == 0 && (heaps || IS_IN(pc, kmem_adapter_text))) {
        search->found = pc;
        search->only = true;
    }
    search->only = search->only && !heaps;
    return search->found != 0 && !search->only ? _URC_END_OF_STACK : _URC_NO_REASON;
}

uintptr_t adapter_find(bool *only) {
    struct search search = {.found = 0};
    (void)_Unwind_Backtrace(look, &search);
    *only = search.only;
    return search.found;
}
#else
uintptr_t adapter_find(bool *only) {
    *only = false;
    return 0;
}
#endif

void adapter_find_line(uintptr_t pc, struct assertion *place) {
    sanitizer_find_line(pc, &place->source);
    place->in_adapter &= place->source.line == 0 || adapter_is(place->source.file);
}

bool adapter_is(const char *file) {
    const char *const slash = strrchr(file, '/');
    const char *const base = slash == NULL ? file : slash + 1;
    const size_t size =
        (size_t)((uintptr_t)__stop_kmem_adapter_names - (uintptr_t)__start_kmem_adapter_names);
    for (size_t i = 0; i < size; i += strlen(__start_kmem_adapter_names + i) + 1) {
        if (strcmp(__start_kmem_adapter_names + i, base) == 0) {
            return true;
        }
    }
    return false;
}
