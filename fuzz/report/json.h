/* Writing JSON (RFC 8259), two blanks a level, a member or element a line. */
#ifndef KMEM_JSON_H
#define KMEM_JSON_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define JSON_DEPTH_LIMIT 32 /* objects and arrays inside one another */

struct json {
    FILE *stream;
    size_t depth;
    bool has_members[JSON_DEPTH_LIMIT]; /* of each object or array that is open: something is in it */
};

/* A document to stream, which stays the caller's, who checks it for errors. */
struct json json_start(FILE *stream);

/* One whose object is open and has its format, which counts up with every change that breaks readers, and the
 * tool. */
struct json json_start_document(FILE *stream, unsigned format);

/* Ends the document with a newline; everything is closed by then. */
void json_end(struct json *json);

/* Each writes one value. key is its name in the enclosing object, NULL in an array or at the top. */
void json_open_object(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);
void json_number(struct json *json, const char *key, uint64_t number);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* A string of any bytes. Each byte that is not UTF-8 (in the shortest form, no surrogates) is written as
 * U+FFFD. */
void json_string(struct json *json, const char *key, const char *text);

/* The same string alone, for a document that is not written by this writer. */
void json_print_string(const char *text, FILE *stream);

/* A path as a URI (RFC 3986): every byte but the unreserved and '/' as %XX, so that it contains the whole
 * path whatever its bytes are. An absolute path becomes file://..., a relative one a relative reference. */
void json_path(struct json *json, const char *key, const char *path);

#endif
