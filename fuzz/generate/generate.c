/* Programs out of a seed. generate.h is the contract. */
#include "fuzz/generate/generate.h"

#include "fuzz/generate/making.h"

/* What is weighed. In the table the groups follow each other. */
enum edit {
    EDIT_RUN,    /* one kind, over slots at a stride */
    EDIT_RANDOM, /* kinds and slots as they come */
    EDIT_AGAIN,  /* a part of the program again, its slots moved on */
    EDIT_SLOT,   /* one slot, used again and again */
    EDIT_LIVE,   /* free or resize what was allocated last */
    EDIT_COMB,   /* fill slots, free every second or third, and then use the holes or widen them */
    EDIT_COUNT
};
enum size_class {
    SIZE_WORDS,    /* up to 8 words */
    SIZE_BYTES,    /* up to 64 bytes, of any remainder */
    SIZE_MORE,     /* up to 32 words */
    SIZE_PAGES,    /* up to 4 pages */
    SIZE_FRACTION, /* of the heap: a half, a third, ..., a sixteenth */
    SIZE_RELATIVE, /* of what the heap has free, or the slot */
    SIZE_ZERO,
    SIZE_EDGE, /* where arithmetic wraps */
    SIZE_CLASS_COUNT
};
enum percent {
    PERCENT_LARGE,     /* of regions */
    PERCENT_GROWING,   /* of programs: the heap can grow */
    PERCENT_REFUSED,   /* of those: it is refused some pages it asks for */
    PERCENT_DISABLED,  /* of programs: some kinds never come */
    PERCENT_ALL_SLOTS, /* of programs: as many slots as there are, not a few */
    PERCENT_COMBED,    /* of programs: begin with a comb, whose blocks then lie side by side */
    PERCENT_COUNT
};
#define FIRST_EDIT    0u
#define FIRST_KIND    ((unsigned)EDIT_COUNT)
#define FIRST_SIZE    (FIRST_KIND + (unsigned)OPERATION_KIND_COUNT) /* of what is allocated */
#define FIRST_SUM     (FIRST_SIZE + (unsigned)SIZE_CLASS_COUNT)     /* with an alignment or a count */
#define FIRST_RESIZE  (FIRST_SUM + (unsigned)SIZE_CLASS_COUNT)      /* of what has a size already */
#define FIRST_PERCENT (FIRST_RESIZE + (unsigned)SIZE_CLASS_COUNT)

const struct generate_weight generate_weights[] = {
    {"edit", "run", 30},
    {"edit", "random", 60},
    {"edit", "again", 14},
    {"edit", "slot", 14},
    {"edit", "live", 22},
    {"edit", "comb", 14},

    {"kind", "alloc", 40},
    {"kind", "free", 34},
    {"kind", "realloc", 20},
    {"kind", "zalloc", 6},
    {"kind", "calloc", 4},
    {"kind", "aligned", 12},
    {"kind", "coalesce", 3},
    {"kind", "double", 3},
    {"kind", "interior", 3},
    {"kind", "misaligned", 2},
    {"kind", "foreign", 2},
    {"kind", "null", 1},
    {"kind", "refuse", 2},
    {"kind", "usable", 2},
    {"kind", "damage", 16},
    {"kind", "extend", 3},

    {"size", "words", 52},
    {"size", "bytes", 8},
    {"size", "more", 14},
    {"size", "pages", 6},
    {"size", "fraction", 8},
    {"size", "relative", 18},
    {"size", "zero", 1},
    {"size", "edge", 3},

    {"sum", "words", 46},
    {"sum", "bytes", 8},
    {"sum", "more", 14},
    {"sum", "pages", 6},
    {"sum", "fraction", 8},
    {"sum", "relative", 16},
    {"sum", "zero", 1},
    {"sum", "edge", 14},

    {"resize", "words", 24},
    {"resize", "bytes", 8},
    {"resize", "more", 14},
    {"resize", "pages", 10},
    {"resize", "fraction", 6},
    {"resize", "relative", 34},
    {"resize", "zero", 1},
    {"resize", "edge", 5},

    {"percent", "large", 4},
    {"percent", "growing", 50},
    {"percent", "refused", 33},
    {"percent", "disabled", 25},
    {"percent", "all slots", 33},
    {"percent", "combed", 50},
    {0},
};
_Static_assert(sizeof generate_weights / sizeof generate_weights[0] == FIRST_PERCENT + PERCENT_COUNT + 1,
               "a weight for each choice");

