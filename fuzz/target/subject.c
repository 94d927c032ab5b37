/* The replay image tests kmem. */
#include "fuzz/target/line.h"

#include "fuzz/target/image.h"

const struct subject *const image_subject = &subject_kmem;
