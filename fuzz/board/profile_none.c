/* An image that is not measured has no profile to write. profile.h is the contract. */
#include "fuzz/board/profile.h"

#include <stddef.h>

const char *profile_save(void) {
    return NULL;
}
