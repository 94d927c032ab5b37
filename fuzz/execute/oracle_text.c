/* What each oracle demands and how its verdict reads. oracle.h is the contract. */
#include "fuzz/execute/oracle.h"

#define INVARIANT_ROW(name, ...) [INVARIANT_##name] = {__VA_ARGS__},
#define ORACLE_ROW(name, ...)    [ORACLE_##name] = {__VA_ARGS__},

const struct oracle_text oracle_texts[ORACLE_COUNT] = {
    [SOUND] = {.id = NULL}, INVARIANT_LIST(INVARIANT_ROW) EXECUTION_ORACLE_LIST(ORACLE_ROW)};

const char *oracle_sentence(unsigned oracle) {
    return oracle < ORACLE_COUNT ? oracle_texts[oracle].sentence : NULL;
}
