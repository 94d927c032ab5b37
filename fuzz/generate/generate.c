/* Programs out of a seed. generate.h is the contract. */
#include "fuzz/generate/generate.h"

#include "fuzz/generate/making.h"

/* What is weighed. In the table the groups follow each other. */
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
    {"kind", "calloc", 6},
    {"kind", "aligned", 12},
    {"kind", "coalesce", 3},
    {"kind", "double", 3},
    {"kind", "interior", 4},
    {"kind", "misaligned", 2},
    {"kind", "foreign", 3},
    {"kind", "null", 2},
    {"kind", "refuse", 1},
    {"kind", "usable", 2},
    {"kind", "damage", 16},
    {"kind", "extend", 8},

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
    {"sum", "edge", 20},

    {"resize", "words", 24},
    {"resize", "bytes", 8},
    {"resize", "more", 14},
    {"resize", "pages", 10},
    {"resize", "fraction", 6},
    {"resize", "relative", 34},
    {"resize", "zero", 1},
    {"resize", "edge", 11},

    {"percent", "large", 4},
    {"percent", "growing", 50},
    {"percent", "refused", 33},
    {"percent", "disabled", 25},
    {"percent", "all slots", 33},
    {"percent", "combed", 60},
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
#define BYTES_MORE    ((size_t)1792) /* what most regions can have besides; twice that, with many slots */
#define SLOTS_MANY    ((size_t)128)

/* Each of them is set once in four times. */
static uint64_t sparse_bits(struct random *random) {
    const uint64_t bits = random_next(random);
    return bits & random_next(random);
}

/* A few asks, or most of them. */
static uint16_t make_refused_asks(struct random *random) {
    const bool is_dense = random_once_in(random, 4);
    const uint64_t bits = sparse_bits(random);
    return (uint16_t)(is_dense ? ~bits : bits);
}