static bool happens(struct random *random, enum percent percent) {
    return random_below(random, 100) < generate_weights[FIRST_PERCENT + (unsigned)percent].weight;
}

/* A choice of count, by the weights from the first on. */
static unsigned choose(struct random *random, unsigned first, unsigned count) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        sum += generate_weights[first + i].weight;
    }
    uint32_t left = random_below(random, sum);
    unsigned choice = 0;
    while (left >= generate_weights[first + choice].weight) {
        left -= generate_weights[first + choice++].weight;
    }
    return choice;
}

/* The header. */

#define BYTES_MINIMUM ((size_t)256)  /* of a region: in less, hardly anything can happen */
#define BYTES_MORE    ((size_t)1792) /* what most regions can have besides */

/* Each of them is set once in four times. */
static uint64_t sparse_bits(struct random *random) {
    const uint64_t bits = random_next(random);
    return bits & random_next(random);
}

struct program_header making_header(struct random *random) {
    struct program_header header = {.version = PROGRAM_VERSION};
    const bool large = happens(random, PERCENT_LARGE);
    header.page_size = (size_t)16 << random_below(random, large ? 9 : 5);
    const size_t least = BYTES_MINIMUM / header.page_size;
    header.page_count = (least == 0 ? 1 : least) +
                        random_below(random, large ? 256 : 1 + (uint32_t)(BYTES_MORE / header.page_size));
    if (happens(random, PERCENT_GROWING)) {
        header.growth_limit = 1 + random_below(random, large ? 63 : 7);
    }
    header.slot_count = PROGRAM_SLOT_COUNT_MINIMUM << random_below(random, large ? 5 : 4);
    if (header.growth_limit != 0 && happens(random, PERCENT_REFUSED)) {
        header.refused_asks = (uint16_t)sparse_bits(random);
    }
    if (happens(random, PERCENT_DISABLED)) {
        /* Never alloc or free, without which nothing else happens. */
        header.disabled_kinds = (uint32_t)sparse_bits(random) & ((UINT32_C(1) << OPERATION_KIND_COUNT) - 1) &
                                ~(UINT32_C(1) << OPERATION_ALLOC | UINT32_C(1) << OPERATION_FREE);
    }
    return header;
}

/* Operations. */

static int32_t not_negative(int32_t amount) {
    return amount < 0 ? 0 : amount;
}

/* The weights begin at group. */
static struct size_operand make_size(struct making *making, unsigned group) {
    static const int32_t near[] = {0, 0, 0, 0, 8, -8, 16, -16, 1, -1, 24, -24, 7, -7, 32, -32};
    static const uint8_t bases[] = {SIZE_BASE_LARGEST, SIZE_BASE_LARGEST, SIZE_BASE_FIRST,
                                    SIZE_BASE_USABLE,  SIZE_BASE_USABLE,  SIZE_BASE_TAIL};
    static const uint8_t edges[] = {SIZE_BASE_MAXIMUM, SIZE_BASE_HALF, SIZE_BASE_WORD};
    struct random *const random = &making->random;
    const size_t page_size = making->header.page_size;
    struct size_operand size = {.base = SIZE_BASE_LITERAL};
    int32_t amount = near[random_below(random, sizeof near / sizeof near[0])];
    switch ((enum size_class)choose(random, group, SIZE_CLASS_COUNT)) {
    case SIZE_WORDS:
        size.amount = 8 * (int32_t)(1 + random_below(random, 8));
        break;
    case SIZE_BYTES:
        size.amount = (int32_t)(1 + random_below(random, 64));
        break;
    case SIZE_MORE:
        size.amount = 8 * (int32_t)(1 + random_below(random, 32));
        break;
    case SIZE_PAGES:
        size.amount = not_negative((int32_t)(page_size * (1 + random_below(random, 4))) + amount);
        break;
    case SIZE_FRACTION:
        size.amount = not_negative(
            (int32_t)(page_size * making->header.page_count / (2 + random_below(random, 15))) + amount);
        break;
    case SIZE_RELATIVE:
        size.base = group == FIRST_RESIZE && random_below(random, 3) != 0
                        ? SIZE_BASE_USABLE
                        : (enum size_base)bases[random_below(random, sizeof bases)];
        size.amount = amount;
        break;
    case SIZE_ZERO:
        break;
    default:
        amount = random_once_in(random, 2) ? amount : (int32_t)random_below(random, 256) - 128;
        size.base = (enum size_base)edges[random_below(random, sizeof edges)];
        size.amount = size.base == SIZE_BASE_MAXIMUM && amount > 0 ? -amount : amount;
        break;
    }
    return size;
}

