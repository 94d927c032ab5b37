/* Program format 2, today's. docs/programs.md tabulates its bytes. Zero bytes mean something useful: a heap
 * of 1 KiB that may grow, and an allocation of 16 bytes. */
#include "fuzz/program/program_format.h"

#define HEADER_SIZE       ((size_t)16) /* bytes */
#define OPERATION_SIZE    ((size_t)8)  /* bytes */
#define PAGE_SIZE_MINIMUM ((size_t)16) /* bytes; the others are this times a power of two */

/* The header's bytes. A field's 0 means what is most useful: a first value is added before the modulo.
 *     0     version: 2 when canonical; anything but 1
 *     1     scale: SCALE_LARGE allows the full ranges of what follows, any other value means the small ones
 *     2     page size: 16 bytes times 2 to (this + 4) modulo 5 (small) or 9 (large)
 *     3-4   page count: 1 + (this + 3) modulo 16 or 512
 *     5     growth limit: (this + 4) modulo 8 or 64
 *     6     slot count: 16 times 2 to this modulo 3 or 9
 *     7-8   refused asks
 *     9-12  disabled kinds, when the highest bit is set; else none
 *     13-15 nothing yet; 0 when canonical */
#define SCALE_LARGE    0x4c /* 'L' */
#define FIRST_PAGE     4u
#define FIRST_COUNT    3u
#define FIRST_GROWTH   4u
#define DISABLES_KINDS UINT32_C(0x80000000)

/* How many values each field can take, small and large. */
struct scale {
    unsigned page_sizes;
    unsigned page_counts;
    unsigned growth_limits;
    unsigned slot_counts;
};

static const struct scale small_scale = {5, 16, 8, 3};
static const struct scale large_scale = {9, PROGRAM_PAGE_COUNT_MAXIMUM, PROGRAM_GROWTH_LIMIT_MAXIMUM + 1,
                                         PROGRAM_SLOT_COUNT_CODES};

static struct program_header decode_header(const uint8_t *bytes) {
    const struct scale *const scale = bytes[1] == SCALE_LARGE ? &large_scale : &small_scale;
    struct program_header header = {.version = 2};
    header.page_size = PAGE_SIZE_MINIMUM << ((bytes[2] + FIRST_PAGE) % scale->page_sizes);
    header.page_count = 1 + (number_at(bytes + 3, 2) + FIRST_COUNT) % scale->page_counts;
    const size_t growth_limit = (bytes[5] + FIRST_GROWTH) % scale->growth_limits;
    const size_t room = PROGRAM_PAGE_COUNT_MAXIMUM - header.page_count;
    header.growth_limit = growth_limit < room ? growth_limit : room;
    header.slot_count = PROGRAM_SLOT_COUNT_MINIMUM << (bytes[6] % scale->slot_counts);
    header.refused_asks = (uint16_t)number_at(bytes + 7, 2);
    const uint32_t all_kinds = (UINT32_C(1) << OPERATION_KIND_COUNT) - 1;
    const uint32_t disabled = number_at(bytes + 9, 4);
    const bool disables = (disabled & DISABLES_KINDS) != 0 && (disabled & all_kinds) != all_kinds;
    header.disabled_kinds = disables ? disabled & all_kinds : 0;
    return header;
}

/* What is read as value: (code + first) % count == value. */
static uint32_t uncount(size_t value, unsigned first, unsigned count) {
    return ((uint32_t)value + count - first) % count;
}

static void encode_header(const struct program_header *header, uint8_t *bytes) {
    const uint8_t page_size = code_of(header->page_size, PAGE_SIZE_MINIMUM);
    const uint8_t slot_count = code_of(header->slot_count, PROGRAM_SLOT_COUNT_MINIMUM);
    const size_t page_count = header->page_count - 1;
    const bool small = page_size < small_scale.page_sizes && page_count < small_scale.page_counts &&
                       header->growth_limit < small_scale.growth_limits &&
                       slot_count < small_scale.slot_counts;
    const struct scale *const scale = small ? &small_scale : &large_scale;
    for (size_t i = 0; i < HEADER_SIZE; i++) {
        bytes[i] = 0;
    }
    bytes[0] = 2;
    bytes[1] = small ? 0 : SCALE_LARGE;
    bytes[2] = (uint8_t)uncount(page_size, FIRST_PAGE, scale->page_sizes);
    put_number(bytes + 3, 2, uncount(page_count, FIRST_COUNT, scale->page_counts));
    bytes[5] = (uint8_t)uncount(header->growth_limit, FIRST_GROWTH, scale->growth_limits);
    bytes[6] = slot_count;
    put_number(bytes + 7, 2, header->refused_asks);
    put_number(bytes + 9, 4, header->disabled_kinds == 0 ? 0 : header->disabled_kinds | DISABLES_KINDS);
}

/* An operation's 8 bytes:
 *     byte 0    bits 0-4: kind          bit 5: size form, high bit      bits 6-7: the call
 *     byte 1    slot, low 8 bits
 *     byte 2    low half: slot, high 4  high half: size form, low 4
 *     byte 3-5  the size's value, lowest byte first
 *     byte 6-7  the detail, lowest byte first: the step, the alignment or the count */

