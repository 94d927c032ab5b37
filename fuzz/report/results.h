/* What `run` has to say to machines: JSON on standard output, SARIF in a file. docs/output.md describes both.
 * Part of the JSON is `explain`'s as well.
 *
 * May be here: the two documents. May not: running anything. */
#ifndef KMEM_RESULTS_H
#define KMEM_RESULTS_H

#include "fuzz/isolate/outcome.h"
#include "fuzz/report/json.h"
#include "fuzz/tool/exit_code.h"

struct file_list;

/* What came of one input. */
struct result {
    const char *path;
    const struct program *program; /* NULL: the file could not be used */
    const struct outcome *outcome; /* NULL then too */
    const struct program *reduced; /* fails the same way in as few operations as possible; NULL: not known */
};

struct results {
    bool to_json;
    const char *sarif_path; /* NULL: none */
    struct json json;
    struct json sarif;
    char *sarif_text; /* from malloc, by open_memstream */
    size_t sarif_size;
    size_t sound_count;
    size_t violation_count;
    size_t death_count;
    size_t unusable_count;
};

/* Begins the documents that are wanted. Returns EXIT_SOUND; or prints why not and returns EXIT_ENVIRONMENT.
 */
__attribute__((warn_unused_result)) enum exit_code results_start(struct results *results, bool to_json,
                                                                 const char *sarif_path);

/* Adds an input to each. */
void results_add(struct results *results, const struct result *result);

/* Writes what came of an input, as members of the JSON object that is open. */
void results_write_members(struct json *json, const struct result *result);

/* Ends them and writes the SARIF file, whole or not at all; an existing one is replaced only when `replace`
 * is true. The JSON lists what `files` has left out. Returns EXIT_SOUND; or prints why not and returns
 * EXIT_USAGE or EXIT_ENVIRONMENT. */
__attribute__((warn_unused_result)) enum exit_code results_end(struct results *results,
                                                               const struct file_list *files, bool replace);

/* The parts of a SARIF document (sarif.c). unusable_count is known when it ends. */
void sarif_start(struct json *json);
void sarif_add(struct json *json, const struct result *result);
void sarif_end(struct json *json, size_t unusable_count);

#endif
