/* The subject of the programs of this folder: the heap that the environment's SUBJECT names, with the defect
 * whose number SUBJECT_DEFECT is; without the alloc that
 * SUBJECT_LACKS says, or without memory enough; or in an array of its own, without a region.
 * What SUBJECT_KNOWN says, such as alignment:alloc_aligned or alignment:, is set aside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

/* clang-format off */
#ifdef WITH_RUST_HEAP
#define RUST_HEAP(X) X(rust_heap)
#else
#define RUST_HEAP(X)
#endif
#define HEAPS(X) \
    X(anywhere_heap) \
    X(buddy_heap) \
    X(bump_heap) \
    X(class_heap) \
    X(cpp_heap) \
    X(fit_heap) \
    X(global_heap) \
    X(kmem) \
    X(list_heap) \
    X(more_heap) \
    X(narrow_heap) \
    X(port_heap) \
    X(region_heap) \
    RUST_HEAP(X) \
    X(small_heap) \
    X(system_malloc) \
    X(tag_heap) \
    X(tlsf_heap)
/* clang-format on */

#define DECLARE(name) extern const struct subject subject_##name;
HEAPS(DECLARE)

#define ENTRY(name) {#name, &subject_##name},
static const struct {
    const char *name;
    const struct subject *subject;
} heaps[] = {HEAPS(ENTRY)};

static struct subject chosen;
const struct subject *const subject_under_test = &chosen;

int subject_defect;

static bool start_nowhere(void *memory, size_t size) {
    (void)memory, (void)size;
    return false;
}

/* known: an oracle, a colon, a call; NULL: none. */
static void set_aside(const char *known) {
    static char oracle[64];
    static struct subject_known all[2];
    const char *const colon = known == NULL ? NULL : strchr(known, ':');
    if (colon != NULL) {
        snprintf(oracle, sizeof oracle, "%.*s", (int)(colon - known), known);
        all[0] = (struct subject_known){.oracle = oracle, .call = colon[1] == '\0' ? NULL : colon + 1};
        chosen.known = all;
    }
}

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
    set_aside(getenv("SUBJECT_KNOWN"));
    const char *const lacking = getenv("SUBJECT_LACKS");
    if (lacking != NULL && strcmp(lacking, "alloc") == 0) {
        chosen.alloc = NULL;
    } else if (lacking != NULL && strcmp(lacking, "memory") == 0) {
        chosen.start = start_nowhere;
    } else if (lacking != NULL && strcmp(lacking, "region") == 0) {
        static unsigned char own[4096];
        chosen.facts.memory = SUBJECT_MEMORY_OWN;
        chosen.facts.own_memory = own;
        chosen.facts.own_size = sizeof own;
    }
}
