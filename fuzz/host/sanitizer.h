/* Reports what a sanitizer finds before it prints it, so that a failure has its name without its report,
 * which takes a symbolizer tens of milliseconds. In a build without a sanitizer nothing is ever reported.
 * Only this file knows the sanitizers' interfaces and the form of their reports. */
#ifndef KMEM_SANITIZER_H
#define KMEM_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called when a sanitizer has found something, before it prints it: its word for it, the program counter (0:
 * unknown), and the place when it is known without one (otherwise "", and sanitizer_place may find it). */
typedef void sanitizer_listener(const char *name, uintptr_t pc, const char *place);

/* From now on every report of this process is passed to `listener`; NULL: to no one. */
void sanitizer_listen(sanitizer_listener *listener);

/* Has a sanitizer found anything in this process, with or without a listener? */
bool sanitizer_has_reported(void);

/* Writes the innermost function that a program counter is in or, without a symbolizer, its place in its file;
 * nothing without a sanitizer. size is place's, in bytes. */
void sanitizer_place(uintptr_t pc, char *place, size_t size);

struct sanitizer_source;

/* Finds the line of a program counter. Without a sanitizer, a symbolizer or debug information the line found
 * is 0. Cost: a symbolizer's, tens of milliseconds at first. */
void sanitizer_find_line(uintptr_t pc, struct sanitizer_source *source);

/* The address that could not be accessed and, in *size, the bytes tried there, while a listener is called; 0
 * when it is not an access, or unknown. */
uintptr_t sanitizer_fault(size_t *size);

#define SANITIZER_FUNCTION_SIZE 128 /* bytes */
#define SANITIZER_FILE_SIZE     256 /* bytes */

/* A place in the core. */
struct sanitizer_source {
    char function[SANITIZER_FUNCTION_SIZE];
    char file[SANITIZER_FILE_SIZE]; /* relative to the tree, such as src/kmem.c */
    unsigned long line;             /* from 1 */
};

/* Writes a source file's name as a person knows it: relative to the tree, if it is there. */
void sanitizer_name_file(const char *path, char name[SANITIZER_FILE_SIZE]);

/* Where a run's report says that it failed: at its failed assertion (abort.h) or else in the innermost
 * function of src/ that a sanitizer names. Returns false iff it says neither: no symbolizer, or no stack. */
bool sanitizer_find_source(const char *report, struct sanitizer_source *source);

#endif
