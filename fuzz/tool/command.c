/* What the commands have in common. command.h is the contract. */
#include "fuzz/tool/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/program/shown.h"
#include "fuzz/tool/file_list.h"

const char *command_tool_path = "kmemfuzz";

/* Ends. */

enum exit_code command_misuse(const struct command *command, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "kmemfuzz %s: ", command->name);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nUsage: kmemfuzz %s %s\nkmemfuzz %s --help says more.\n", command->name,
            command->synopsis, command->name);
    return EXIT_USAGE;
}

enum exit_code command_finish(enum exit_code code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "kmemfuzz: standard output could not be written\n");
        return EXIT_ENVIRONMENT;
    }
    return code;
}

/* Arguments. */

/* A whole decimal number up to UINT32_MAX; false for anything else. */
static bool parse_number(const char *text, size_t *number) {
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    *number = (size_t)value;
    return *end == '\0' && errno == 0 && value <= UINT32_MAX;
}

/* Hands the value behind an option, NULL when there is none, to its receiver. */
static enum exit_code take_value(const struct command *command, const struct command_option *option,
                                 const char *value) {
    const bool is_there = value != NULL && *value != '\0';
    if (!is_there || (option->number != NULL && !parse_number(value, option->number))) {
        return command_misuse(command, "%s needs %s", option->name, option->needs);
    }
    if (option->text != NULL) {
        if (*option->text != NULL) {
            return command_misuse(command, "%s is given twice", option->name);
        }
        *option->text = value;
    }
    return option->take == NULL ? EXIT_SOUND : option->take(option->context, option->name, value);
}

static enum exit_code take_operand(const struct command *command, const struct command_syntax *syntax,
                                   size_t index, const char *argument) {
    if (*argument == '\0') {
        return command_misuse(command, "an argument is empty where a name belongs");
    }
    if (syntax->files != NULL) {
        return EXIT_SOUND; /* add_files will see to it */
    }
    const size_t limit = sizeof syntax->operands / sizeof syntax->operands[0];
    if (index >= limit || syntax->operands[index] == NULL) {
        return command_misuse(command, "'%s' is one argument too many", shown(argument));
    }
    *syntax->operands[index] = argument;
    return EXIT_SOUND;
}

static const struct command_option *find_option(const struct command_syntax *syntax, const char *name) {
    for (size_t i = 0; i < syntax->option_count; i++) {
        if (strcmp(name, syntax->options[i].name) == 0) {
            return &syntax->options[i];
        }
    }
    return NULL;
}

/* Once no argument is wrong. */
static enum exit_code add_files(char *const *arguments, const struct command_syntax *syntax) {
    enum exit_code code = EXIT_SOUND;
    for (; *arguments != NULL && code == EXIT_SOUND; arguments++) {
        const struct command_option *const option = find_option(syntax, *arguments);
        if (option == NULL) {
            code = file_list_add(syntax->files, *arguments);
        } else if (option->needs != NULL) {
            arguments++; /* its value */
        }
    }
    return code;
}

enum exit_code command_parse(const struct command *command, char **arguments,
                             const struct command_syntax *syntax) {
    size_t operand_count = 0;
    enum exit_code code = EXIT_SOUND;
    for (char **next = arguments; *next != NULL && code == EXIT_SOUND; next++) {
        const char *const argument = *next;
        const struct command_option *const option = find_option(syntax, argument);
        if (option != NULL && option->needs == NULL) {
            *option->flag = true;
        } else if (option != NULL) {
            code = take_value(command, option, next[1]);
            next += code == EXIT_SOUND; /* then there is one */
        } else if (*argument == '-' && argument[1] != '\0') {
            code = command_misuse(command, "there is no option '%s'", shown(argument));
        } else {
            code = take_operand(command, syntax, operand_count++, argument);
        }
    }
    return code == EXIT_SOUND && syntax->files != NULL ? add_files(arguments, syntax) : code;
}
