/* The oracles' ids and sentences. oracle.h is the contract. */
#include "fuzz/execute/oracle.h"

_Static_assert(ORACLE_COUNT < 64, "a mask of oracles is 64 bits wide");

static const char *const oracle_text[ORACLE_COUNT][2] = {
#define ORACLE_TEXT(name, id, sentence) [ORACLE_##name] = {id, sentence},
    EXECUTION_ORACLE_LIST(ORACLE_TEXT)
#undef ORACLE_TEXT
};

const char *oracle_id(unsigned oracle) {
    if (oracle < INVARIANT_COUNT) {
        return invariant_id(oracle);
    }
    return oracle < ORACLE_COUNT ? oracle_text[oracle][0] : NULL;
}

const char *oracle_sentence(unsigned oracle) {
    if (oracle < INVARIANT_COUNT) {
        return invariant_sentence(oracle);
    }
    return oracle < ORACLE_COUNT ? oracle_text[oracle][1] : NULL;
}
