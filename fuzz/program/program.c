/* Bytes to operations and back: what all versions of the format share. program.h is the contract,
 * docs/programs.md the table of bytes; program_1.c and program_2.c are the versions. */
#include "fuzz/program/program.h"

#include "fuzz/program/program_format.h"
#include "src/require.h"

/* From 8 on: a product of such a count and a small size is too large, or wraps a 32-bit or a 64-bit size_t.
 */
const uint64_t program_counts[PROGRAM_COUNT_COUNT] = {
    1,
    2,
    3,
    0,
    4,
    5,
    7,
    16,
    UINT64_C(0x20000001),         /* 2^29 + 1: times 8 wraps 32 bits to 8 */
    UINT64_C(0x80000001),         /* 2^31 + 1: times an even size wraps 32 bits to that size */
    UINT64_C(0x100000000),        /* 2^32: wraps to 0 in 32 bits; squared, in 64 bits */
    UINT64_C(0x2000000000000001), /* 2^61 + 1: times 8 wraps 64 bits to 8 */
    UINT64_C(0x8000000000000001), /* 2^63 + 1: times an even size wraps 64 bits to that size */
    UINT64_C(0xffffffffffffffff), /* 2^64 - 1 */
    33,
    100,
};

/* Words. */

const uint8_t operation_operands[OPERATION_KIND_COUNT] = {
#define OPERATION_OPERANDS(name, word, operands) [OPERATION_##name] = (operands),
    OPERATION_LIST(OPERATION_OPERANDS)
#undef OPERATION_OPERANDS
};

bool operation_has_size(const struct operation *operation) {
    return operation_takes(operation->kind, OPERAND_SIZE) || operation->through == THROUGH_REALLOC ||
           operation->through == THROUGH_ALLOC;
}

const char *operation_word(enum operation_kind kind) {
    static const char *const words[OPERATION_KIND_COUNT] = {
#define OPERATION_WORD(name, word, operands) [OPERATION_##name] = word,
        OPERATION_LIST(OPERATION_WORD)
#undef OPERATION_WORD
    };
    return words[kind];
}

const char *size_base_word(enum size_base base) {
    static const char *const words[SIZE_BASE_COUNT] = {
#define SIZE_BASE_TEXT(name, word) [SIZE_BASE_##name] = word,
        SIZE_BASE_LIST(SIZE_BASE_TEXT)
#undef SIZE_BASE_TEXT
    };
    return words[base];
}

static const struct {
    const char *word;
    unsigned operands; /* enum operand, or-ed: those that can be it */
} throughs[THROUGH_COUNT] = {
#define THROUGH_ENTRY(name, word, operands) [THROUGH_##name] = {word, operands},
    THROUGH_LIST(THROUGH_ENTRY)
#undef THROUGH_ENTRY
};

const char *through_word(enum through through) {
    return throughs[through].word;
}

bool operation_takes_through(enum operation_kind kind, enum through through) {
    return (operation_operands[kind] & throughs[through].operands) != 0;
}

/* Sizes, as both versions read them. */

/* Distances from a boundary at which allocators err: rounding, the header, the split threshold, both, and one
 * off each. A relative size's amount is one of these unless bits 8 and 9 of its value are 0. */
static const int8_t boundaries[16] = {0, 1, -1, 8, -8, 7, -7, 9, -9, 16, -16, 15, -15, -17, -24, -23};

static int32_t boundary(uint32_t value) {
    return boundaries[value & 15];
}

/* The amount of a size relative to something: the low byte, signed, when bits 8 and 9 are 0 (as in the
 * canonical encoding, where bits 8 to 23 all are), a boundary otherwise. */
static int32_t relative_amount(uint32_t value) {
    if ((value & 0x300) != 0) {
        return boundary(value);
    }
    const int32_t byte = (int32_t)(value & 0xff);
    return byte < 128 ? byte : byte - 256;
}

struct size_operand size_literal(int64_t size) {
    return (struct size_operand){.base = SIZE_BASE_LITERAL, .amount = size < 0 ? 0 : (int32_t)size};
}