/* A kind's own number is its first code; the others say again what random programs need most. */
static const uint8_t kind_codes[32] = {
    OPERATION_ALLOC,   OPERATION_FREE,      OPERATION_REALLOC, OPERATION_ZALLOC,   OPERATION_CALLOC,
    OPERATION_ALIGNED, OPERATION_COALESCE,  OPERATION_DOUBLE,  OPERATION_INTERIOR, OPERATION_MISALIGNED,
    OPERATION_FOREIGN, OPERATION_NULL_FREE, OPERATION_REFUSE,  OPERATION_USABLE,   OPERATION_DAMAGE,
    OPERATION_EXTEND,  OPERATION_ALLOC,     OPERATION_ALLOC,   OPERATION_ALLOC,    OPERATION_ALLOC,
    OPERATION_ALLOC,   OPERATION_FREE,      OPERATION_FREE,    OPERATION_FREE,     OPERATION_FREE,
    OPERATION_FREE,    OPERATION_DAMAGE,    OPERATION_REALLOC, OPERATION_REALLOC,  OPERATION_REALLOC,
    OPERATION_ZALLOC,  OPERATION_ALIGNED,
};
_Static_assert(OPERATION_KIND_COUNT <= 16, "each kind has a code of its own in front of those that repeat");

/* The calls of a misuse, and those of a damage. The first of those that are the same is canonical. */
static const uint8_t misuse_calls[4] = {THROUGH_FREE, THROUGH_REALLOC, THROUGH_USABLE, THROUGH_REALLOC};
static const uint8_t damage_calls[4] = {THROUGH_FREE, THROUGH_REALLOC, THROUGH_ALLOC, THROUGH_COALESCE};

static const uint8_t *calls_of(enum operation_kind kind) {
    return operation_takes(kind, OPERAND_CALL) ? damage_calls : misuse_calls;
}

static unsigned encode_call(const struct operation *operation) {
    unsigned code = 0;
    while (code < 3 && calls_of(operation->kind)[code] != operation->through) {
        code++;
    }
    return code;
}

/* Size forms. 1 to 8 are the canonical ones: 1 and the size base, with the value as its amount. The others
 * read a random value as a size of the magnitudes that matter. */
#define SIZE_FORM_BASE 1u /* the first of the canonical ones */

enum size_reading {
    SIZE_BASED,      /* canonical */
    SIZE_WORDS,      /* literal: 16 bytes and up to 7 words more */
    SIZE_BYTES,      /* literal: value modulo 64 */
    SIZE_MANY_WORDS, /* literal: up to 31 words */
    SIZE_LOGARITHMIC,
    SIZE_PAGES,
    SIZE_SIXTEENTHS, /* literal: as pages, with a sixteenth of the region for a page */
    SIZE_LARGEST,
    SIZE_USABLE,
};

static const uint8_t size_forms[32] = {
    SIZE_WORDS,  SIZE_BASED,      SIZE_BASED,      SIZE_BASED,      SIZE_BASED,       SIZE_BASED,
    SIZE_BASED,  SIZE_BASED,      SIZE_BASED,      SIZE_WORDS,      SIZE_WORDS,       SIZE_WORDS,
    SIZE_WORDS,  SIZE_WORDS,      SIZE_WORDS,      SIZE_BYTES,      SIZE_BYTES,       SIZE_BYTES,
    SIZE_BYTES,  SIZE_MANY_WORDS, SIZE_MANY_WORDS, SIZE_MANY_WORDS, SIZE_LOGARITHMIC, SIZE_LOGARITHMIC,
    SIZE_PAGES,  SIZE_PAGES,      SIZE_SIXTEENTHS, SIZE_SIXTEENTHS, SIZE_LARGEST,     SIZE_LARGEST,
    SIZE_USABLE, SIZE_USABLE,
};

#define WORD INT64_C(8) /* bytes */

static struct size_operand decode_size(const struct program_header *header, unsigned form, uint32_t value) {
    switch (size_forms[form]) {
    case SIZE_WORDS:
        return size_literal(2 * WORD + (value & 7) * WORD);
    case SIZE_BYTES:
        return size_literal((int64_t)(value & 63));
    case SIZE_MANY_WORDS:
        return size_literal((value & 31) * WORD);
    case SIZE_LOGARITHMIC:
        return size_logarithmic(value);
    case SIZE_PAGES:
        return size_pages(value, header->page_size);
    case SIZE_SIXTEENTHS:
        return size_pages(value, header->page_size * header->page_count / 16);
    case SIZE_LARGEST:
        return size_relative(SIZE_BASE_LARGEST, value);
    case SIZE_USABLE:
        return size_relative(SIZE_BASE_USABLE, value);
    default:
        return form == SIZE_FORM_BASE ? size_literal((int64_t)value)
                                      : size_relative((enum size_base)(form - SIZE_FORM_BASE), value);
    }
}

