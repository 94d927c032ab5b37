/* What the commands have in common. command.h is the contract. */
#include "fuzz/tool/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/host/file_list.h"
#include "fuzz/host/own_heap.h"
#include "fuzz/text/shown.h"

const char *command_tool_path = "kmemfuzz";

void command_print_word(const char *tool, const char *word, FILE *stream) {
    const char *const subject = getenv(OWN_HEAP_FILE);
    shown_print_word(tool, stream);
    fprintf(stream, " %s", word);
    if (subject != NULL) {
        fputc(' ', stream);
        shown_print_word(subject, stream);
    }
}

bool command_names_heap(const char *argument) {
    static const char *const suffixes[] = {".c", ".cc", ".cpp", ".cxx"};
    const char *const dot = *argument == '-' ? NULL : strrchr(argument, '.');
    for (size_t i = 0; dot != NULL && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(dot, suffixes[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Ends. */

enum exit_code command_misuse(const struct command *command, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "kmemfuzz %s: ", command->name);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    return command_end_misuse(command->name, command->synopsis);
}

enum exit_code command_end_misuse(const char *word, const char *synopsis) {
    const char *const blank = *word == '\0' ? "" : " ";
    fprintf(stderr, "\nUsage: kmemfuzz%s%s %s\nkmemfuzz%s%s --help says more.\n", blank, word, synopsis,
            blank, word);
    return EXIT_USAGE;
}

#define NAME_SIZE_MAXIMUM ((size_t)32) /* of what is suggested, for distances */

static size_t minimum(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The least number of characters to insert, remove or replace that makes one of the other (Levenshtein); b is
 * shorter than NAME_SIZE_MAXIMUM. */
static size_t distance(const char *a, const char *b) {
    size_t row[NAME_SIZE_MAXIMUM];
    const size_t size = strlen(b);
    for (size_t i = 0; i <= size; i++) {
        row[i] = i;
    }
    for (; *a != '\0'; a++) {
        size_t diagonal = row[0]++;
        for (size_t i = 1; i <= size; i++) {
            const size_t replaced = diagonal + (*a != b[i - 1]);
            diagonal = row[i];
            row[i] = minimum(replaced, minimum(row[i], row[i - 1]) + 1);
        }
    }
    return row[size];
}

void command_suggest(const char *typed, const char *(*name_at)(const void *, size_t), const void *names,
                     size_t name_count) {
    const char *before = " (did you mean ";
    const char *after = "";
    for (size_t i = 0; i < name_count && *typed != '\0'; i++) {
        const char *const name = name_at(names, i);
        const size_t far = name == NULL ? 0 : distance(typed, name);
        if (name != NULL &&
            ((far <= 2 && 2 * far < strlen(name)) || strncmp(typed, name, strlen(typed)) == 0)) {
            fprintf(stderr, "%s%s", before, name);
            before = " or ";
            after = "?)";
        }
    }
    fputs(after, stderr);
}

enum exit_code command_finish(enum exit_code code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "kmemfuzz: standard output could not be written\n");
        return EXIT_ENVIRONMENT;
    }
    return code;
}

/* Help. */

#define HELP_WIDTH 100 /* characters of a line */

static const struct command_option help_option = {.name = "--help", .help = "print this and do nothing else"};

static bool is_short(const struct command_option *option) {
    return option->name[1] != '-';
}

/* The option as it is typed, such as "--only IDS", in a buffer that the next call uses again. */
static const char *spell(const struct command_option *option) {
    static char text[HELP_WIDTH];
    (void)snprintf(text, sizeof text, "%s%s%s", option->name, option->value == NULL ? "" : " ",
                   option->value == NULL ? "" : option->value);
    return text;
}

/* Prints words up to HELP_WIDTH, each line but the first indented. */
static void print_wrapped(const char *text, size_t indent) {
    size_t column = indent;
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        if (column != indent && column + 1 + word > HELP_WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        }
        column += (size_t)printf("%s%.*s", column == indent ? "" : " ", (int)word, text);
        text += word + strspn(text + word, " ");
    }
    putchar('\n');
}

static void print_option(const struct command_option *option, size_t width) {
    printf("  %-*s  ", (int)width, spell(option));
    print_wrapped(option->help, width + 4);
}

void command_print_help(const struct command *command) {
    size_t width = strlen(spell(&help_option));
    printf("Usage: kmemfuzz %s %s\n\n%s\n\n%s\n", command->name, command->synopsis, command->summary,
           command->help);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct command_option *const option = &command->options[i];
        if (option->name != NULL && strlen(spell(option)) > width) {
            width = strlen(spell(option));
        }
    }
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].name != NULL) {
            print_option(&command->options[i], width);
        }
    }
    print_option(&help_option, width);
    printf("\n%s", command->end);
}