/* More than any hole or than the slot has: so a call on a damaged heap looks far. */
static struct size_operand make_more(struct random *random) {
    const enum size_base base = random_once_in(random, 2) ? SIZE_BASE_LARGEST : SIZE_BASE_USABLE;
    return (struct size_operand){.base = base, .amount = 8 * (int32_t)random_below(random, 5)};
}

/* Which bad pointer, or which damage: there, mostly of the bits that a size inside the region has. */
static uint32_t make_step(struct random *random, enum operation_kind kind) {
    if (kind == OPERATION_DAMAGE && random_below(random, 4) != 0) {
        const uint32_t header = random_below(random, 4);
        const uint32_t bit = random_below(random, random_once_in(random, 3) ? 32 : 16);
        return header | bit << 2 | random_below(random, 512) << 7;
    }
    return random_below(random, random_once_in(random, 2) ? 16 : 65536);
}

static uint64_t make_alignment(struct random *random) {
    const uint64_t good = UINT64_C(16) << random_below(random, 6);
    switch (random_below(random, 16)) {
    case 0:
        return random_below(random, 64);
    case 1:
        return UINT64_C(1) << random_below(random, 64);
    case 2:
        return UINT64_C(1) << random_below(random, 13);
    default:
        return good;
    }
}

static bool resizes(enum operation_kind kind) {
    return kind == OPERATION_REALLOC || kind == OPERATION_EXTEND || operation_takes(kind, OPERAND_THROUGH) ||
           operation_takes(kind, OPERAND_CALL);
}

struct operation making_operation(struct making *making, enum operation_kind kind, size_t slot) {
    struct random *const random = &making->random;
    struct operation operation = {.kind = kind};
    if (operation_takes(kind, OPERAND_SLOT)) {
        operation.slot = (uint16_t)(slot & (making->header.slot_count - 1));
    }
    if (operation_takes(kind, OPERAND_ALIGNMENT)) {
        operation.alignment = make_alignment(random);
    }
    if (operation_takes(kind, OPERAND_COUNT)) {
        operation.choice = (uint8_t)random_below(random, random_once_in(random, 8) ? PROGRAM_COUNT_COUNT : 6);
    }
    if (operation_takes(kind, OPERAND_STEP)) {
        operation.step = make_step(random, kind);
    }
    if (operation_takes(kind, OPERAND_CALL) ||
        (operation_takes(kind, OPERAND_THROUGH) && random_once_in(random, 2))) {
        do {
            operation.through = (enum through)random_below(random, THROUGH_COUNT);
        } while (!operation_takes_through(kind, operation.through));
    }
    if (operation_has_size(&operation)) {
        const bool sums = operation_takes(kind, OPERAND_ALIGNMENT) || operation_takes(kind, OPERAND_COUNT);
        operation.size = make_size(making, resizes(kind) ? FIRST_RESIZE : sums ? FIRST_SUM : FIRST_SIZE);
        if (kind == OPERATION_DAMAGE && random_once_in(random, 2)) {
            operation.size = make_more(random);
        } else if (!operation_takes(kind, OPERAND_SIZE) && random_once_in(random, 4)) {
            operation.size =
                (struct size_operand){.base = SIZE_BASE_LITERAL}; /* which frees, if it is taken for good */
        }
    }
    return operation;
}

