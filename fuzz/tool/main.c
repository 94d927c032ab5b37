/* kmemfuzz: what a person does with programs. This file finds the command; command_*.c are the commands. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/program/program.h"
#include "fuzz/program/shown.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/death.h"

static const struct command *const commands[] = {
    &command_run,    &command_show,    &command_asm,  &command_explain, &command_reduce, &command_keep,
    &command_import, &command_oracles, &command_pack, &command_replay,  &command_target};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_help(FILE *stream) {
    fprintf(stream, "kmemfuzz runs heap programs against an allocator and checks every operation.\n\n"
                    "Usage: kmemfuzz COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(stream, "  %-8s %-32s %s\n", commands[i]->name, commands[i]->synopsis, commands[i]->summary);
    }
    fprintf(stream, "\n  kmemfuzz COMMAND --help says more; kmemfuzz --version names the version.\n\n"
                    "A program is a file, binary (what a fuzzer saves) or text (what a person writes); which "
                    "one is told\n"
                    "from its contents and its name (docs/programs.md), and a text that is no program is "
                    "refused; --bytes\ntakes any file as bytes. Exit codes: 0 sound, 1 violation, 2 usage, "
                    "3 environment, 4 internal error.\n");
}

static void print_command_help(const struct command *command) {
    printf("Usage: kmemfuzz %s %s\n\n%s\n\n%s", command->name, command->synopsis, command->summary,
           command->help);
}

static bool asks_for_help(char **arguments) {
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "--help") == 0 || strcmp(*arguments, "-h") == 0) {
            return true;
        }
    }
    return false;
}

static enum exit_code run_command(const char *name, char **arguments) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i]->name) != 0) {
            continue;
        }
        if (asks_for_help(arguments)) {
            print_command_help(commands[i]);
            return EXIT_SOUND;
        }
        return commands[i]->run(arguments);
    }
    fprintf(stderr, "kmemfuzz: there is no command '%s'; kmemfuzz --help lists them\n", shown(name));
    return EXIT_USAGE;
}

/* Were one of the three standard files closed, the next file to be opened would take its place, and what is
 * printed would go there. In its place comes one that fails as it would: it cannot be read, or written. */
static bool keep_standard_files(void) {
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        const int flags = file == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", flags) < 0) {
            fprintf(stderr, "kmemfuzz: cannot open /dev/null: %s\n", strerror(errno));
            return false;
        }
    }
    return true;
}

static enum exit_code start(int argument_count, char **arguments) {
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of writing, and no death */
    if (!keep_standard_files()) {
        return EXIT_ENVIRONMENT;
    }
    if (argument_count > 0) {
        command_tool_path = arguments[0];
    }
    if (argument_count < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *const name = arguments[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return command_finish(EXIT_SOUND);
    }
    if (strcmp(name, "--version") == 0) {
        printf("kmemfuzz %s, program format %u\n", KMEM_VERSION, PROGRAM_VERSION);
        return command_finish(EXIT_SOUND);
    }
    return command_finish(run_command(name, arguments + 2));
}

int main(int argument_count, char **arguments) {
    death_watch();
    const enum exit_code code = start(argument_count, arguments);
    death_at_end();
    return (int)code;
}
