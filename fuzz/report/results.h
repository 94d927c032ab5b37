/* The results of `run` for machines: JSON on standard output, which docs/output.md describes. `explain` uses
 * part of it too. */
#ifndef KMEM_RESULTS_H
#define KMEM_RESULTS_H

#include "fuzz/host/outcome.h"
#include "fuzz/report/json.h"

struct file_list;

/* The result of one input. */
struct result {
    const char *path;
    const struct outcome *outcome; /* NULL: the file could not be used */
    const struct program *program; /* NULL: do not write it */
    const struct program *reduced; /* fails the same way in as few operations as possible; NULL: unknown */
    const struct outcome *reduced_outcome; /* how; used iff reduced is not NULL */
};

struct results {
    struct json json;
    size_t sound_count;
    size_t violation_count;
    size_t death_count;
    size_t unusable_count;
};

/* Begins the document. */
void results_start(struct results *results);

/* Adds an input. */
void results_add(struct results *results, const struct result *result);

/* Writes the result of an input, as members of the open JSON object. */
void results_write_members(struct json *json, const struct result *result);

/* Ends the document, which lists what `files` has left out. */
void results_end(struct results *results, const struct file_list *files);

#endif
