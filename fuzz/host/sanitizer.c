/* Listening to sanitizers. sanitizer.h is the contract. */
#include "fuzz/host/sanitizer.h"

#include <stdio.h>
#include <string.h>

#include "fuzz/host/abort.h"
#include "fuzz/host/places.h"
#include "src/port.h"

static sanitizer_listener *report_listener;
static bool has_reported;

bool sanitizer_has_reported(void) {
    return has_reported;
}

void sanitizer_listen(sanitizer_listener *listener) {
    report_listener = listener;
}

#if PORT_ADDRESS_SANITIZER

/* Of the runtime: compiler-rt's sanitizer/asan_interface.h and common_interface_defs.h, and ubsan_monitor.h.
 */
void *__asan_get_report_pc(void);
const char *__asan_get_report_description(void);
int __asan_report_present(void);
void *__asan_get_report_address(void);
size_t __asan_get_report_access_size(void);
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file,
                                     unsigned *line, unsigned *column, char **address);
void __sanitizer_symbolize_pc(void *pc, const char *format, char *text, size_t size);
int __sanitizer_get_module_and_offset_for_pc(void *pc, char *module, size_t module_size, void **offset);

/* Hooks of the runtime: the first two are called before it prints, the third before it looks for leaks. */
void __asan_on_error(void);
void __ubsan_on_report(void);
int __lsan_is_turned_off(void);

/* A process that is listened to is one a subject may end at any moment: what it has not freed then is no
 * leak, and looking for some takes longer than all else. */
int __lsan_is_turned_off(void) {
    return report_listener != NULL;
}

static const char *base_name(const char *path) {
    const char *const slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

void __asan_on_error(void) {
    has_reported = true;
    if (report_listener != NULL) {
        /* The counter is a return address, which may be past its function's end. */
        const uintptr_t pc = (uintptr_t)__asan_get_report_pc();
        report_listener(__asan_get_report_description(), pc == 0 ? 0 : pc - 1, "");
    }
}

void __ubsan_on_report(void) {
    has_reported = true;
    if (report_listener == NULL) {
        return;
    }
    const char *kind;
    const char *message;
    const char *file;
    unsigned line;
    unsigned column;
    char *address;
    __ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
    char place[64];
    snprintf(place, sizeof place, "%s:%u", base_name(file), line);
    report_listener(kind, 0, place);
}

void sanitizer_place(uintptr_t pc, char *place, size_t size) {
    place[0] = '\0';
    if (pc == 0) {
        return;
    }
    __sanitizer_symbolize_pc((void *)pc, "%f", place, size);
    if (place[0] != '\0' && strchr("<(", place[0]) == NULL) {
        return;
    }
    char module[256];
    void *offset;
    place[0] = '\0';
    if (__sanitizer_get_module_and_offset_for_pc((void *)pc, module, sizeof module, &offset) != 0) {
        snprintf(place, size, "%s+0x%zx", base_name(module), (size_t)(uintptr_t)offset);
    }
}

void sanitizer_find_line(uintptr_t pc, struct sanitizer_source *source) {
    char text[1024];
    char path[SANITIZER_FILE_SIZE];
    *source = (struct sanitizer_source){.line = 0};
    __sanitizer_symbolize_pc((void *)pc, "%l\n%s\n%f", text, sizeof text);
    if (sscanf(text, "%lu\n%255[^\n]\n%127[^\n]", &source->line, path, source->function) == 3) {
        sanitizer_name_file(path, source->file);
    } else {
        source->line = 0;
    }
}

uintptr_t sanitizer_fault(size_t *size) {
    *size = __asan_report_present() ? __asan_get_report_access_size() : 0;
    return __asan_report_present() ? (uintptr_t)__asan_get_report_address() : 0;
}

#else

uintptr_t sanitizer_fault(size_t *size) {
    *size = 0;
    return 0;
}

void sanitizer_place(uintptr_t pc, char *place, size_t size) {
    (void)pc;
    (void)size;
    place[0] = '\0';
}

void sanitizer_find_line(uintptr_t pc, struct sanitizer_source *source) {
    (void)pc;
    *source = (struct sanitizer_source){.line = 0};
}

#endif

void sanitizer_name_file(const char *path, char name[SANITIZER_FILE_SIZE]) {
    const size_t length = strlen(places_tree);
    const bool inside = strncmp(path, places_tree, length) == 0 && path[length] == '/';
    snprintf(name, SANITIZER_FILE_SIZE, "%s", inside ? path + length + 1 : path);
}

/* Reports. */

/* Parses one line of a stack, such as
 *     #1 0x55d0 in kmem_free /home/me/kmem/src/kmem.c:350:5
 * or of UBSan, which names no function: /home/me/kmem/src/kmem.c:350:5: runtime error: ... */
static bool parse_frame(const char *line, size_t length, struct sanitizer_source *source) {
    char text[1024];
    char path[1024];
    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, line, length);
    text[length] = '\0';
    *source = (struct sanitizer_source){.line = 0};
    if (sscanf(text, " #%*u 0x%*x in %127s %1023[^\n]", source->function, path) != 2) {
        return false;
    }
    /* The tree's own sources, wherever the tree is: the last "/src/" of the path. */
    const char *file = NULL;
    for (const char *at = strstr(path, "/src/"); at != NULL; at = strstr(at + 1, "/src/")) {
        file = at + 1;
    }
    if (file == NULL) {
        return false;
    }
    return sscanf(file, "%255[^:]:%lu", source->file, &source->line) == 2;
}

bool sanitizer_find_source(const char *report, struct sanitizer_source *source) {
    struct assertion assertion;
    if (assertion_find(report, &assertion)) {
        *source = assertion.source;
        return true;
    }
    while (*report != '\0') {
        const size_t length = strcspn(report, "\n");
        if (parse_frame(report, length, source)) {
            return true;
        }
        report += length + (report[length] == '\n');
    }
    return false;
}
