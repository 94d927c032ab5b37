/* The commands of kmemfuzz, one file each. Each is given the arguments after its name, NULL-terminated, and
 * returns the exit code. */
#ifndef KMEM_COMMAND_H
#define KMEM_COMMAND_H

#include "fuzz/tool/exit_code.h"

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

/* Prints what is wrong with the arguments of `command`, its synopsis, and where help is; returns EXIT_USAGE.
 */
__attribute__((format(printf, 2, 3))) enum exit_code command_misuse(const struct command *command,
                                                                    const char *format, ...);

/* Flushes standard output. Returns code, or EXIT_ENVIRONMENT, having said so, when something could not be
 * written. */
enum exit_code command_finish(enum exit_code code);

#endif
