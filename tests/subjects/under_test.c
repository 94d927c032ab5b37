/* The subject of the programs of this folder: the heap that the environment's SUBJECT names, with the defect
 * whose number SUBJECT_DEFECT is; without the member of its table that SUBJECT_LACKS names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

extern const struct subject subject_buddy_heap;
extern const struct subject subject_bump_heap;
extern const struct subject subject_class_heap;
extern const struct subject subject_cpp_heap;
extern const struct subject subject_fit_heap;
extern const struct subject subject_global_heap;
extern const struct subject subject_list_heap;
extern const struct subject subject_small_heap;
extern const struct subject subject_tag_heap;

static const struct {
    const char *name;
    const struct subject *subject;
} heaps[] = {
    {"buddy_heap", &subject_buddy_heap}, {"bump_heap", &subject_bump_heap},
    {"class_heap", &subject_class_heap}, {"cpp_heap", &subject_cpp_heap},
    {"fit_heap", &subject_fit_heap},     {"global_heap", &subject_global_heap},
    {"list_heap", &subject_list_heap},   {"small_heap", &subject_small_heap},
    {"tag_heap", &subject_tag_heap},
};

static struct subject chosen;
const struct subject *const subject_under_test = &chosen;

int subject_defect;

__attribute__((constructor)) static void choose(void) {
    const char *const name = getenv("SUBJECT");
    const char *const number = getenv("SUBJECT_DEFECT");
    for (size_t i = 0; i < sizeof heaps / sizeof *heaps && name != NULL; i++) {
        if (strcmp(heaps[i].name, name) == 0) {
            chosen = *heaps[i].subject;
        }
    }
    if (chosen.name == NULL) {
        fprintf(stderr, "SUBJECT names no heap of tests/subjects\n");
        exit(2);
    }
    subject_defect = number == NULL ? 0 : atoi(number);
    const char *const lacking = getenv("SUBJECT_LACKS");
    if (lacking != NULL && strcmp(lacking, "alloc") == 0) {
        chosen.alloc = NULL;
    }
}
