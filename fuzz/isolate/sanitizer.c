/* Listening to sanitizers. sanitizer.h is the contract. */
#include "fuzz/isolate/sanitizer.h"

#include <stdio.h>
#include <string.h>

#include "src/port.h"

static sanitizer_listener *current;

void sanitizer_listen(sanitizer_listener *listener) {
    current = listener;
}

#if PORT_ADDRESS_SANITIZER

/* Of the runtime: compiler-rt's sanitizer/asan_interface.h and common_interface_defs.h, and ubsan_monitor.h.
 */
void *__asan_get_report_pc(void);
const char *__asan_get_report_description(void);
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file,
                                     unsigned *line, unsigned *column, char **address);
void __sanitizer_symbolize_pc(void *pc, const char *format, char *text, size_t size);
int __sanitizer_get_module_and_offset_for_pc(void *pc, char *module, size_t module_size, void **offset);

/* Hooks of the runtime, which calls them before it prints. */
void __asan_on_error(void);
void __ubsan_on_report(void);

static const char *base_name(const char *path) {
    const char *const slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

void __asan_on_error(void) {
    if (current != NULL) {
        /* The counter is a return address, which may lie behind its function's end. */
        const uintptr_t pc = (uintptr_t)__asan_get_report_pc();
        current(__asan_get_report_description(), pc == 0 ? 0 : pc - 1, "");
    }
}

void __ubsan_on_report(void) {
    if (current == NULL) {
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
    current(kind, 0, place);
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

#else

void sanitizer_place(uintptr_t pc, char *place, size_t size) {
    (void)pc;
    (void)size;
    place[0] = '\0';
}

#endif
