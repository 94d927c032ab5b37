/* The subject of a program of this folder, SUBJECT, with the defect whose number the environment's
 * SUBJECT_DEFECT is. */
#include <stdlib.h>

#include "fuzz/execute/subject.h"
#include "tests/subjects/defect.h"

extern const struct subject SUBJECT;
const struct subject *const subject_under_test = &SUBJECT;

int subject_defect;

__attribute__((constructor)) static void choose_defect(void) {
    const char *const number = getenv("SUBJECT_DEFECT");
    subject_defect = number == NULL ? 0 : atoi(number);
}