/* Arguments. */

enum {
    ASKS_HELP = 'h',
    OPERAND_IN_PLACE = 1,
    IS_UNKNOWN = '?',
    LACKS_VALUE = ':',
    FIRST_LONG = 256
};

/* One command's arguments while they are read. */
struct reading {
    const struct command *command;
    char *options;         /* the command's struct */
    struct option *longs;  /* for getopt_long; option number i of the command is FIRST_LONG + i */
    char *shorts;          /* likewise */
    const char **operands; /* as typed */
    size_t operand_count;
    bool wants_help;
};

static void *member(const struct reading *reading, const struct command_option *option) {
    return reading->options + option->offset;
}

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

static enum exit_code take_text(const struct reading *reading, const struct command_option *option,
                                const char *value) {
    const char **const text = member(reading, option);
    if (*text != NULL) {
        return command_misuse(reading->command, "%s is given twice", option->name);
    }
    *text = value;
    return EXIT_SOUND;
}

/* Hands an option's value, NULL when there is none, to its receiver. */
static enum exit_code take_option(const struct reading *reading, const struct command_option *option,
                                  const char *value) {
    if (option->receiver == COMMAND_FLAG) {
        *(bool *)member(reading, option) = true;
        return EXIT_SOUND;
    }
    if (value == NULL || *value == '\0' ||
        (option->receiver == COMMAND_NUMBER && !parse_number(value, member(reading, option)))) {
        return command_misuse(reading->command, "%s needs %s", option->name, option->needs);
    }
    switch (option->receiver) {
    case COMMAND_TEXT:
        return take_text(reading, option, value);
    case COMMAND_EACH:
        return option->take(reading->options, option->name, value);
    default:
        return EXIT_SOUND; /* a number, which is there already */
    }
}

/* The option of the command that getopt_long means by a number or a letter; NULL: none. */
static const struct command_option *find_option(const struct command *command, int code) {
    for (size_t i = 0; i < command->option_count; i++) {
        const struct command_option *const option = &command->options[i];
        if (option->name != NULL &&
            (code == (int)(FIRST_LONG + i) || (is_short(option) && code == option->name[1]))) {
            return option;
        }
    }
    return NULL;
}

static const char *option_at(const void *command, size_t index) {
    return ((const struct command *)command)->options[index].name;
}

/* Reports what getopt_long could not take: `argument` holds it. */
static enum exit_code refuse(const struct reading *reading, const char *argument) {
    const struct command_option *const option = find_option(reading->command, optopt);
    if (option != NULL || optopt == ASKS_HELP) {
        return command_misuse(reading->command, "%s takes no value",
                              option == NULL ? help_option.name : option->name);
    }
    if (optopt != 0) {
        const char letter[] = {(char)optopt, '\0'};
        return command_misuse(reading->command, "there is no option '-%s'", shown(letter));
    }
    fprintf(stderr, "kmemfuzz %s: there is no option '%s'", reading->command->name, shown(argument));
    command_suggest(argument, option_at, reading->command, reading->command->option_count);
    return command_end_misuse(reading->command->name, reading->command->synopsis);
}

/* Whether the files of a command are to be read as bytes. */
static bool takes_bytes(const struct reading *reading) {
    for (size_t i = 0; i < reading->command->option_count; i++) {
        const struct command_option *const option = &reading->command->options[i];
        if (option->name != NULL && strcmp(option->name, "--bytes") == 0) {
            return *(bool *)member(reading, option);
        }
    }
    return false;
}

static enum exit_code take_operand(const struct reading *reading, const struct command_option *operand,
                                   const char *argument) {
    if (operand == NULL) {
        return command_misuse(reading->command, "'%s' is one argument too many", shown(argument));
    }
    if (command_names_heap(argument) && !takes_bytes(reading)) { /* no program is called so */
        return command_misuse(reading->command,
                              "'%s' is a heap's file, of which one may stand, right after the word",
                              shown(argument));
    }
    if (operand->receiver == COMMAND_FILES) {
        return file_list_add(member(reading, operand), argument);
    }
    *(const char **)member(reading, operand) = argument;
    return EXIT_SOUND;
}

