/* One function for each oracle (violation.h is the contract), each with a body of its own so that no linker
 * folds them into one. */
#include "fuzz/report/violation.h"

#include <stdlib.h>

#include "fuzz/execute/oracle.h"

static volatile unsigned last_violation; /* makes the functions' bodies differ */

#define VIOLATION_FUNCTION(prefix, name)                                                                     \
    __attribute__((noinline, noreturn)) static void violation_##name(void) {                                 \
        last_violation = prefix##_##name;                                                                    \
        abort();                                                                                             \
    }
#define INVARIANT_FUNCTION(name, ...) VIOLATION_FUNCTION(INVARIANT, name)
#define ORACLE_FUNCTION(name, ...)    VIOLATION_FUNCTION(ORACLE, name)
INVARIANT_LIST(INVARIANT_FUNCTION)
EXECUTION_ORACLE_LIST(ORACLE_FUNCTION)

void violation_abort(unsigned oracle) {
    switch (oracle) {
#define INVARIANT_CASE(name, ...)                                                                            \
    case INVARIANT_##name:                                                                                   \
        violation_##name();
#define ORACLE_CASE(name, ...)                                                                               \
    case ORACLE_##name:                                                                                      \
        violation_##name();
        INVARIANT_LIST(INVARIANT_CASE)
        EXECUTION_ORACLE_LIST(ORACLE_CASE)
    default:
        abort();
    }
}
