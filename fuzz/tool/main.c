/* kmemfuzz: what a person does with a heap. This file finds the word; command_*.c are the words in C, the
 * Python package has the others. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/host/own_heap.h"
#include "fuzz/program/program.h"
#include "fuzz/text/shown.h"
#include "fuzz/tool/command.h"
#include "fuzz/tool/death.h"
#include "fuzz/tool/package.h"

#define TYPED "KMEMFUZZ_TYPED" /* in the environment: the path this process was started by */

struct word {
    const struct command *command; /* NULL: it is the package's */
    const char *name;              /* of a word of the package; a command has its own, as the rest */
    const char *synopsis;
    const char *summary;
};

/* In the order of the help. */
static const struct word words[] = {
    {.name = "new-heap", .synopsis = "NAME", .summary = "write the file that describes a heap of your own"},
    {.name = "fuzz", .synopsis = "[OPTION...]", .summary = "fuzz, and keep and explain what is found"},
    {.name = "build",
     .synopsis = "HEAP.c [OPTION...]",
     .summary = "build what the other words need of your heap"},
    {.command = &command_run},
    {.command = &command_smoke},
    {.command = &command_prove},
    {.command = &command_explain},
    {.command = &command_reduce},
    {.command = &command_show},
    {.command = &command_keep},
    {.name = "import",
     .synopsis = "LOG -o FILE [OPTION...]",
     .summary = "make a program from a log of another program's calls"},
    {.name = "corpus",
     .synopsis = "prune|merge|settle|status",
     .summary = "keep the corpus small, and add what was found"},
    {.name = "board",
     .synopsis = "[PATH...] [OPTION...]",
     .summary = "run or debug programs on emulated RISC-V boards"},
    {.name = "two-files",
     .synopsis = "DIR",
     .summary = "write all that replays programs on a board of your own"},
    {.name = "report", .synopsis = "[OPTION...]", .summary = "make pages for a browser about campaigns"},
    {.name = "soak",
     .synopsis = "--hours N [OPTION...]",
     .summary = "fuzz everything in turn, for one verdict on a release"},
    {.name = "sarif",
     .synopsis = "OUT [FILE|DIR...] [OPTION...]",
     .summary = "run programs, and write failures for code scanners"},
    {.name = "junit",
     .synopsis = "OUT [FILE|DIR...] [OPTION...]",
     .summary = "run programs, and write them as tests for a CI"},
    {.name = "summary",
     .synopsis = "[FILE|DIR...] [OPTION...]",
     .summary = "run programs, and print failures as Markdown"},
    {.command = &command_asm},
    {.command = &command_oracles},
    {.command = &command_pack},
    {.command = &command_replay},
};

#define WORD_COUNT (sizeof words / sizeof words[0])

static const char *name_of(const struct word *word) {
    return word->command == NULL ? word->name : word->command->name;
}

/* The word of that name; NULL: none. */
static const struct word *find_word(const char *name) {
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strcmp(name, name_of(&words[i])) == 0) {
            return &words[i];
        }
    }
    return NULL;
}

static void print_help(FILE *stream) {
    fprintf(stream,
            "kmemfuzz fuzzes a heap: it runs programs against an allocator and checks every operation.\n\n"
            "Usage: kmemfuzz WORD [HEAP.c] [ARGUMENT...]\n\n");
    for (size_t i = 0; i < WORD_COUNT; i++) {
        const struct command *const command = words[i].command;
        fprintf(stream, "  %-9s %-32s %s\n", name_of(&words[i]),
                command == NULL ? words[i].synopsis : command->synopsis,
                command == NULL ? words[i].summary : command->summary);
    }
    fprintf(stream,
            "\n  kmemfuzz help WORD says more; kmemfuzz --version names the version.\n\n"
            "To fuzz a heap of your own, give its file right after any word: kmemfuzz fuzz my_heap.c. "
            "kmemfuzz\n"
            "new-heap writes one, and kmemfuzz build --help has the options that belong to it.\n\n"
            "A program is a file, binary (what a fuzzer saves) or text (what a person writes). Its "
            "contents and its\n"
            "name decide which (docs/programs.md); --bytes makes it binary. Options may stand "
            "anywhere before --.\n"
            "Exit codes: 0 sound, 1 violation, 2 usage, 3 environment, 4 internal error.\n");
}

static const char *word_at(const void *unused, size_t index) {
    (void)unused;
    return name_of(&words[index]);
}

static enum exit_code refuse_word(const char *name) {
    fprintf(stderr, "kmemfuzz: there is no word '%s'", shown(name));
    if (command_names_heap(name)) {
        fprintf(stderr, ": a heap's file stands after one, as in kmemfuzz fuzz %s", shown(name));
    } else {
        command_suggest(name, word_at, NULL, WORD_COUNT);
    }
    return command_end_misuse("", "WORD [HEAP.c] [ARGUMENT...]");
}

/* Starting. */

static enum exit_code help(char **arguments) {
    if (arguments[0] == NULL) {
        print_help(stdout);
        return EXIT_SOUND;
    }
    const struct word *const word = find_word(arguments[0]);
    if (word == NULL) {
        return refuse_word(arguments[0]);
    }
    if (word->command == NULL) {
        static char option[] = "--help";
        return package_start((char *const[]){arguments[0], option, NULL});
    }
    command_print_help(word->command);
    return EXIT_SOUND;
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

/* Whether the word is about a heap of the user's, whose file follows it: then that heap's own tool is built,
 * which knows by OWN_HEAP_FILE that it is the one. */
static bool is_of_other_heap(char **arguments) {
    return arguments[0] != NULL && find_word(arguments[0]) != NULL && arguments[1] != NULL &&
           command_names_heap(arguments[1]) && getenv(OWN_HEAP_FILE) == NULL;
}

/* `arguments` begin with the word. */
static enum exit_code start(char **arguments) {
    const char *const name = arguments[0];
    if (name == NULL) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return help(arguments + 1);
    }
    if (strcmp(name, "--version") == 0) {
        printf("kmemfuzz %s, program format %u\n", KMEM_VERSION, PROGRAM_VERSION);
        return EXIT_SOUND;
    }
    const struct word *const word = find_word(name);
    return word == NULL ? refuse_word(name) : command_start(word->command, arguments + 1);
}

int main(int argument_count, char **arguments) {
    enum exit_code code = EXIT_ENVIRONMENT;
    if (argument_count > 1 &&
        (is_of_other_heap(arguments + 1) ||
         (find_word(arguments[1]) != NULL && find_word(arguments[1])->command == NULL))) {
        (void)setenv(TYPED, arguments[0], 1);
        return (int)package_start(arguments + 1); /* with this process' files and signals as they came */
    }
    death_watch();
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of writing, and no death */
    if (argument_count > 0) {
        command_tool_path = arguments[0];
    }
    if (keep_standard_files()) {
        code = command_finish(start(arguments + (argument_count > 0)));
    }
    death_at_end();
    return (int)code;
}
