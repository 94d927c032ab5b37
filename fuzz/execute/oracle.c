/* The oracles' ids, for all who report verdicts, boards included. oracle.h is the contract. */
#include "fuzz/execute/oracle.h"

_Static_assert(ORACLE_COUNT < 64, "a mask of oracles is 64 bits wide");

#define INVARIANT_ID(name, id, ...) [INVARIANT_##name] = (id),
#define ORACLE_ID(name, id, ...)    [ORACLE_##name] = (id),

static const char *const oracle_ids[ORACLE_COUNT] = {
    [SOUND] = NULL, INVARIANT_LIST(INVARIANT_ID) EXECUTION_ORACLE_LIST(ORACLE_ID)};

const char *oracle_id(unsigned oracle) {
    return oracle < ORACLE_COUNT ? oracle_ids[oracle] : NULL;
}
