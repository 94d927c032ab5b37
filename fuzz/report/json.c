/* The JSON writer. json.h is the contract. */
#include "fuzz/report/json.h"

#include <string.h>

#include "fuzz/text/shown.h"

#define REPLACEMENT "\\ufffd"

struct json json_start(FILE *stream) {
    return (struct json){.stream = stream};
}

struct json json_start_document(FILE *stream, unsigned format) {
    struct json json = json_start(stream);
    json_open_object(&json, NULL);
    json_number(&json, "format", format);
    json_string(&json, "tool", "kmemfuzz");
    json_string(&json, "version", KMEM_VERSION);
    return json;
}

void json_end(struct json *json) {
    fputc('\n', json->stream);
}

static void write_indent(const struct json *json) {
    fprintf(json->stream, "\n%*s", (int)(json->depth * 2), "");
}

static void write_character(unsigned character, FILE *stream) {
    if (character == '"' || character == '\\') {
        fprintf(stream, "\\%c", (int)character);
    } else if (character == '\n') {
        fputs("\\n", stream);
    } else if (character < 0x20 || character == 0x7f) {
        fprintf(stream, "\\u%04x", character);
    } else {
        fputc((int)character, stream);
    }
}

void json_print_string(const char *text, FILE *stream) {
    fputc('"', stream);
    while (*text != '\0') { /* a byte less each time */
        const size_t size = utf8_size(text, UTF8_SIZE_MAXIMUM);
        if (size == 0) {
            fputs(REPLACEMENT, stream);
            text++;
        } else if (size == 1) {
            write_character((unsigned char)*text++, stream);
        } else {
            (void)fwrite(text, 1, size, stream); /* the caller asks the stream for errors */
            text += size;
        }
    }
    fputc('"', stream);
}

/* What precedes a value. */
static void write_key(struct json *json, const char *key) {
    if (json->depth != 0) {
        if (json->has_members[json->depth - 1]) {
            fputc(',', json->stream);
        }
        json->has_members[json->depth - 1] = true;
        write_indent(json);
    }
    if (key != NULL) {
        json_print_string(key, json->stream);
        fputs(": ", json->stream);
    }
}

static void open_container(struct json *json, const char *key, char bracket) {
    write_key(json, key);
    fputc(bracket, json->stream);
    json->has_members[json->depth++] = false;
}

static void close_container(struct json *json, char bracket) {
    json->depth--;
    if (json->has_members[json->depth]) {
        write_indent(json);
    }
    fputc(bracket, json->stream);
}

void json_open_object(struct json *json, const char *key) {
    open_container(json, key, '{');
}

void json_close_object(struct json *json) {
    close_container(json, '}');
}

void json_open_array(struct json *json, const char *key) {
    open_container(json, key, '[');
}

void json_close_array(struct json *json) {
    close_container(json, ']');
}

void json_number(struct json *json, const char *key, uint64_t number) {
    write_key(json, key);
    fprintf(json->stream, "%" PRIu64, number);
}

void json_bool(struct json *json, const char *key, bool value) {
    write_key(json, key);
    fputs(value ? "true" : "false", json->stream);
}

void json_null(struct json *json, const char *key) {
    write_key(json, key);
    fputs("null", json->stream);
}

void json_string(struct json *json, const char *key, const char *text) {
    write_key(json, key);
    json_print_string(text, json->stream);
}

void json_path(struct json *json, const char *key, const char *path) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    write_key(json, key);
    fputs(*path == '/' ? "\"file://" : "\"", json->stream);
    for (const unsigned char *at = (const unsigned char *)path; *at != '\0'; at++) {
        if (strchr(plain, (int)*at) != NULL) {
            fputc((int)*at, json->stream);
        } else {
            fprintf(json->stream, "%%%02X", (unsigned)*at);
        }
    }
    fputc('"', json->stream);
}
