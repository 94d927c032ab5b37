/* The replay image tests what the fuzz target and the tool test. */
#include "fuzz/board/image.h"

const struct subject *image_subject(void) {
    return subject_under_test;
}
