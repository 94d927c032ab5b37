/* The subject of an image: BOARD_SUBJECT, without defects. */
#include "fuzz/board/image.h"
#include "tests/subjects/defect.h"

extern const struct subject BOARD_SUBJECT;

int subject_defect;

const struct subject *image_subject(void) {
    return &BOARD_SUBJECT;
}
