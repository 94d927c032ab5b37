/* kmemfuzz asm: a program as canonical bytes. */
#include <stdlib.h>

#include "fuzz/tool/command.h"
#include "fuzz/tool/input.h"
#include "fuzz/tool/output.h"

static enum exit_code encode(const char *source, const char *destination, bool as_bytes, bool replace) {
    struct input input;
    enum exit_code code = input_open(source, as_bytes, &input);
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
    bool as_bytes = false;
    const struct command_option options[] = {
        {.name = "-o", .needs = COMMAND_OUTPUT, .text = &destination},
        {.name = "--force", .flag = &replace},
        {.name = "--bytes", .flag = &as_bytes},
    };
    const struct command_syntax syntax = {options, 3, .operands = {&source}};
    const enum exit_code code = command_parse(&command_asm, arguments, &syntax);
    if (code != EXIT_SOUND) {
        return code;
    }
    if (source == NULL || destination == NULL) {
        return command_misuse(&command_asm, "it takes a program and -o OUT");
    }
    return encode(source, destination, as_bytes, replace);
}

const struct command command_asm = {
    .name = "asm",
    .synopsis = "FILE -o OUT [--force] [--bytes]",
    .summary = "write a program as canonical bytes, which fuzzers can take as a seed",
    .help =
        "FILE is a program, text or binary; - is standard input. A binary that is not canonical becomes so.\n"
        "OUT is not replaced unless --force is given. --bytes takes FILE as bytes, whatever it is called "
        "and\n"
        "holds.\n\n"
        "Example:\n  kmemfuzz asm corpus/seeds/first_fit.ops -o /tmp/first_fit\n",
    .run = run,
};
