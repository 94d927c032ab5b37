/* kmemfuzz oracles: what can be found wrong. */
#include <stdio.h>

#include "fuzz/execute/oracle.h"
#include "fuzz/tool/command.h"

static enum exit_code run(void *given) {
    (void)given;
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        printf("%-18s %s\n", oracle_id(oracle), oracle_sentence(oracle));
    }
    return EXIT_SOUND;
}

const struct command command_oracles = {
    .name = "oracles",
    .synopsis = "",
    .summary = "list every oracle: its id and what it demands",
    .help = "The ids are what reports name and what `run --only` and `run --without` take.\n",
    .end = "Example:\n  kmemfuzz oracles\n",
    .run = run,
};
