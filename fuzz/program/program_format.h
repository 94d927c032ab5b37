/* What the versions of the program format share: how bytes encode sizes and numbers. Only for the files of
 * fuzz/program that encode and decode. */
#ifndef KMEM_PROGRAM_FORMAT_H
#define KMEM_PROGRAM_FORMAT_H

#include "fuzz/program/program.h"

extern const struct program_format program_format_1;
extern const struct program_format program_format_2;

/* A literal size; a negative one becomes 0. */
struct size_operand size_literal(int64_t size);

/* 2^e + m: e is the low 5 bits of value modulo 16, m the rest modulo 2^e. */
struct size_operand size_logarithmic(uint32_t value);

/* The low 4 bits of value times the page size, plus a near boundary. */
struct size_operand size_pages(uint32_t value, size_t page_size);

/* A size relative to base, which is not a literal. */
struct size_operand size_relative(enum size_base base, uint32_t value);

/* The 24 bits that say a size's amount, whatever its base. */
uint32_t size_value(struct size_operand size);

/* A number of count bytes, at most 4, lowest byte first. */
static inline uint32_t number_at(const uint8_t *bytes, unsigned count) {
    uint32_t number = 0;
    for (unsigned i = count; i-- > 0;) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static inline void put_number(uint8_t *bytes, unsigned count, uint32_t number) {
    for (unsigned i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(number >> 8 * i & 0xff);
    }
}

/* log2 of value / unit, which is a power of two. */
uint8_t code_of(size_t value, size_t unit);

/* The first enabled kind from `kind` on, wrapping around at kind_count; at least one is enabled. */
enum operation_kind enabled_kind(enum operation_kind kind, uint32_t disabled_kinds, unsigned kind_count);

#endif
