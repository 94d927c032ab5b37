/* kmemfuzz pack: a corpus as one file for a board. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/generate/packed.h"
#include "fuzz/host/file_list.h"
#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/program/blob.h"
#include "fuzz/program/little.h"
#include "fuzz/tool/command.h"

#define NAMES_SUFFIX ".names"
#define C_ROW        ((size_t)16) /* bytes in a line of the C file */

/* The options, and what is packed. */
#define NO_SEED SIZE_MAX /* none is given */

struct options {
    struct file_list files;
    size_t made_count; /* programs made of the seed, instead of files */
    size_t seed;
    const char *destination;
    const char *c_file; /* the file to write; NULL: none */
    bool replace;
    uint8_t *bytes; /* the blob; from malloc, of BLOB_CAPACITY bytes, zeroed */
    size_t size;    /* bytes used */
};

static size_t round_up(size_t size) {
    return (size + BLOB_GRAIN - 1) / BLOB_GRAIN * BLOB_GRAIN;
}

static enum exit_code fail_size(void) {
    fprintf(stderr,
            "kmemfuzz pack: the inputs need more than %zu MiB, all that a board has room for; pack "
            "fewer\n",
            BLOB_CAPACITY >> 20);
    return EXIT_USAGE;
}

/* Puts the program of file number index after the ones before it. */
static enum exit_code add_input(struct options *pack, size_t index) {
    struct input input;
    const enum exit_code code = input_open(pack->files.paths[index], pack->files.as_bytes, &input);
    if (code != EXIT_SOUND) {
        return code;
    }
    const size_t room = BLOB_CAPACITY - BLOB_GRAIN - pack->size; /* the tail comes last */
    const bool fits = input.size <= room;                        /* both ends are multiples of BLOB_GRAIN */
    if (fits) {
        struct blob_input *const inputs = (struct blob_input *)(void *)(pack->bytes + BLOB_HEADER_SIZE);
        inputs[index] = (struct blob_input){little_32((uint32_t)pack->size), little_32((uint32_t)input.size)};
        if (input.size != 0) {
            memcpy(pack->bytes + pack->size, input.bytes, input.size);
        }
        pack->size += round_up(input.size);
    }
    input_close(&input);
    return fits ? EXIT_SOUND : fail_size();
}

static size_t input_count(const struct options *pack) {
    return pack->made_count != 0 ? pack->made_count : pack->files.count;
}

static void seal(struct options *pack) {
    struct blob_header *const header = (struct blob_header *)(void *)pack->bytes;
    memcpy(pack->bytes + pack->size, BLOB_TAIL, sizeof header->magic);
    pack->size += BLOB_GRAIN;
    memcpy(header->magic, BLOB_MAGIC, sizeof header->magic);
    header->version = little_32(pack->made_count != 0 ? BLOB_FORMAT_MADE : BLOB_FORMAT);
    header->input_count = little_32((uint32_t)input_count(pack));
    header->size = little_64(pack->size);
    header->checksum = little_64(blob_checksum(pack->bytes, pack->size));
}

/* The path of each input, in order, each followed by a zero byte: a path may hold any other. From malloc.
 */
static uint8_t *list_names(const struct options *pack, size_t *size) {
    *size = 0;
    for (size_t i = 0; i < pack->files.count; i++) {
        *size += strlen(pack->files.paths[i]) + 1;
    }
    uint8_t *const names = malloc(*size);
    if (names == NULL) {
        abort(); /* about as much as the list of files takes, which was had */
    }
    uint8_t *end = names;
    for (size_t i = 0; i < pack->files.count; i++) {
        const size_t length = strlen(pack->files.paths[i]) + 1;
        memcpy(end, pack->files.paths[i], length);
        end += length;
    }
    return names;
}

/* The blob as C, which C11 and C++11 take and which includes nothing. *text is from malloc; NULL: no memory.
 */
static void write_c(const struct options *pack, char **text, size_t *size) {
    FILE *const stream = open_memstream(text, size);
    if (stream == NULL) {
        *text = NULL;
        return;
    }
    fprintf(stream,
            "/* %zu program%s that kmemfuzz has packed, to be replayed on a board. */\n"
            "#ifdef __cplusplus\n"
            "extern \"C\" {\n"
            "#define KMEMFUZZ_BLOB_ALIGNED alignas(%zu)\n"
            "#else\n"
            "#define KMEMFUZZ_BLOB_ALIGNED _Alignas(%zu)\n"
            "#endif\n\n"
            "extern const unsigned long kmemfuzz_blob_size; /* bytes */\n"
            "extern const unsigned char kmemfuzz_blob[];\n\n"
            "const unsigned long kmemfuzz_blob_size = %zu;\n"
            "KMEMFUZZ_BLOB_ALIGNED const unsigned char kmemfuzz_blob[%zu] = {",
            input_count(pack), input_count(pack) == 1 ? "" : "s", BLOB_GRAIN, BLOB_GRAIN, pack->size,
            pack->size);
    for (size_t i = 0; i < pack->size; i++) {
        fprintf(stream, "%s0x%02x,", i % C_ROW == 0 ? "\n    " : " ", pack->bytes[i]);
    }
    fputs("\n};\n\n#ifdef __cplusplus\n}\n#endif\n", stream);
    if (fclose(stream) != 0) {
        free(*text);
        *text = NULL;
    }
}