struct program_header making_header(struct random *random) {
    struct program_header header = {.version = PROGRAM_VERSION};
    const bool large = happens(random, PERCENT_LARGE);
    header.page_size = (size_t)16 << random_below(random, large ? 9 : 5);
    header.slot_count = PROGRAM_SLOT_COUNT_MINIMUM << random_below(random, large ? 5 : 4);
    const size_t least = BYTES_MINIMUM / header.page_size;
    const size_t more = header.slot_count < SLOTS_MANY ? BYTES_MORE : 2 * BYTES_MORE;
    header.page_count = (least == 0 ? 1 : least) +
                        random_below(random, large ? 256 : 1 + (uint32_t)(more / header.page_size));
    if (happens(random, PERCENT_GROWING)) {
        header.growth_limit = 1 + random_below(random, large ? 63 : 7);
    }
    if (header.growth_limit != 0 && happens(random, PERCENT_REFUSED)) {
        header.refused_asks = make_refused_asks(random);
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
    static const int32_t near[] = {0, 0, 0, 8, -8, 16, -16, -16, 1, -1, 24, -24, 7, -7, 32, -32};
    static const uint8_t bases[] = {SIZE_BASE_LARGEST, SIZE_BASE_LARGEST, SIZE_BASE_FIRST,
                                    SIZE_BASE_USABLE,  SIZE_BASE_TAIL,    SIZE_BASE_TAIL};
    static const uint8_t edges[] = {SIZE_BASE_MAXIMUM, SIZE_BASE_HALF, SIZE_BASE_HALF, SIZE_BASE_WORD};
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
    case SIZE_PAGES: { /* some allocators have their own size of page */
        const size_t unit = random_once_in(random, 2) ? page_size : PROGRAM_PAGE_SIZE_MAXIMUM;
        size.amount = not_negative((int32_t)(unit * (1 + random_below(random, 4))) + amount);
        break;
    }
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

struct size_operand making_more(struct random *random) {
    const enum size_base base = random_once_in(random, 2) ? SIZE_BASE_LARGEST : SIZE_BASE_USABLE;
    return (struct size_operand){.base = base, .amount = 8 * (int32_t)random_below(random, 5)};
}

/* Which bad pointer, or which damage: there, mostly of the bits that a size inside the region has. */
static uint32_t make_step(struct random *random, enum operation_kind kind) {
    if (kind == OPERATION_DAMAGE && random_below(random, 4) != 0) {
        const uint32_t header = random_below(random, 4);
        const uint32_t bit =
            random_once_in(random, 3) ? random_below(random, 32) : 3 + random_below(random, 9);
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
            operation.size = making_more(random);
        } else if (!operation_takes(kind, OPERAND_SIZE) && random_once_in(random, 3)) {
            operation.size =
                (struct size_operand){.base = SIZE_BASE_LITERAL}; /* which frees, if it is taken for good */
        }
    }
    return operation;
}

#define HEADER_SIZE ((size_t)8)  /* bytes that a block has besides its payload, as far as is known here */
#define BLOCK_LEAST ((size_t)16) /* bytes */
#define HOLES       4u           /* so many share what is free: for sizes that depend on them */

/* Bytes; half of the pages that the heap can be given are counted on. */
static size_t guess_free(const struct making *making) {
    const struct program_header *const header = &making->header;
    const size_t room = header->page_size * (header->page_count + header->growth_limit / 2);
    return making->taken < room ? room - making->taken : 0;
}

/* Bytes of the block that an allocation gets; 0: none. */
static size_t guess_size(const struct making *making, const struct operation *operation) {
    const size_t free = guess_free(making);
    uint64_t size = 0;
    switch (operation->size.base) {
    case SIZE_BASE_LITERAL:
        size = (uint64_t)operation->size.amount;
        break;
    case SIZE_BASE_USABLE:
        size = making->live == 0 ? 0 : making->taken / making->live;
        break;
    case SIZE_BASE_LARGEST:
    case SIZE_BASE_FIRST:
    case SIZE_BASE_TAIL:
        size = free / HOLES;
        break;
    default:
        break;
    }
    if (operation->kind == OPERATION_CALLOC) {
        size *= program_counts[operation->choice];
    }
    if (size == 0 || size > free || making->live == making->header.slot_count) {
        return 0;
    }
    size = (size + HEADER_SIZE + 7) / 8 * 8;
    return size < BLOCK_LEAST ? BLOCK_LEAST : size > free ? 0 : (size_t)size;
}

void making_note(struct making *making, const struct operation *operation) {
    switch (operation->kind) {
    case OPERATION_ALLOC:
    case OPERATION_ZALLOC:
    case OPERATION_CALLOC:
    case OPERATION_ALIGNED: {
        const size_t size = guess_size(making, operation);
        making->live += size != 0;
        making->taken += size;
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

bool making_disables(const struct making *making, enum operation_kind kind) {
    return (making->header.disabled_kinds >> kind & 1) != 0;
}

enum operation_kind making_any_kind(struct making *making) {
    enum operation_kind kind;
    do {
        kind = (enum operation_kind)choose(&making->random, FIRST_KIND, OPERATION_KIND_COUNT);
    } while (making_disables(making, kind));
    if (kind == OPERATION_FREE && making->live == 0) {
        return OPERATION_ALLOC;
    }
    return kind == OPERATION_ALLOC && making->live == making->header.slot_count ? OPERATION_FREE : kind;
}

size_t making_any_slot(struct making *making) {
    return random_below(&making->random, (uint32_t)making->slots);
}

enum edit making_any_edit(struct random *random) {
    return (enum edit)choose(random, FIRST_EDIT, EDIT_COUNT);
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
        making_add_comb(&making);
    }
    for (size_t left = 1 + random_below(&making.random, 48); left > 0; left--) {
        making_add_edit(&making);
    }
    while (making.count == 0) { /* nothing to repeat, or to free */
        making_add_edit(&making);
    }
    return making_size(&making);
}