struct size_operand size_logarithmic(uint32_t value) {
    const uint32_t power = UINT32_C(1) << ((value & 31) % 16);
    return size_literal((int64_t)power + ((value >> 5) & (power - 1)));
}

struct size_operand size_pages(uint32_t value, size_t page_size) {
    return size_literal((int64_t)((value & 15) * page_size) + boundary(value >> 4));
}

struct size_operand size_relative(enum size_base base, uint32_t value) {
    const int32_t amount = relative_amount(value);
    if (base == SIZE_BASE_MAXIMUM && amount > 0) {
        return (struct size_operand){.base = base, .amount = -amount};
    }
    return (struct size_operand){.base = base, .amount = amount};
}

uint32_t size_value(struct size_operand size) {
    const uint32_t amount = (uint32_t)size.amount;
    return size.base == SIZE_BASE_LITERAL ? amount : amount & 0xff;
}

uint8_t code_of(size_t value, size_t unit) {
    uint8_t code = 0;
    while (unit << code < value) {
        code++;
    }
    return code;
}

enum operation_kind enabled_kind(enum operation_kind kind, uint32_t disabled_kinds, unsigned kind_count) {
    while ((disabled_kinds >> kind & 1) != 0) {
        kind = (enum operation_kind)((kind + 1) % kind_count);
    }
    return kind;
}

/* Programs. */

const struct program_format *program_format(unsigned version) {
    return version == program_format_1.version ? &program_format_1 : &program_format_2;
}

static const struct program_format *format_of(const struct program *program) {
    return program_format(program->header.version);
}

/* Copies count bytes from index on; those past the end read as 0. */
static void read_bytes(const uint8_t *bytes, size_t size, size_t index, uint8_t *raw, size_t count) {
    for (size_t i = 0; i < count; i++) {
        raw[i] = index + i < size ? bytes[index + i] : 0;
    }
}

struct program program_decode(const uint8_t *bytes, size_t size) {
    const struct program_format *const format = program_format(size == 0 ? 0 : bytes[0]);
    const size_t body = size > format->header_size ? size - format->header_size : 0;
    uint8_t raw[PROGRAM_HEADER_SIZE_MAXIMUM];
    read_bytes(bytes, size, 0, raw, format->header_size);
    return (struct program){
        .header = format->decode_header(raw),
        .bytes = bytes,
        .size = size,
        .operation_count = body / format->operation_size + (body % format->operation_size != 0),
    };
}

struct operation program_operation(const struct program *program, size_t index) {
    REQUIRE(index < program->operation_count);
    const struct program_format *const format = format_of(program);
    const size_t start = format->header_size + index * format->operation_size;
    if (program->size >= start + format->operation_size) { /* nearly always */
        return format->decode_operation(&program->header, program->bytes + start);
    }
    uint8_t raw[PROGRAM_OPERATION_SIZE_MAXIMUM];
    read_bytes(program->bytes, program->size, start, raw, format->operation_size);
    return format->decode_operation(&program->header, raw);
}

size_t program_size(unsigned version, size_t operation_count) {
    const struct program_format *const format = program_format(version);
    return format->header_size + operation_count * format->operation_size;
}

void program_encode_header(const struct program_header *header, uint8_t *bytes) {
    program_format(header->version)->encode_header(header, bytes);
}

void program_encode_operation(const struct program_header *header, size_t index,
                              const struct operation *operation, uint8_t *bytes) {
    const struct program_format *const format = program_format(header->version);
    format->encode_operation(operation, bytes + format->header_size + index * format->operation_size);
}

size_t program_encoded_size(const struct program *program) {
    return program_size(program->header.version, program->operation_count);
}

void program_encode(const struct program *program, uint8_t *bytes) {
    /* Each operation is read before its bytes are written, and lies no further on than those. */
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        program_encode_operation(&program->header, i, &operation, bytes);
    }
    program_encode_header(&program->header, bytes);
}
