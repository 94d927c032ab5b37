/* kmemfuzz target: programs on the emulated boards. The work is ci/target's; here it is found and started. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/program/shown.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/tree.h"

#define SCRIPT "ci/target"

static enum exit_code run(char **arguments) {
    char *const script = tree_find(SCRIPT);
    if (script == NULL) {
        return EXIT_ENVIRONMENT;
    }
    size_t count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    char **const command = calloc(count + 2, sizeof *command); /* the script, the end */
    if (command == NULL) {
        abort(); /* a few pointers */
    }
    command[0] = script;
    memcpy(command + 1, arguments, count * sizeof *command);
    execv(script, command);
    fprintf(stderr, "kmemfuzz target: %s cannot be started: %s\n", shown(script), strerror(errno));
    free(command);
    free(script);
    return EXIT_ENVIRONMENT;
}

const struct command command_target = {
    .name = "target",
    .synopsis = "[PATH...] [OPTION...]",
    .summary = "run programs on the emulated RISC-V boards, or debug one",
    .help =
        "The same as ./ci/target, from anywhere: builds the images, boots each board once for all programs, "
        "and\n"
        "requires the verdicts and digests of the host. Without a PATH it runs the corpus. It needs the tree "
        "this\n"
        "tool was built from, or KMEM_TREE=FOLDER in the environment where that has moved.\n\n"
        "  --configuration NAME  one way to replay, such as rv64; may be given several times (default: all)\n"
        "  --image faults        the image that damages itself on demand\n"
        "  --watchdog SECONDS    how long one program may run (default: 2)\n"
        "  --blob FILE           a packed corpus in place of PATHs\n"
        "  --json                the result as JSON\n"
        "  --gdb                 boot one program under gdb-multiarch, stopped before the operation it fails "
        "in\n"
        "  --operation N         with --gdb: stop before operation N, from 0\n"
        "  --gdb-commands FILE   with --gdb: run these commands at the stop, and end\n\n"
        "Exit codes: 0 all sound and equal, 1 a violation, fault, hang or difference, 2 usage, 3 "
        "environment.\n\n"
        "Example:\n  kmemfuzz target corpus/seeds\n  kmemfuzz target crash-1a2b --gdb\n",
    .run = run,
};
