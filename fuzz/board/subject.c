/* The replay image tests kmem. */
#include "fuzz/board/image.h"

const struct subject *image_subject(void) {
    return &subject_kmem;
}
