/* The commands of kmemfuzz, one file each. Each is given the arguments after its name, NULL-terminated, and
 * returns the exit code.
 *
 * May be here: what main.c and the commands have in common. May not: what any command does. */
#ifndef KMEM_COMMAND_H
#define KMEM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "fuzz/tool/exit_code.h"

struct file_list;

struct command {
    const char *name;
    const char *synopsis; /* its arguments */
    const char *summary;  /* one line */
    const char *help;     /* what --help prints below the synopsis */
    enum exit_code (*run)(char **arguments);
};

extern const struct command command_run;
extern const struct command command_show;
extern const struct command command_asm;
extern const struct command command_oracles;
extern const struct command command_import;
extern const struct command command_pack;
extern const struct command command_replay;
extern const struct command command_target;
extern const struct command command_reduce;
extern const struct command command_explain;
extern const struct command command_keep;

/* The path this process was started by, for commands to be repeated. */
extern const char *command_tool_path;

/* An option. It is a flag, or it has a value: the argument behind it, which is not empty. Of the four
 * receivers one is not NULL. */
struct command_option {
    const char *name;  /* such as "--force" */
    const char *needs; /* what the value is, as in "-o needs the name of the file to write"; NULL: a flag */
    bool *flag;        /* set when the option is given */
    const char **text; /* receives the value; such an option is given once at most */
    size_t *number;    /* receives the value, a whole decimal number up to UINT32_MAX */
    /* Is given the value, and `context`; returns EXIT_SOUND, or prints what is wrong with it and returns
     * EXIT_USAGE. */
    enum exit_code (*take)(void *context, const char *name, const char *value);
    void *context;
};

#define COMMAND_OUTPUT "the name of the file to write" /* what -o and its like need */

/* What the arguments of a command may be. */
struct command_syntax {
    const struct command_option *options;
    size_t option_count;
    const char **operands[2]; /* receive the arguments that are no options, in turn; NULL: no more */
    struct file_list *files;  /* or else: each of them is a file, or a folder with files in it */
};

/* Reads the arguments of `command`. Returns EXIT_SOUND, and what was given is with its receivers, the rest as
 * it was; or prints what is wrong (an option there is not, that lacks its value or is given twice, one
 * argument too many) as command_misuse does, and returns EXIT_USAGE; or else EXIT_ENVIRONMENT, and has said
 * so, when one of `files` is not there. What is missing is for the command to say. */
__attribute__((warn_unused_result)) enum exit_code
command_parse(const struct command *command, char **arguments, const struct command_syntax *syntax);

/* Prints what is wrong with the arguments of `command`, its synopsis, and where help is; returns EXIT_USAGE.
 */
__attribute__((format(printf, 2, 3))) enum exit_code command_misuse(const struct command *command,
                                                                    const char *format, ...);

/* Flushes standard output. Returns code, or EXIT_ENVIRONMENT, having said so, when something could not be
 * written. */
enum exit_code command_finish(enum exit_code code);

#endif
