/* What a sanitizer finds, heard before it is printed: so that a failure has its name without its report,
 * which takes a symbolizer tens of milliseconds. In a build without a sanitizer nothing is ever heard.
 *
 * May be here: the sanitizers' own interfaces and the form of their reports, which nothing else of the tool
 * knows. May not: processes. */
#ifndef KMEM_SANITIZER_H
#define KMEM_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called when a sanitizer has found something, before it says so: its word for it, the program counter (0:
 * unknown), and the place when it is known without one ("": it is not, and sanitizer_place may find it). */
typedef void sanitizer_listener(const char *name, uintptr_t pc, const char *place);

/* From now on `listener` hears of every report of this process; NULL: nobody does. */
void sanitizer_listen(sanitizer_listener *listener);

/* Has a sanitizer found anything in this process, heard or not? */
bool sanitizer_has_reported(void);

/* Writes the innermost function a program counter lies in or, when there is no symbolizer, its place in its
 * file; nothing when there is no sanitizer to ask. size is place's, in bytes. */
void sanitizer_place(uintptr_t pc, char *place, size_t size);

/* The address that could not be accessed and, in *size, the bytes tried there, while a listener hears of it;
 * 0 when it is no access, or nobody knows. */
uintptr_t sanitizer_fault(size_t *size);

#define SANITIZER_FUNCTION_SIZE 128 /* bytes */
#define SANITIZER_FILE_SIZE     256 /* bytes */

/* A place in the core. */
struct sanitizer_source {
    char function[SANITIZER_FUNCTION_SIZE];
    char file[SANITIZER_FILE_SIZE]; /* relative to the tree, such as src/kmem.c */
    unsigned long line;             /* from 1 */
};

/* Where a run's report says that it failed: at its failed assertion (abort.h) or else in the innermost
 * function of src/ that a sanitizer names. Returns false iff it says neither: no symbolizer, or no stack. */
bool sanitizer_find_source(const char *report, struct sanitizer_source *source);

#endif