/* The operand that follows `previous` in the command's table, NULL at its begin: files take all that come. */
static const struct command_option *next_operand(const struct command *command,
                                                 const struct command_option *previous) {
    if (previous != NULL && previous->receiver == COMMAND_FILES) {
        return previous;
    }
    const struct command_option *option = previous == NULL ? command->options : previous + 1;
    for (; option != command->options + command->option_count; option++) {
        if (option->name == NULL) {
            return option;
        }
    }
    return NULL;
}

/* Once no option is wrong. */
static enum exit_code take_operands(const struct reading *reading) {
    const struct command_option *operand = NULL;
    for (size_t i = 0; i < reading->operand_count; i++) {
        if (*reading->operands[i] == '\0') {
            return command_misuse(reading->command, "an argument is empty where a name belongs");
        }
    }
    for (size_t i = 0; i < reading->operand_count; i++) {
        operand = next_operand(reading->command, operand);
        const enum exit_code code = take_operand(reading, operand, reading->operands[i]);
        if (code != EXIT_SOUND) {
            return code;
        }
    }
    return EXIT_SOUND;
}

static enum exit_code take_code(struct reading *reading, int code, char *const *words) {
    switch (code) {
    case ASKS_HELP:
        reading->wants_help = true;
        return EXIT_SOUND;
    case OPERAND_IN_PLACE:
        reading->operands[reading->operand_count++] = optarg;
        return EXIT_SOUND;
    case IS_UNKNOWN:
        return refuse(reading, words[optind - 1]);
    case LACKS_VALUE:
        return take_option(reading, find_option(reading->command, optopt), NULL);
    default:
        return take_option(reading, find_option(reading->command, code), optarg);
    }
}

/* The words are as main has them: the first is no argument. */
static enum exit_code read_words(struct reading *reading, char **words, size_t count) {
    enum exit_code code = EXIT_SOUND;
    optind = 0; /* begins again, in glibc */
    opterr = 0;
    while (code == EXIT_SOUND && !reading->wants_help) { /* each turn takes a letter or a word */
        const int next = getopt_long((int)count, words, reading->shorts, reading->longs, NULL);
        if (next == -1) {
            break;
        }
        code = take_code(reading, next, words);
    }
    for (; optind < (int)count && code == EXIT_SOUND && !reading->wants_help; optind++) { /* after -- */
        reading->operands[reading->operand_count++] = words[optind];
    }
    return code == EXIT_SOUND && !reading->wants_help ? take_operands(reading) : code;
}

/* The tables of getopt_long. */
static void fill_tables(struct reading *reading) {
    struct option *next_long = reading->longs;
    char *next_short = stpcpy(reading->shorts, "-:h"); /* operands in their place, ':' for a missing value */
    for (size_t i = 0; i < reading->command->option_count; i++) {
        const struct command_option *const option = &reading->command->options[i];
        if (option->name == NULL) {
            continue;
        }
        if (is_short(option)) {
            next_short = stpcpy(stpcpy(next_short, option->name + 1), option->value == NULL ? "" : ":");
        } else {
            *next_long++ =
                (struct option){option->name + 2, option->value == NULL ? no_argument : required_argument,
                                NULL, (int)(FIRST_LONG + i)};
        }
    }
    *next_long = (struct option){help_option.name + 2, no_argument, NULL, ASKS_HELP};
}

static void *reserve(size_t count, size_t size) {
    void *const memory = calloc(count, size);
    if (memory == NULL) {
        abort(); /* a few words */
    }
    return memory;
}

static void close_files(const struct reading *reading) {
    for (size_t i = 0; i < reading->command->option_count; i++) {
        if (reading->command->options[i].receiver == COMMAND_FILES) {
            file_list_close(member(reading, &reading->command->options[i]));
        }
    }
}

enum exit_code command_start(const struct command *command, char **arguments) {
    char **const words = arguments - 1; /* the command's name */
    size_t count = 1;
    while (words[count] != NULL) {
        count++;
    }
    const size_t room = command->option_count + 2; /* help and the end */
    struct reading reading = {.command = command,
                              .options = reserve(1, command->size + 1),
                              .longs = reserve(room, sizeof *reading.longs),
                              .shorts = reserve(2 * room + 2, 1),
                              .operands = reserve(count, sizeof *reading.operands)};
    if (command->defaults != NULL) {
        memcpy(reading.options, command->defaults, command->size);
    }
    fill_tables(&reading);
    enum exit_code code = read_words(&reading, words, count);
    if (code == EXIT_SOUND && reading.wants_help) {
        command_print_help(command);
    } else if (code == EXIT_SOUND) {
        code = command->run(reading.options);
    }
    close_files(&reading);
    free(reading.operands);
    free(reading.shorts);
    free(reading.longs);
    free(reading.options);
    return code;
}
