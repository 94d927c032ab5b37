/* The misuse image tests what its sanitizers see. */
#include "fuzz/subjects/misuse.h"

#include "fuzz/target/image.h"

const struct subject *image_subject(void) {
    return subject_misuse();
}