#define HEADER_SIZE ((size_t)8)  /* bytes that a block has besides its payload, as far as is known here */
#define ANY_SIZE    ((size_t)32) /* bytes, for a size that depends on the heap */

void making_note(struct making *making, const struct operation *operation) {
    const struct program_header *const header = &making->header;
    const size_t room = header->page_size * (header->page_count + header->growth_limit);
    switch (operation->kind) {
    case OPERATION_ALLOC:
    case OPERATION_ZALLOC:
    case OPERATION_CALLOC:
    case OPERATION_ALIGNED: {
        const bool is_known = operation->size.base == SIZE_BASE_LITERAL;
        const size_t size = HEADER_SIZE + (is_known ? (size_t)operation->size.amount : ANY_SIZE);
        if (making->live < header->slot_count && making->taken + size <= room) {
            making->live++;
            making->taken += size;
        }
        break;
    }
    case OPERATION_FREE:
        if (making->live != 0) {
            making->taken -= making->taken / making->live--; /* of a mean size */
        }
        break;
    default:
        break;
    }
}

void making_append(struct making *making, const struct operation *operation) {
    if (making->count < making->limit) {
        making_note(making, operation);
        program_encode_operation(&making->header, making->count++, operation, making->bytes);
    }
}

static bool is_disabled(const struct making *making, enum operation_kind kind) {
    return (making->header.disabled_kinds >> kind & 1) != 0;
}

enum operation_kind making_any_kind(struct making *making) {
    enum operation_kind kind;
    do {
        kind = (enum operation_kind)choose(&making->random, FIRST_KIND, OPERATION_KIND_COUNT);
    } while (is_disabled(making, kind));
    return making->live == 0 && kind == OPERATION_FREE ? OPERATION_ALLOC : kind;
}

/* Edits. */

size_t making_any_slot(struct making *making) {
    return random_below(&making->random, (uint32_t)making->slots);
}

/* A few mostly, sometimes as many as there are slots. */
static size_t run_length(struct making *making) {
    struct random *const random = &making->random;
    return 1 + random_below(random, random_once_in(random, 3) ? (uint32_t)making->slots : 8);
}

/* One kind over the slots from one on, at a stride; no more frees than are live. */
static void add_strided(struct making *making, enum operation_kind kind, size_t slot, size_t count,
                        size_t stride) {
    const bool is_same = random_once_in(&making->random, 2); /* also the size, the alignment, ... */
    struct operation operation = making_operation(making, kind, slot);
    if (kind == OPERATION_FREE && count > making->live) {
        count = making->live;
    }
    for (; count > 0; count--) {
        making_append(making, &operation);
        slot += stride;
        if (is_same) {
            operation.slot =
                operation_takes(kind, OPERAND_SLOT) ? (uint16_t)(slot & (making->header.slot_count - 1)) : 0;
        } else {
            operation = making_operation(making, kind, slot);
        }
    }
}

static void add_run(struct making *making) {
    const enum operation_kind kind = making_any_kind(making);
    const size_t stride = 1 + random_below(&making->random, 4);
    const size_t slot = making_any_slot(making);
    add_strided(making, kind, slot, run_length(making), stride);
}

/*  slots   |a|a|a|a|a|a|a|a|    filled
 *          | |a| |a| |a| |a|    combed, at a stride of 2
 *          | |a| | | |a| | |    combed again: holes are joined on both sides
 */
static void add_comb(struct making *making) {
    struct random *const random = &making->random;
    const size_t slot = making_any_slot(making);
    const size_t count =
        2 + random_below(random, random_once_in(random, 2) ? (uint32_t)making->header.slot_count : 8);
    add_strided(making, OPERATION_ALLOC, slot, count, 1);
    size_t stride = 2 + random_below(random, 2);
    for (size_t left = 1 + random_below(random, 4); left > 0; left--) {
        const size_t start = slot + random_below(random, (uint32_t)stride);
        add_strided(making, OPERATION_FREE, start, 1 + (count - 1) / stride, stride);
        if (random_once_in(random, 2)) {
            const enum operation_kind kind = making_any_kind(making);
            add_strided(making, kind, start, 1 + random_below(random, 4), stride);
        }
        stride = 1 + random_below(random, 4);
    }
}

