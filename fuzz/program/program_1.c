/* Program format 1. What its bytes mean is fixed for ever: tests/format_1_digests.txt says by which digests.
 */
#include "fuzz/program/program_format.h"

#define HEADER_SIZE       ((size_t)11) /* bytes */
#define OPERATION_SIZE    ((size_t)6)  /* bytes */
#define PAGE_SIZE_MINIMUM ((size_t)32) /* bytes; the others are this times a power of two */
#define KIND_COUNT        13u          /* kinds of operation there were */

const uint32_t program_1_alignments[16] = {1,   2,   4,    8,    16,   32, 64, 128,
                                           256, 512, 1024, 2048, 4096, 0,  24, 65536};

/* The header's bytes:
 *     0    version: 1
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
static const struct scale large_scale = {8, PROGRAM_PAGE_COUNT_MAXIMUM, PROGRAM_GROWTH_LIMIT_MAXIMUM + 1,
                                         PROGRAM_SLOT_COUNT_CODES};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static struct program_header decode_header(const uint8_t *bytes) {
    const struct scale *const scale = bytes[1] == SCALE_LARGE ? &large_scale : &small_scale;
    struct program_header header = {.version = 1};
    header.page_size = PAGE_SIZE_MINIMUM << (bytes[2] % scale->page_sizes);
    header.page_count = 1 + number_at(bytes + 3, 2) % scale->page_counts;
    header.growth_limit =
        smaller(bytes[5] % scale->growth_limits, PROGRAM_PAGE_COUNT_MAXIMUM - header.page_count);
    header.slot_count = PROGRAM_SLOT_COUNT_MINIMUM << (bytes[6] % scale->slot_counts);
    header.refused_asks = (uint16_t)number_at(bytes + 7, 2);
    const uint32_t all_kinds = (UINT32_C(1) << KIND_COUNT) - 1;
    const uint32_t disabled = number_at(bytes + 9, 2) & all_kinds;
    header.disabled_kinds = disabled == all_kinds ? 0 : disabled;
    return header;
}

static void encode_header(const struct program_header *header, uint8_t *bytes) {
    const uint8_t page_size = code_of(header->page_size, PAGE_SIZE_MINIMUM);
    const uint8_t slot_count = code_of(header->slot_count, PROGRAM_SLOT_COUNT_MINIMUM);
    const size_t page_count = header->page_count - 1;
    const bool small = page_size < small_scale.page_sizes && page_count < small_scale.page_counts &&
                       header->growth_limit < small_scale.growth_limits &&
                       slot_count < small_scale.slot_counts;
    bytes[0] = 1;
    bytes[1] = small ? 0 : SCALE_LARGE;
    bytes[2] = page_size;
    put_number(bytes + 3, 2, (uint32_t)page_count);
    bytes[5] = (uint8_t)header->growth_limit;
    bytes[6] = slot_count;
    put_number(bytes + 7, 2, header->refused_asks);
    put_number(bytes + 9, 2, header->disabled_kinds);
}

/* Where each kind of operation keeps what, in its 6 bytes:
 *     byte 0   low half: kind           high half: size form
 *     byte 1   slot, low 8 bits
 *     byte 2   low half: slot, high 4   high half: choice, or bit 0: through realloc
 *     byte 3-5 value, lowest byte first: the size's amount, or the step */

/* The last three codes say again what random programs need most. */
static const enum operation_kind kind_codes[16] = {
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
    SIZE_FORM_LOGARITHMIC,
    SIZE_FORM_PAGES,
    SIZE_FORM_SMALL_AGAIN,
    SIZE_FORM_LARGEST_AGAIN,
    SIZE_FORM_USABLE_AGAIN,
    SIZE_FORM_MEDIUM_AGAIN,
};

