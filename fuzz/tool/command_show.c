/* kmemfuzz show: a program as text. */
#include <stdio.h>

#include "fuzz/program/text.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/input.h"

static enum exit_code run(char **arguments) {
    if (arguments[0] == NULL || arguments[1] != NULL) {
        return command_misuse(&command_show, "it takes one file");
    }
    if (arguments[0][0] == '-' && arguments[0][1] != '\0') {
        return command_misuse(&command_show, "there is no option '%s'", arguments[0]);
    }
    struct input input;
    const enum exit_code code = input_open(arguments[0], &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    (void)text_print(&input.program, stdout); /* command_finish reports what could not be written */
    input_close(&input);
    return EXIT_SOUND;
}

const struct command command_show = {
    .name = "show",
    .synopsis = "FILE",
    .summary = "print a program as text",
    .help = "FILE is a program, binary or text; - is standard input. What is printed can be edited and run "
            "again.\n\n"
            "Example:\n  kmemfuzz show crash-1a2b > crash.ops\n",
    .run = run,
};
