/* kmemfuzz asm: a program as canonical bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/tool/command.h"
#include "fuzz/tool/input.h"
#include "fuzz/tool/output.h"

static enum exit_code encode(const char *source, const char *destination, bool replace) {
    struct input input;
    enum exit_code code = input_open(source, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    const size_t size = program_encoded_size(&input.program);
    uint8_t *const bytes = malloc(size);
    if (bytes == NULL) {
        abort(); /* a few times the size of a file that was just read */
    }
    program_encode(&input.program, bytes);
    code = output_write(destination, bytes, size, replace);
    free(bytes);
    input_close(&input);
    return code;
}

static enum exit_code run(char **arguments) {
    const char *source = NULL;
    const char *destination = NULL;
    bool replace = false;
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "-o") == 0) {
            destination = *++arguments;
            if (destination == NULL) {
                return command_misuse(&command_asm, "-o needs the name of the file to write");
            }
        } else if (strcmp(*arguments, "--force") == 0) {
            replace = true;
        } else if (**arguments == '-' && strcmp(*arguments, "-") != 0) {
            return command_misuse(&command_asm, "there is no option '%s'", *arguments);
        } else if (source == NULL) {
            source = *arguments;
        } else {
            return command_misuse(&command_asm, "'%s' is one argument too many", *arguments);
        }
    }
    if (source == NULL || destination == NULL) {
        return command_misuse(&command_asm, "it takes a program and -o OUT");
    }
    return encode(source, destination, replace);
}

const struct command command_asm = {
    .name = "asm",
    .synopsis = "FILE -o OUT [--force]",
    .summary = "write a program as canonical bytes, which fuzzers can take as a seed",
    .help =
        "FILE is a program, text or binary; - is standard input. A binary that is not canonical becomes so.\n"
        "OUT is not replaced unless --force is given.\n\n"
        "Example:\n  kmemfuzz asm corpus/seeds/first_fit.ops -o /tmp/first_fit\n",
    .run = run,
};
