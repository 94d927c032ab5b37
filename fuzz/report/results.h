/* What `run` has to say to machines: JSON on standard output, which docs/output.md describes. Part of it is
 * `explain`'s as well. */
#ifndef KMEM_RESULTS_H
#define KMEM_RESULTS_H

#include "fuzz/host/outcome.h"
#include "fuzz/report/json.h"

struct file_list;

/* What came of one input. */
struct result {
    const char *path;
    const struct outcome *outcome; /* NULL: the file could not be used */
    const struct program *program; /* NULL: it is not to be written */
    const struct program *reduced; /* fails the same way in as few operations as possible; NULL: not known */
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

/* Writes what came of an input, as members of the JSON object that is open. */
void results_write_members(struct json *json, const struct result *result);

/* Ends the document, which lists what `files` has left out. */
void results_end(struct results *results, const struct file_list *files);

#endif
