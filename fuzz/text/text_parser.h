/* What the two files of the parser of text programs share. Only they include this. */
#ifndef KMEM_TEXT_PARSER_H
#define KMEM_TEXT_PARSER_H

#include "fuzz/text/text_scan.h"

struct parser {
    struct reader reader;
    const struct program_format *format; /* of the version that the first line names */
    bool heap_seen;
    struct program_header header;
    uint8_t *program; /* the encoding so far: room for all operations the text can hold */
    size_t operation_count;
};

/* Parses what follows an operation's word, which is of a kind that the format has, to the end of the line. */
bool text_parse_operands(struct parser *parser, enum operation_kind kind, struct operation *operation);

#endif
