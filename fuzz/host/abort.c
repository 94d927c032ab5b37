/* Failed assertions and calls of abort. abort.h is the contract. */
#define _GNU_SOURCE /* program_invocation_short_name */
#include "fuzz/host/abort.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "fuzz/execute/subject.h"
#include "fuzz/host/guard.h"

static assertion_listener *abort_listener;

void assertion_listen(assertion_listener *listener) {
    abort_listener = listener;
}

/* Replaces the C library's, which assert calls: the same, with a listener. */
__attribute__((noreturn)) void __assert_fail(const char *text, const char *file, unsigned line,
                                             const char *function);

__attribute__((noreturn)) void __assert_fail(const char *text, const char *file, unsigned line,
                                             const char *function) {
    guard_end_failed(text, file, line);
    fflush(stdout);
    if (abort_listener != NULL) {
        abort_listener(file, line);
    }
    fprintf(stderr, "%s: %s:%u: %s: Assertion `%s' failed.\n", program_invocation_short_name, file, line,
            function == NULL ? "" : function, text);
    fflush(stderr);
    abort();
}

void subject_failed(const char *text, const char *file, int line) {
    __assert_fail(text, file, (unsigned)line, NULL);
}

/* Where abort was called: 0 with another C library, since gcc's frames are read with the help of glibc's. */

#ifdef __GLIBC__
extern const char __executable_start; /* from the linker: this program's own code */
extern const char etext;

static bool is_own(uintptr_t pc) {
    return pc >= (uintptr_t)&__executable_start && pc < (uintptr_t)&etext;
}

/* The way from the handler to the caller: our own frames, those of the C library, the caller. */
struct way {
    bool has_left; /* our own frames are passed */
    uintptr_t found;
};

static _Unwind_Reason_Code follow(struct _Unwind_Context *context, void *argument) {
    struct way *const way = argument;
    const uintptr_t pc = _Unwind_GetIP(context);
    const bool own = is_own(pc);
    if (own && way->has_left) {
        way->found = pc - 1; /* a return address, which may be past its function's end */
        return _URC_END_OF_STACK;
    }
    way->has_left |= !own;
    return _URC_NO_REASON;
}

uintptr_t abort_caller(void) {
    struct way way = {.found = 0};
    (void)_Unwind_Backtrace(follow, &way);
    return way.found;
}
#else
uintptr_t abort_caller(void) {
    return 0;
}
#endif

/* What was printed. */

/* Copies the text up to `end`, which must be in it, to a buffer of size bytes, and moves past it. */
static bool copy_until(const char **text, const char *end, char *copy, size_t size) {
    const char *const at = strstr(*text, end);
    if (at == NULL) {
        return false;
    }
    snprintf(copy, size, "%.*s", (int)(at - *text), *text);
    *text = at + strlen(end);
    return true;
}

/* The index after the last of some characters in a text; 0 when it has none of them. */
static size_t last_of(const char *text, const char *characters) {
    size_t index = strlen(text);
    while (index > 0 && strchr(characters, text[index - 1]) == NULL) {
        index--;
    }
    return index;
}

/* One line, such as
 *     kmemfuzz: /home/me/kmem/src/kmem.c:350: kmem_free: Assertion `size != 0' failed.
 * in which clang has int kmem_free(struct kmem *, void *) for the function. */
static bool parse(const char *line, struct assertion *assertion) {
    struct sanitizer_source *const source = &assertion->source;
    char path[SANITIZER_FILE_SIZE];
    char number[32];
    if (!copy_until(&line, ": ", path, sizeof path) || !copy_until(&line, ":", path, sizeof path) ||
        !copy_until(&line, ": ", number, sizeof number) ||
        !copy_until(&line, ": Assertion `", source->function, sizeof source->function) ||
        !copy_until(&line, "' failed.", assertion->text, sizeof assertion->text)) {
        return false;
    }
    source->function[strcspn(source->function, "(")] = '\0';
    const char *const name = source->function + last_of(source->function, " *");
    memmove(source->function, name, strlen(name) + 1);
    const char *file = path;
    for (const char *at = strstr(path, "/src/"); at != NULL; at = strstr(at + 1, "/src/")) {
        file = at + 1;
    }
    memcpy(source->file, file, strlen(file) + 1);
    char *end;
    source->line = strtoul(number, &end, 10);
    return *end == '\0' && source->line != 0;
}

bool assertion_find(const char *report, struct assertion *assertion) {
    static const char mark[] = ": Assertion `";
    bool found = false;
    for (const char *at = strstr(report, mark); at != NULL; at = strstr(at + 1, mark)) {
        const char *line = at;
        while (line != report && line[-1] != '\n') {
            line--;
        }
        const size_t length = strcspn(line, "\n");
        char *const copy = strndup(line, length);
        struct assertion candidate;
        if (copy != NULL && parse(copy, &candidate)) {
            *assertion = candidate;
            found = true;
        }
        free(copy);
    }
    return found;
}
