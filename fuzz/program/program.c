/* Bytes to operations and back. program.h is the contract, docs/programs.md the table of bytes. */
#include "fuzz/program/program.h"

const uint32_t program_alignments[PROGRAM_CHOICE_COUNT] = {1,   2,   4,    8,    16,   32, 64, 128,
                                                           256, 512, 1024, 2048, 4096, 0,  24, 65536};

/* From 8 on: a product of such a count and a small size is too large, or wraps a 32-bit or a 64-bit size_t.
 */
const uint64_t program_counts[PROGRAM_CHOICE_COUNT] = {
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

static const struct {
    const char *word;
    unsigned operands; /* enum operand, or-ed */
} operations[OPERATION_KIND_COUNT] = {
#define OPERATION_ENTRY(name, word, operands) [OPERATION_##name] = {word, operands},
    OPERATION_LIST(OPERATION_ENTRY)
#undef OPERATION_ENTRY
};

bool operation_takes(enum operation_kind kind, enum operand operand) {
    return (operations[kind].operands & (unsigned)operand) != 0;
}

const char *operation_word(enum operation_kind kind) {
    return operations[kind].word;
}

/* Where each kind of operation keeps what, in its 6 bytes:
 *     byte 0   low half: kind           high half: size form
 *     byte 1   slot, low 8 bits
 *     byte 2   low half: slot, high 4   high half: choice, or bit 0: through realloc
 *     byte 3-5 value, lowest byte first: the size's amount, or the step */
#define KIND_CODE_COUNT 16u

/* The last three codes say again what random programs need most. */
static const enum operation_kind kind_codes[KIND_CODE_COUNT] = {
    OPERATION_ALLOC,    OPERATION_FREE,       OPERATION_REALLOC,  OPERATION_ZALLOC,
    OPERATION_CALLOC,   OPERATION_ALIGNED,    OPERATION_COALESCE, OPERATION_DOUBLE,
    OPERATION_INTERIOR, OPERATION_MISALIGNED, OPERATION_FOREIGN,  OPERATION_NULL_FREE,
    OPERATION_REFUSE,   OPERATION_ALLOC,      OPERATION_FREE,     OPERATION_FREE,
};

/* Size forms, the high half of byte 0. Those below SIZE_BASE_COUNT are the canonical ones: the size base
 * itself, with the value as its amount. The others exist because a random literal is nearly always far too
 * large: they decode to literals of the magnitudes that matter. */
enum size_form {
    SIZE_FORM_SMALL = SIZE_BASE_COUNT, /* literal: value modulo 64 */
    SIZE_FORM_MEDIUM,                  /* literal: value modulo 1024 */
    SIZE_FORM_LOGARITHMIC, /* literal: 2^e + m, e the low 5 bits modulo 16, m the rest modulo 2^e */
    SIZE_FORM_PAGES,       /* literal: low 4 bits times the page size, plus a near boundary */
    SIZE_FORM_SMALL_AGAIN,
    SIZE_FORM_LARGEST_AGAIN,
    SIZE_FORM_USABLE_AGAIN,
    SIZE_FORM_MEDIUM_AGAIN,
};

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

static struct size_operand literal(int64_t size) {
    return (struct size_operand){.base = SIZE_BASE_LITERAL, .amount = size < 0 ? 0 : (int32_t)size};
}

static struct size_operand logarithmic(uint32_t value) {
    const uint32_t power = UINT32_C(1) << ((value & 31) % 16);
    return literal((int64_t)power + ((value >> 5) & (power - 1)));
}

static struct size_operand relative(enum size_base base, uint32_t value) {
    const int32_t amount = relative_amount(value);
    if (base == SIZE_BASE_MAXIMUM && amount > 0) {
        return (struct size_operand){.base = base, .amount = -amount};
    }
    return (struct size_operand){.base = base, .amount = amount};
}

static struct size_operand decode_size(unsigned form, uint32_t value, size_t page_size) {
    switch (form) {
    case SIZE_BASE_LITERAL:
        return literal((int64_t)value);
    case SIZE_FORM_SMALL:
    case SIZE_FORM_SMALL_AGAIN:
        return literal((int64_t)(value & 63));
    case SIZE_FORM_MEDIUM:
    case SIZE_FORM_MEDIUM_AGAIN:
        return literal((int64_t)(value & 1023));
    case SIZE_FORM_LOGARITHMIC:
        return logarithmic(value);
    case SIZE_FORM_PAGES:
        return literal((int64_t)((value & 15) * page_size) + boundary(value >> 4));
    case SIZE_FORM_LARGEST_AGAIN:
        return relative(SIZE_BASE_LARGEST, value);
    case SIZE_FORM_USABLE_AGAIN:
        return relative(SIZE_BASE_USABLE, value);
    default:
        return relative((enum size_base)form, value);
    }
}

/* The byte at index, 0 past the end. */
static uint8_t byte_at(const uint8_t *bytes, size_t size, size_t index) {
    return index < size ? bytes[index] : 0;
}

/* The header's bytes:
 *     0    version; 1 when canonical, any value is read as 1
 *     1    scale: SCALE_LARGE allows the full ranges of what follows, any other value means the small ones
 *     2    page size: 32 bytes times 2 to this, modulo 4 (small) or 8 (large)
 *     3-4  page count less one, modulo 16 or 512
 *     5    growth limit, modulo 8 or 64
 *     6    slot count: 16 times 2 to this, modulo 3 or 9
 *     7-8  refused asks
 *     9-10 disabled kinds
 * Large heaps take long to check and show nothing that small ones do not; so random bytes mean a small one
 * but for one value of the scale, which is none that mutations favour. */
#define SCALE_LARGE 0x4c /* 'L' */

/* How many values each field can take, small and large. */
struct scale {
    unsigned page_sizes;
    unsigned page_counts;
    unsigned growth_limits;
    unsigned slot_counts;
};

static const struct scale small_scale = {4, 16, 8, 3};
static const struct scale large_scale = {PROGRAM_PAGE_SIZE_COUNT, PROGRAM_PAGE_COUNT_MAXIMUM,
                                         PROGRAM_GROWTH_LIMIT_MAXIMUM + 1, PROGRAM_SLOT_COUNT_CODES};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static struct program_header decode_header(const uint8_t *bytes, size_t size) {
    uint8_t raw[PROGRAM_HEADER_SIZE];
    for (size_t i = 0; i < PROGRAM_HEADER_SIZE; i++) {
        raw[i] = byte_at(bytes, size, i);
    }
    const struct scale *const scale = raw[1] == SCALE_LARGE ? &large_scale : &small_scale;
    struct program_header header;
    header.page_size = PROGRAM_PAGE_SIZE_MINIMUM << (raw[2] % scale->page_sizes);
    header.page_count = 1 + (raw[3] | (unsigned)raw[4] << 8) % scale->page_counts;
    header.growth_limit =
        smaller(raw[5] % scale->growth_limits, PROGRAM_PAGE_COUNT_MAXIMUM - header.page_count);
    header.slot_count = PROGRAM_SLOT_COUNT_MINIMUM << (raw[6] % scale->slot_counts);
    header.refused_asks = (uint16_t)(raw[7] | raw[8] << 8);
    const unsigned all_kinds = (1u << OPERATION_KIND_COUNT) - 1;
    const unsigned disabled = (raw[9] | (unsigned)raw[10] << 8) & all_kinds;
    header.disabled_kinds = (uint16_t)(disabled == all_kinds ? 0 : disabled);
    return header;
}

struct program program_decode(const uint8_t *bytes, size_t size) {
    const size_t body = size > PROGRAM_HEADER_SIZE ? size - PROGRAM_HEADER_SIZE : 0;
    return (struct program){
        .header = decode_header(bytes, size),
        .bytes = bytes,
        .size = size,
        .operation_count = body / PROGRAM_OPERATION_SIZE + (body % PROGRAM_OPERATION_SIZE != 0),
    };
}

/* The first kind, from `kind` on and round again, that is enabled; at least one is. */
static enum operation_kind enabled_kind(enum operation_kind kind, uint16_t disabled_kinds) {
    while ((disabled_kinds >> kind & 1) != 0) {
        kind = (enum operation_kind)((kind + 1) % OPERATION_KIND_COUNT);
    }
    return kind;
}

struct operation program_operation(const struct program *program, size_t index) {
    const size_t start = PROGRAM_HEADER_SIZE + index * PROGRAM_OPERATION_SIZE;
    uint8_t raw[PROGRAM_OPERATION_SIZE];
    for (size_t i = 0; i < PROGRAM_OPERATION_SIZE; i++) {
        raw[i] = byte_at(program->bytes, program->size, start + i);
    }
    const uint32_t value = raw[3] | (uint32_t)raw[4] << 8 | (uint32_t)raw[5] << 16;
    const enum operation_kind kind = enabled_kind(kind_codes[raw[0] & 15], program->header.disabled_kinds);
    struct operation operation = {.kind = kind};
    if (operation_takes(kind, OPERAND_SLOT)) {
        const unsigned slot = raw[1] | (raw[2] & 15u) << 8;
        operation.slot = (uint16_t)(slot & (program->header.slot_count - 1));
    }
    if (operation_takes(kind, OPERAND_SIZE)) {
        operation.size = decode_size(raw[0] >> 4, value, program->header.page_size);
    }
    if (operation_takes(kind, OPERAND_ALIGNMENT) || operation_takes(kind, OPERAND_COUNT)) {
        operation.choice = raw[2] >> 4;
    }
    if (operation_takes(kind, OPERAND_STEP)) {
        operation.step = value;
    }
    operation.through_realloc = operation_takes(kind, OPERAND_THROUGH) && (raw[2] >> 4 & 1) != 0;
    return operation;
}

/* log2 of value / unit, which is a power of two. */
static uint8_t code_of(size_t value, size_t unit) {
    uint8_t code = 0;
    while (unit << code < value) {
        code++;
    }
    return code;
}

void program_encode_header(const struct program_header *header, uint8_t *bytes) {
    const uint8_t page_size = code_of(header->page_size, PROGRAM_PAGE_SIZE_MINIMUM);
    const uint8_t slot_count = code_of(header->slot_count, PROGRAM_SLOT_COUNT_MINIMUM);
    const size_t page_count = header->page_count - 1;
    const bool small = page_size < small_scale.page_sizes && page_count < small_scale.page_counts &&
                       header->growth_limit < small_scale.growth_limits &&
                       slot_count < small_scale.slot_counts;
    bytes[0] = PROGRAM_VERSION;
    bytes[1] = small ? 0 : SCALE_LARGE;
    bytes[2] = page_size;
    bytes[3] = (uint8_t)(page_count & 0xff);
    bytes[4] = (uint8_t)(page_count >> 8);
    bytes[5] = (uint8_t)header->growth_limit;
    bytes[6] = slot_count;
    bytes[7] = (uint8_t)(header->refused_asks & 0xff);
    bytes[8] = (uint8_t)(header->refused_asks >> 8);
    bytes[9] = (uint8_t)(header->disabled_kinds & 0xff);
    bytes[10] = (uint8_t)(header->disabled_kinds >> 8);
}

void program_encode_operation(const struct operation *operation, uint8_t *bytes) {
    uint32_t value = operation->step;
    if (operation_takes(operation->kind, OPERAND_SIZE)) {
        const uint32_t amount = (uint32_t)operation->size.amount;
        value = operation->size.base == SIZE_BASE_LITERAL ? amount : amount & 0xff;
    }
    const unsigned high = operation->through_realloc ? 1 : operation->choice;
    /* A kind's own number is also its first code. */
    bytes[0] = (uint8_t)((unsigned)operation->kind | (unsigned)operation->size.base << 4);
    bytes[1] = (uint8_t)(operation->slot & 0xff);
    bytes[2] = (uint8_t)((operation->slot >> 8 & 15u) | high << 4);
    bytes[3] = (uint8_t)(value & 0xff);
    bytes[4] = (uint8_t)(value >> 8 & 0xff);
    bytes[5] = (uint8_t)(value >> 16 & 0xff);
}

size_t program_encoded_size(const struct program *program) {
    return PROGRAM_HEADER_SIZE + program->operation_count * PROGRAM_OPERATION_SIZE;
}

void program_encode(const struct program *program, uint8_t *bytes) {
    /* Each operation is read before its bytes are written, and lies no further on than those. */
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        program_encode_operation(&operation, bytes + PROGRAM_HEADER_SIZE + i * PROGRAM_OPERATION_SIZE);
    }
    program_encode_header(&program->header, bytes);
}

const char *size_base_word(enum size_base base) {
    static const char *const words[SIZE_BASE_COUNT] = {
#define SIZE_BASE_TEXT(name, word) [SIZE_BASE_##name] = word,
        SIZE_BASE_LIST(SIZE_BASE_TEXT)
#undef SIZE_BASE_TEXT
    };
    return words[base];
}
