/* Makes a failing program small: the reducer (fuzz/search/) with programs run in isolation (isolated.h) as
 * its judge. The failure must stay the same, by failure_is_same: an oracle's, a sanitizer's at its place, a
 * signal's, a hang. */
#ifndef KMEM_REDUCED_H
#define KMEM_REDUCED_H

#include "fuzz/execute/executor.h"
#include "fuzz/host/exit_code.h"
#include "fuzz/host/failure.h"

struct reduced {
    struct failure failure; /* of the reduced program; FAILURE_NONE when the one given is sound */
    uint8_t *bytes;         /* the reduced program, canonical; from malloc; NULL when there is none */
    size_t size;
    struct program program; /* over bytes */
    size_t replay_count;    /* programs run to find it */
    double milliseconds;    /* elapsed */
};

/* Reduces a program that fails with this executor, which must be prepared; its oracles and its subject decide
 * what failing is. Returns
 *   EXIT_VIOLATION    it failed: *reduced is filled, fails the same way, and the caller closes it;
 *   EXIT_SOUND        it is sound: *reduced holds that failure, and no program;
 *   EXIT_USAGE        it was not judged, as no heap can start in its region: prints that;
 *   EXIT_ENVIRONMENT  there is no memory or no process, or the program fails in changing ways; prints which.
 * path names the program in messages. Nothing else is printed, and nothing the program makes the subject do
 * ends this process. */
__attribute__((warn_unused_result)) enum exit_code reduced_make(const char *path, struct executor *executor,
                                                                const struct program *program,
                                                                struct reduced *reduced);

void reduced_close(struct reduced *reduced);

#endif
