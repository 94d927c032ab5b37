/* The words of kmemfuzz. A word in C has a file of its own, command_*.c; the others are the Python package's
 * (package.h). What a word's options are is data, which both the parser and the help read. */
#ifndef KMEM_COMMAND_H
#define KMEM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fuzz/host/exit_code.h"
#include "fuzz/host/file_list.h"

/* The type of the member that receives an option's value. */
enum command_receiver {
    COMMAND_FLAG,   /* bool: set when the option is given */
    COMMAND_TEXT,   /* const char *: the value; such an option is given once at most */
    COMMAND_NUMBER, /* size_t: the value, a whole decimal number up to UINT32_MAX */
    COMMAND_FILES,  /* struct file_list, for operands: each is a file, or a folder with files in it */
    COMMAND_EACH    /* none: `take` gets each value */
};

struct command_option {
    const char *name;  /* such as "--force" or "-o"; NULL: an operand */
    const char *value; /* what help calls the value, such as "OUT"; NULL: a flag */
    const char *needs; /* what the value is, as in "-o needs the name of the file to write" */
    const char *help;  /* what it does; wrapped when printed */
    enum command_receiver receiver;
    size_t offset; /* of the receiver, in the command's struct of options */
    /* Gets that struct, the option's name as typed and the value. Returns EXIT_SOUND, or prints what is wrong
     * with the value and returns EXIT_USAGE. */
    enum exit_code (*take)(void *options, const char *name, const char *value);
};

#define COMMAND_RECEIVER(member)                                                                             \
    _Generic((member),                                                                                       \
        bool: COMMAND_FLAG,                                                                                  \
        const char *: COMMAND_TEXT,                                                                          \
        size_t: COMMAND_NUMBER,                                                                              \
        struct file_list: COMMAND_FILES)
#define COMMAND_MEMBER(member)                                                                               \
    .receiver = COMMAND_RECEIVER(((struct options *)NULL)->member), .offset = offsetof(struct options, member)

/* Rows of a table of options; `member` is where in the file's `struct options` the value goes. */
#define FLAG(option, member, text) {.name = (option), .help = (text), COMMAND_MEMBER(member)}
#define OPTION(option, word, what, member, text)                                                             \
    {.name = (option), .value = (word), .needs = (what), .help = (text), COMMAND_MEMBER(member)}
#define EACH(option, word, what, function, text)                                                             \
    {.name = (option),                                                                                       \
     .value = (word),                                                                                        \
     .needs = (what),                                                                                        \
     .help = (text),                                                                                         \
     .receiver = COMMAND_EACH,                                                                               \
     .take = (function)}
#define OPERAND(member) {.name = NULL, COMMAND_MEMBER(member)}

#define COMMAND_OUTPUT "the name of the file to write" /* what -o and its like need */

/* Help for options that several commands have. */
#define COMMAND_HELP_BYTES "read FILE as binary, whatever its name and contents"
#define COMMAND_HELP_FORCE "replace OUT if it exists"

struct command {
    const char *name;
    const char *synopsis;                 /* its arguments */
    const char *summary;                  /* one line */
    const char *help;                     /* the text below the summary; ends with a newline */
    const char *end;                      /* the text below the options: exit codes, examples */
    const struct command_option *options; /* operands in their order among them */
    size_t option_count;
    size_t size;                          /* of the struct of options */
    const void *defaults;                 /* the struct before any argument; NULL: all zero */
    enum exit_code (*run)(void *options); /* gets the struct, which is gone when it returns */
};

#define COMMAND_OPTIONS(table) .options = (table), .option_count = sizeof(table) / sizeof(table)[0]

extern const struct command command_run;
extern const struct command command_show;
extern const struct command command_smoke;
extern const struct command command_prove;
extern const struct command command_asm;
extern const struct command command_oracles;
extern const struct command command_pack;
extern const struct command command_replay;
extern const struct command command_reduce;
extern const struct command command_explain;
extern const struct command command_keep;

/* The path this process was started by, for commands to repeat. */
extern const char *command_tool_path;

/* Whether an argument is the file of a heap of the user's, by its name. */
bool command_names_heap(const char *argument);

/* Prints the beginning of a command to type: the tool, a word and, if this is that of a heap of the user's,
 * that heap's file. */
void command_print_word(const char *tool, const char *word, FILE *stream);

/* Reads the arguments after a command's name, NULL-terminated, as getopt_long does, and runs it. Returns its
 * exit code; or EXIT_SOUND when help was asked for and printed; or EXIT_USAGE, having printed what is wrong
 * as command_misuse does (an option there is not, that lacks its value or is given twice, one argument too
 * many); or what file_list_add returned. What is missing is for the command to report. */
enum exit_code command_start(const struct command *command, char **arguments);

/* Prints what `command --help` prints, on standard output. */
void command_print_help(const struct command *command);

/* Prints what is wrong with the arguments of `command`, its synopsis, and where help is; returns EXIT_USAGE.
 */
__attribute__((format(printf, 2, 3))) enum exit_code command_misuse(const struct command *command,
                                                                    const char *format, ...);

/* Ends a line that says what is wrong, and prints the usage of a word, "" for none, and where help is;
 * returns EXIT_USAGE. */
enum exit_code command_end_misuse(const char *word, const char *synopsis);

/* Prints those of the names that are near what was typed, or begin with it, as " (did you mean A or B?)", or
 * nothing. name_at(names, index) is a name of less than 32 bytes, or NULL. */
void command_suggest(const char *typed, const char *(*name_at)(const void *names, size_t index),
                     const void *names, size_t name_count);

/* Flushes standard output. Returns code, or EXIT_ENVIRONMENT, having said so, when something could not be
 * written. */
enum exit_code command_finish(enum exit_code code);

#endif
