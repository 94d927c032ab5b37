/* The misuse image tests what its sanitizers see. */
#include "fuzz/subjects/misuse.h"

#include "fuzz/board/image.h"

const struct subject *image_subject(void) {
    return subject_misuse();
}