static struct size_operand decode_size(unsigned form, uint32_t value, size_t page_size) {
    switch (form) {
    case SIZE_BASE_LITERAL:
        return size_literal((int64_t)value);
    case SIZE_FORM_SMALL:
    case SIZE_FORM_SMALL_AGAIN:
        return size_literal((int64_t)(value & 63));
    case SIZE_FORM_MEDIUM:
    case SIZE_FORM_MEDIUM_AGAIN:
        return size_literal((int64_t)(value & 1023));
    case SIZE_FORM_LOGARITHMIC:
        return size_logarithmic(value);
    case SIZE_FORM_PAGES:
        return size_pages(value, page_size);
    case SIZE_FORM_LARGEST_AGAIN:
        return size_relative(SIZE_BASE_LARGEST, value);
    case SIZE_FORM_USABLE_AGAIN:
        return size_relative(SIZE_BASE_USABLE, value);
    default:
        return size_relative((enum size_base)form, value);
    }
}

static struct operation decode_operation(const struct program_header *header, const uint8_t *bytes) {
    const uint32_t value = number_at(bytes + 3, 3);
    const unsigned choice = bytes[2] >> 4;
    const enum operation_kind kind =
        enabled_kind(kind_codes[bytes[0] & 15], header->disabled_kinds, KIND_COUNT);
    struct operation operation = {.kind = kind};
    if (operation_takes(kind, OPERAND_SLOT)) {
        operation.slot = (uint16_t)(number_at(bytes + 1, 2) & 0xfff & (header->slot_count - 1));
    }
    if (operation_takes(kind, OPERAND_SIZE)) {
        operation.size = decode_size(bytes[0] >> 4, value, header->page_size);
    }
    if (operation_takes(kind, OPERAND_ALIGNMENT)) {
        operation.alignment = program_1_alignments[choice];
    }
    if (operation_takes(kind, OPERAND_COUNT)) {
        operation.choice = (uint8_t)choice;
    }
    if (operation_takes(kind, OPERAND_STEP)) {
        operation.step = value;
    }
    if (operation_takes(kind, OPERAND_THROUGH) && kind != OPERATION_NULL_FREE && (choice & 1) != 0) {
        operation.through = THROUGH_REALLOC;
        operation.size = size_literal(PROGRAM_MISUSED_REQUEST);
    }
    return operation;
}

/* The choice that means an alignment; 16 when none does. */
static unsigned alignment_choice(uint64_t alignment) {
    unsigned choice = 0;
    while (choice < 16 && program_1_alignments[choice] != alignment) {
        choice++;
    }
    return choice;
}

static bool has_alignment(uint64_t alignment) {
    return alignment_choice(alignment) < 16;
}

static void encode_operation(const struct operation *operation, uint8_t *bytes) {
    const enum operation_kind kind = operation->kind;
    unsigned high = operation->through == THROUGH_REALLOC ? 1 : operation->choice;
    uint32_t value = operation->step;
    unsigned form = 0;
    if (operation_takes(kind, OPERAND_ALIGNMENT)) {
        high = alignment_choice(operation->alignment) & 15;
    }
    if (operation_takes(kind, OPERAND_SIZE)) {
        value = size_value(operation->size);
        form = operation->size.base;
    }
    /* A kind's own number is also its first code. */
    bytes[0] = (uint8_t)((unsigned)kind | form << 4);
    bytes[1] = (uint8_t)(operation->slot & 0xff);
    bytes[2] = (uint8_t)((operation->slot >> 8 & 15u) | high << 4);
    put_number(bytes + 3, 3, value);
}

const struct program_format program_format_1 = {
    .version = 1,
    .header_size = HEADER_SIZE,
    .operation_size = OPERATION_SIZE,
    .page_size_minimum = PAGE_SIZE_MINIMUM,
    .kind_count = KIND_COUNT,
    .step_maximum = PROGRAM_LITERAL_MAXIMUM,
    .decode_header = decode_header,
    .decode_operation = decode_operation,
    .encode_header = encode_header,
    .encode_operation = encode_operation,
    .has_alignment = has_alignment,
};
