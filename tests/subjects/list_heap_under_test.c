/* The list heap as the subject of a program, with the defect whose number the environment's LIST_HEAP_DEFECT
 * is. */
#include <stdlib.h>

#include "tests/subjects/list_heap.h"

const struct subject *const subject_under_test = &subject_list_heap;

__attribute__((constructor)) static void choose_defect(void) {
    const char *const number = getenv("LIST_HEAP_DEFECT");
    list_heap_defect = number == NULL ? LIST_HEAP_SOUND : (enum list_heap_defect)atoi(number);
}