/* Alignments, by the detail's 3 highest bits. Only 5 and 6 are canonical.
 *     0-4  16 bytes times 2 to the detail modulo 9: a good one
 *     5    the 13 low bits
 *     6    2 to the 6 low bits, plus the other 7 as a signed number (modulo 2^64)
 *     7    with bit 12 clear 8 times the 6 low bits; with it set 2 to the 6 low bits, less one, exactly, plus
 *          one or exactly by bits 6-7 */
#define ALIGNMENT_LITERAL 5u
#define ALIGNMENT_NEAR    6u
#define LITERAL_LIMIT     UINT64_C(0x2000)
#define NEAR_MINIMUM      (-64)
#define NEAR_MAXIMUM      63
#define EXPONENT_COUNT    64u

static uint64_t decode_alignment(uint32_t detail) {
    const uint64_t power = UINT64_C(1) << (detail & 63);
    const int32_t near = (int32_t)(detail >> 6 & 127);
    switch (detail >> 13) {
    case ALIGNMENT_LITERAL:
        return detail & (LITERAL_LIMIT - 1);
    case ALIGNMENT_NEAR:
        return power + (uint64_t)(int64_t)(near > NEAR_MAXIMUM ? near - 128 : near);
    case 7:
        return (detail >> 12 & 1) == 0 ? (uint64_t)(detail & 63) * WORD
                                       : power + (uint64_t)((int64_t)(detail >> 6 & 3) % 3 - 1);
    default:
        return UINT64_C(16) << (detail % 9);
    }
}

/* The detail that says an alignment; 0, which says 16, when none can. */
static uint32_t encode_alignment(uint64_t alignment) {
    if (alignment < LITERAL_LIMIT) {
        return ALIGNMENT_LITERAL << 13 | (uint32_t)alignment;
    }
    for (uint32_t exponent = 0; exponent < EXPONENT_COUNT; exponent++) {
        const int64_t near = (int64_t)(alignment - (UINT64_C(1) << exponent));
        if (near >= NEAR_MINIMUM && near <= NEAR_MAXIMUM) {
            return ALIGNMENT_NEAR << 13 | exponent | ((uint32_t)near & 127) << 6;
        }
    }
    return 0;
}

static bool has_alignment(uint64_t alignment) {
    return encode_alignment(alignment) != 0;
}

static struct operation decode_operation(const struct program_header *header, const uint8_t *bytes) {
    const uint32_t detail = number_at(bytes + 6, 2);
    const enum operation_kind kind = enabled_kind((enum operation_kind)kind_codes[bytes[0] & 31],
                                                  header->disabled_kinds, OPERATION_KIND_COUNT);
    struct operation operation = {.kind = kind};
    if (operation_takes(kind, OPERAND_SLOT)) {
        operation.slot = (uint16_t)(number_at(bytes + 1, 2) & 0xfff & (header->slot_count - 1));
    }
    if (operation_takes(kind, OPERAND_ALIGNMENT)) {
        operation.alignment = decode_alignment(detail);
    }
    if (operation_takes(kind, OPERAND_COUNT)) {
        operation.choice = (uint8_t)(detail % PROGRAM_COUNT_COUNT);
    }
    if (operation_takes(kind, OPERAND_STEP)) {
        operation.step = detail;
    }
    if (operation_takes(kind, OPERAND_THROUGH) || operation_takes(kind, OPERAND_CALL)) {
        operation.through = (enum through)calls_of(kind)[bytes[0] >> 6];
    }
    if (operation_has_size(&operation)) {
        const unsigned form = (unsigned)(bytes[2] >> 4) | (bytes[0] >> 1 & 16u);
        operation.size = decode_size(header, form, number_at(bytes + 3, 3));
    }
    return operation;
}

static void encode_operation(const struct operation *operation, uint8_t *bytes) {
    const enum operation_kind kind = operation->kind;
    const bool has_size = operation_has_size(operation);
    const unsigned form = has_size ? SIZE_FORM_BASE + (unsigned)operation->size.base : 0;
    uint32_t detail = operation->step;
    if (operation_takes(kind, OPERAND_ALIGNMENT)) {
        detail = encode_alignment(operation->alignment);
    } else if (operation_takes(kind, OPERAND_COUNT)) {
        detail = operation->choice;
    }
    bytes[0] = (uint8_t)((unsigned)kind | (form & 16) << 1 | encode_call(operation) << 6);
    bytes[1] = (uint8_t)(operation->slot & 0xff);
    bytes[2] = (uint8_t)((operation->slot >> 8 & 15u) | (form & 15) << 4);
    put_number(bytes + 3, 3, has_size ? size_value(operation->size) : 0);
    put_number(bytes + 6, 2, detail);
}

const struct program_format program_format_2 = {
    .version = 2,
    .header_size = HEADER_SIZE,
    .operation_size = OPERATION_SIZE,
    .page_size_minimum = PAGE_SIZE_MINIMUM,
    .kind_count = OPERATION_KIND_COUNT,
    .step_maximum = 0xffff,
    .decode_header = decode_header,
    .decode_operation = decode_operation,
    .encode_header = encode_header,
    .encode_operation = encode_operation,
    .has_alignment = has_alignment,
};
