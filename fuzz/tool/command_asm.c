/* kmemfuzz asm: a program as canonical bytes. */
#include <stdlib.h>

#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/tool/command.h"

struct options {
    const char *source;
    const char *destination;
    bool as_bytes;
    bool replace;
};

static enum exit_code encode(const struct options *options) {
    struct input input;
    enum exit_code code = input_open(options->source, options->as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    const size_t size = program_encoded_size(&input.program);
    uint8_t *const bytes = malloc(size);
    if (bytes == NULL) {
        abort(); /* a few times the size of a file that was just read */
    }
    program_encode(&input.program, bytes);
    code = output_write(options->destination, bytes, size, options->replace);
    free(bytes);
    input_close(&input);
    return code;
}

static enum exit_code run(void *given) {
    const struct options *const options = given;
    if (options->source == NULL || options->destination == NULL) {
        return command_misuse(&command_asm, "it takes a program and -o OUT");
    }
    return encode(options);
}

static const struct command_option table[] = {
    OPERAND(source),
    OPTION("-o", "OUT", COMMAND_OUTPUT, destination, "the file to write"),
    FLAG("--bytes", as_bytes, COMMAND_HELP_BYTES),
    FLAG("--force", replace, COMMAND_HELP_FORCE),
};

const struct command command_asm = {
    .name = "asm",
    .synopsis = "FILE -o OUT [OPTION...]",
    .summary = "write a program as canonical bytes, which fuzzers can take as a seed",
    .help = "FILE is a program, text or binary; - is standard input. A binary that is not canonical is\n"
            "made so.\n",
    .end = "Exit codes: 0 written, 2 a wrong argument, an error in the text, or a file that exists\n"
           "already, 3 a file that cannot be read or written, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz asm corpus/seeds/first_fit.ops -o /tmp/first_fit\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .run = run,
};
