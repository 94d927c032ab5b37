/* The subject of programs whose own sources define none. */
#include "fuzz/execute/subject.h"

const struct subject *const subject_under_test = &subject_kmem;