static void add_random(struct making *making) {
    for (size_t left = 1 + random_below(&making->random, 8); left > 0; left--) {
        const enum operation_kind kind =
            making_any_kind(making); /* before the slot is drawn, with every compiler */
        const struct operation operation = making_operation(making, kind, making_any_slot(making));
        making_append(making, &operation);
    }
}

static void add_again(struct making *making) {
    if (making->count == 0) {
        return;
    }
    struct random *const random = &making->random;
    const size_t start = random_below(random, (uint32_t)making->count);
    const size_t rest = making->count - start;
    const size_t length = 1 + random_below(random, (uint32_t)(rest < 16 ? rest : 16));
    const size_t moved = random_below(random, 5);
    const struct program program = program_decode(making->bytes, making_size(making));
    for (size_t i = start; i < start + length; i++) {
        struct operation operation = program_operation(&program, i);
        if (operation_takes(operation.kind, OPERAND_SLOT)) {
            operation.slot = (uint16_t)((operation.slot + moved) & (making->header.slot_count - 1));
        }
        making_append(making, &operation);
    }
}

static void add_slot(struct making *making) {
    const size_t slot = making_any_slot(making);
    for (size_t left = 2 + random_below(&making->random, 6); left > 0; left--) {
        const struct operation operation = making_operation(making, making_any_kind(making), slot);
        making_append(making, &operation);
    }
}

static void add_live(struct making *making) {
    const bool frees = is_disabled(making, OPERATION_REALLOC) || random_below(&making->random, 3) != 0;
    const size_t slot = making_any_slot(making);
    const struct operation first = making_operation(making, OPERATION_ALLOC, slot);
    const struct operation second =
        making_operation(making, frees ? OPERATION_FREE : OPERATION_REALLOC, slot);
    if (random_once_in(&making->random, 2)) {
        making_append(making, &first);
    }
    making_append(making, &second);
}

void making_add_edit(struct making *making) {
    static void (*const edits[])(struct making *) = {add_run,  add_random, add_again,
                                                     add_slot, add_live,   add_comb};
    edits[choose(&making->random, FIRST_EDIT, EDIT_COUNT)](making);
}

uint64_t generate_seed(uint64_t seed, uint64_t index) {
    struct random random = {seed};
    return random_next(&random) + index * UINT64_C(0xd1b54a32d192ed03);
}

struct making making_start(uint64_t seed, uint8_t *bytes, size_t capacity) {
    return (struct making){.random = {seed},
                           .bytes = bytes,
                           .limit = (capacity - program_size(PROGRAM_VERSION, 0)) /
                                    (program_size(PROGRAM_VERSION, 1) - program_size(PROGRAM_VERSION, 0))};
}

void making_set_header(struct making *making, const struct program_header *header) {
    making->header = *header;
    making->slots = happens(&making->random, PERCENT_ALL_SLOTS) ? header->slot_count
                                                                : 2 + random_below(&making->random, 14);
    program_encode_header(header, making->bytes);
}

size_t making_size(const struct making *making) {
    return program_size(PROGRAM_VERSION, making->count);
}

size_t generate_program(uint64_t seed, uint8_t *bytes, size_t capacity) {
    struct making making = making_start(seed, bytes, capacity);
    const struct program_header header = making_header(&making.random);
    making_set_header(&making, &header);
    if (happens(&making.random, PERCENT_COMBED)) {
        add_comb(&making);
    }
    for (size_t left = 1 + random_below(&making.random, 48); left > 0; left--) {
        making_add_edit(&making);
    }
    while (making.count == 0) { /* nothing to repeat, or to free */
        making_add_edit(&making);
    }
    return making_size(&making);
}