/* Writes the blob, next to it the names, and the C file that was asked for. */
static enum exit_code write_pack(const struct options *pack, const char *destination) {
    size_t names_size = 0;
    uint8_t *const names = pack->files.count != 0 ? list_names(pack, &names_size) : NULL;
    char *text = NULL;
    size_t text_size = 0;
    const size_t path_size = strlen(destination) + sizeof NAMES_SUFFIX;
    char *const path = malloc(path_size);
    if (path == NULL) {
        abort(); /* a path */
    }
    snprintf(path, path_size, "%s%s", destination, NAMES_SUFFIX);
    if (pack->c_file != NULL) {
        write_c(pack, &text, &text_size);
    }
    enum exit_code code = EXIT_ENVIRONMENT;
    if (pack->c_file != NULL && text == NULL) {
        fprintf(stderr, "kmemfuzz pack: no memory for the C file\n");
    } else {
        struct output outputs[3] = {{destination, pack->bytes, pack->size}};
        size_t count = 1;
        if (names != NULL) {
            outputs[count++] = (struct output){path, names, names_size};
        }
        if (pack->c_file != NULL) {
            outputs[count++] = (struct output){pack->c_file, (const uint8_t *)text, text_size};
        }
        code = output_write_all(outputs, count, pack->replace);
    }
    free(text);
    free(path);
    free(names);
    return code;
}

/* Puts all inputs into the blob; of those that are made, the seed. */
static enum exit_code add_inputs(struct options *pack) {
    if (pack->made_count != 0) {
        const uint64_t made_of[] = {little_64(pack->seed), little_64(packed_generator())};
        memcpy(pack->bytes + BLOB_HEADER_SIZE, made_of, sizeof made_of);
        pack->size = BLOB_HEADER_SIZE + sizeof made_of;
        return EXIT_SOUND;
    }
    pack->size = BLOB_HEADER_SIZE + pack->files.count * sizeof(struct blob_input);
    enum exit_code code = EXIT_SOUND;
    for (size_t i = 0; i < pack->files.count && code == EXIT_SOUND; i++) {
        code = add_input(pack, i);
    }
    return code;
}

static enum exit_code pack_inputs(struct options *pack) {
    if (pack->files.count > (BLOB_CAPACITY - BLOB_HEADER_SIZE - BLOB_GRAIN) / sizeof(struct blob_input)) {
        return fail_size();
    }
    pack->bytes = calloc(1, BLOB_CAPACITY);
    if (pack->bytes == NULL) {
        fprintf(stderr, "kmemfuzz pack: no memory for a blob of %zu MiB\n", BLOB_CAPACITY >> 20);
        return EXIT_ENVIRONMENT;
    }
    enum exit_code code = add_inputs(pack);
    if (code == EXIT_SOUND) {
        seal(pack);
        code = write_pack(pack, pack->destination);
    }
    free(pack->bytes);
    return code;
}

static enum exit_code run(void *given) {
    struct options *const pack = given;
    if ((pack->files.count == 0) == (pack->made_count == 0) || pack->destination == NULL) {
        return command_misuse(&command_pack, "it takes programs, or folders with programs in them, or "
                                             "--programs above 0 in their place, and -o BLOB");
    }
    if (pack->made_count == 0 && pack->seed != NO_SEED) {
        return command_misuse(&command_pack, "--seed is for --programs");
    }
    pack->seed = pack->seed != NO_SEED ? pack->seed : 1;
    const enum exit_code code = pack_inputs(pack);
    if (code == EXIT_SOUND) {
        file_list_print_left_out(&pack->files, 0, stdout);
        printf("%zu input%s, %zu bytes\n", input_count(pack), input_count(pack) == 1 ? "" : "s", pack->size);
    }
    return code;
}

static const struct options defaults = {.seed = NO_SEED};

static const struct command_option table[] = {
    OPERAND(files),
    OPTION("-o", "BLOB", COMMAND_OUTPUT, destination, "the file to write"),
    OPTION("--programs", "N", "a number", made_count,
           "instead of files: the seed alone, of which the board makes the first N programs of smoke"),
    OPTION("--seed", "S", "a number", seed, "the seed (default: 1)"),
    OPTION("--c", "OUT", COMMAND_OUTPUT, c_file,
           "also write the blob as C: kmemfuzz_blob, an array of kmemfuzz_blob_size bytes, to compile into a "
           "firmware"),
    FLAG("--bytes", files.as_bytes, "read every file as binary, whatever its name and contents"),
    FLAG("--force", replace, "replace the files that are written if they exist"),
};

const struct command command_pack = {
    .name = "pack",
    .synopsis = "FILE|DIR... -o BLOB [OPTION...]",
    .summary = "pack programs into one file for a board to replay",
    .help = "A folder stands for every program below it, in the order of their names; files that are not\n"
            "programs are listed. Texts are packed as their bytes. BLOB.names is written too: the path\n"
            "of each input, in the same order, each ended by a zero byte. docs/board-images.md has the\n"
            "format.\n",
    .end = "Exit codes: 0 packed, 2 a wrong argument, an error in a text, or a file that exists already,\n"
           "3 a file that cannot be read or written, 4 an internal error.\n\n"
           "Example:\n"
           "  kmemfuzz pack corpus -o /tmp/corpus.blob\n"
           "  kmemfuzz pack corpus -o /tmp/corpus.blob --c corpus.c\n"
           "  kmemfuzz pack --programs 2000 --seed 7 -o /tmp/smoke.blob\n",
    COMMAND_OPTIONS(table),
    .size = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
