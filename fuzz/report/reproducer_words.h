/* What the C files of every heap have in common. */
#ifndef KMEM_REPRODUCER_WORDS_H
#define KMEM_REPRODUCER_WORDS_H

#include <stdio.h>

#include "fuzz/host/outcome.h"

/* A name, changed so that it cannot end the comment it stands in. */
void reproducer_write_name(const char *name, FILE *stream);

/* The comment's beginning: what was found, and what the file does about it. */
void reproducer_write_finding(const struct outcome *outcome, FILE *stream);

/* The name in C of an oracle's property, and the definitions of the names of these (ORACLE_BITs). */
void reproducer_write_property(unsigned oracle, FILE *stream);
void reproducer_write_properties(uint64_t oracles, FILE *stream);

/* A size as an expression. */
void reproducer_write_size(uint64_t size, FILE *stream);

/* A comment on a size that is not the program's own number: what it stands for. */
void reproducer_write_origin(const struct operation *operation, FILE *stream);

/* A comment before the call that the subject died in. */
void reproducer_write_death(enum failure_kind kind, FILE *stream);

#endif
