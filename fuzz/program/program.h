/* The program: what a byte string means to the harness. A header (the heap's geometry and its page source)
 * and a list of operations. docs/programs.md tabulates the bytes; text.h is the same thing for people.
 *
 * Every byte string decodes to a valid program. Decoding normalises: bytes that make no difference (operands
 * an operation does not take, several ways to say one size) decode to one canonical operation, and
 * program_encode writes the canonical bytes. Decoding those gives the same program again.
 *
 * Nothing here depends on a heap's state, which the executor resolves, or on the C library: this runs on the
 * target too. */
#ifndef KMEM_PROGRAM_H
#define KMEM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRAM_VERSION                2u           /* the latest version of the format */
#define PROGRAM_HEADER_SIZE_MAXIMUM    ((size_t)16) /* bytes, of any version */
#define PROGRAM_OPERATION_SIZE_MAXIMUM ((size_t)8)  /* bytes, of any version */
#define PROGRAM_PAGE_SIZE_MAXIMUM      ((size_t)4096)
#define PROGRAM_PAGE_COUNT_MAXIMUM     ((size_t)512)
#define PROGRAM_GROWTH_LIMIT_MAXIMUM   ((size_t)63)
#define PROGRAM_REGION_SIZE_MAXIMUM    (PROGRAM_PAGE_COUNT_MAXIMUM * 4096) /* bytes; growth included */
#define PROGRAM_SLOT_COUNT_MINIMUM     ((size_t)16) /* the others are this times a power of two */
#define PROGRAM_SLOT_COUNT_CODES       9u           /* 16 to 4096 slots */
#define PROGRAM_SLOT_COUNT_MAXIMUM     ((size_t)4096)
#define PROGRAM_REFUSED_ASK_COUNT      16u /* asks after which the refusal schedule repeats */
#define PROGRAM_LITERAL_MAXIMUM        UINT32_C(0xffffff)
#define PROGRAM_COUNT_COUNT            16u         /* entries in the table of counts */
#define PROGRAM_MISUSED_REQUEST        INT32_C(64) /* bytes a misuse through realloc asks for, unless it says */

/* What an operation takes, in the order its text gives it. */
enum operand {
    OPERAND_SLOT = 1,
    OPERAND_ALIGNMENT = 2,
    OPERAND_COUNT = 4, /* the choice is an index into program_counts */
    OPERAND_SIZE = 8,
    OPERAND_STEP = 16,
    OPERAND_THROUGH = 32, /* optionally the call a misuse goes through; for realloc, also a size */
    OPERAND_CALL = 64,    /* optionally the call made on a damaged heap; for realloc and alloc, also a size */
};

/* Every kind of operation: its name in C, its word in text, and its operands. A kind's number is its code in
 * the bytes, so new ones go at the end. Format 1 has the first 13; there `null` has no operand. */
#define OPERATION_LIST(X)                                                                                    \
    X(ALLOC, "alloc", OPERAND_SLOT | OPERAND_SIZE)                   /* allocate into an empty slot */       \
    X(FREE, "free", OPERAND_SLOT)                                    /* free a live slot's payload */        \
    X(REALLOC, "realloc", OPERAND_SLOT | OPERAND_SIZE)               /* resize a live slot's payload */      \
    X(ZALLOC, "zalloc", OPERAND_SLOT | OPERAND_SIZE)                 /* allocate zeroed memory */            \
    X(CALLOC, "calloc", OPERAND_SLOT | OPERAND_COUNT | OPERAND_SIZE) /* the same, count * size bytes */      \
    X(ALIGNED, "aligned",                                                                                    \
      OPERAND_SLOT | OPERAND_ALIGNMENT | OPERAND_SIZE)  /* at a multiple of an alignment */                  \
    X(COALESCE, "coalesce", 0)                          /* cut free blocks up, merge them again */           \
    X(DOUBLE, "double", OPERAND_SLOT | OPERAND_THROUGH) /* misuse: free what a slot once held */             \
    X(INTERIOR, "interior", OPERAND_SLOT | OPERAND_STEP | OPERAND_THROUGH) /* misuse: in a live block */     \
    X(MISALIGNED, "misaligned",                                                                              \
      OPERAND_SLOT | OPERAND_STEP | OPERAND_THROUGH)      /* misuse: off the 8-byte grid */                  \
    X(FOREIGN, "foreign", OPERAND_STEP | OPERAND_THROUGH) /* misuse: outside the region */                   \
    X(NULL_FREE, "null", OPERAND_THROUGH)                 /* pass NULL; to free, it does nothing */          \
    X(REFUSE, "refuse", 0)                                /* the page source refuses its next ask */         \
    X(USABLE, "usable", OPERAND_SLOT)                     /* ask for the usable size of a live payload */    \
    X(DAMAGE, "damage", OPERAND_SLOT | OPERAND_STEP | OPERAND_CALL) /* a call while a header is damaged */   \
    X(EXTEND, "extend", OPERAND_SLOT | OPERAND_SIZE)                /* grow a live slot's payload in place */

enum operation_kind {
#define OPERATION_ENUMERATOR(name, word, operands) OPERATION_##name,
    OPERATION_LIST(OPERATION_ENUMERATOR)
#undef OPERATION_ENUMERATOR
    OPERATION_KIND_COUNT
};

/* What a size is counted from. All but the literal follow the heap's current state or the machine. */
#define SIZE_BASE_LIST(X)                                                                                    \
    X(LITERAL, "")        /* 0: the amount is the size, up to PROGRAM_LITERAL_MAXIMUM */                     \
    X(LARGEST, "largest") /* the payload of the largest free block, 0 when there is none */                  \
    X(FIRST, "first")     /* the payload of the lowest free block */                                         \
    X(USABLE, "usable")   /* the usable size of the slot's payload, or of the next live one's */             \
    X(TAIL, "tail")       /* the payload of the free block at the region's end */                            \
    X(MAXIMUM, "max")     /* SIZE_MAX of the machine; the amount is 0 or negative */                         \
    X(HALF, "2^63")                                                                                          \
    X(WORD, "2^32")

enum size_base {
#define SIZE_BASE_ENUMERATOR(name, word) SIZE_BASE_##name,
    SIZE_BASE_LIST(SIZE_BASE_ENUMERATOR)
#undef SIZE_BASE_ENUMERATOR
    SIZE_BASE_COUNT
};

struct size_operand {
    enum size_base base;
    int32_t amount; /* bytes added to the base: 0..PROGRAM_LITERAL_MAXIMUM for a literal, else -128..127 */
};

/* The call through which a misuse reaches the heap, or that is made while a header is damaged: its name in C,
 * its word in text, and which of the two operands can be it. */
#define THROUGH_LIST(X)                                                                                      \
    X(FREE, "free", OPERAND_THROUGH | OPERAND_CALL) /* 0: the default */                                     \
    X(REALLOC, "realloc", OPERAND_THROUGH | OPERAND_CALL)                                                    \
    X(USABLE, "usable", OPERAND_THROUGH)                                                                     \
    X(ALLOC, "alloc", OPERAND_CALL)                                                                          \
    X(COALESCE, "coalesce", OPERAND_CALL)

enum through {
#define THROUGH_ENUMERATOR(name, word, operands) THROUGH_##name,
    THROUGH_LIST(THROUGH_ENUMERATOR)
#undef THROUGH_ENUMERATOR
    THROUGH_COUNT
};

/* One operation, canonical: the operands its kind does not take are 0. */
struct operation {
    enum operation_kind kind;
    uint16_t slot; /* below the program's slot count */
    struct size_operand size;
    uint8_t choice;       /* index into program_counts */
    enum through through; /* of a misuse or a damage */
    uint32_t step;        /* which of the possible bad pointers or damages; up to the format's step_maximum */
    uint64_t alignment;   /* bytes; any that the format can say */
};

struct program_header {
    size_t page_size;        /* bytes; a power of two, the format's page_size_minimum to 4096 */
    size_t page_count;       /* pages the heap starts with, 1 to 512 */
    size_t growth_limit;     /* pages the page source can give, 0 to 63, and 512 in all */
    size_t slot_count;       /* a power of two, 16 to 4096 */
    uint16_t refused_asks;   /* bit i: the source refuses every ask whose number, from 0, is i modulo 16 */
    uint32_t disabled_kinds; /* bit k: kind k is decoded as the next enabled kind (swarm testing) */
    unsigned version;        /* of the program's format, 1 or 2; any other means 2 */
};

/* A program over bytes it does not own. */
struct program {
    struct program_header header;
    const uint8_t *bytes; /* all of them, header included */
    size_t size;          /* bytes */
    size_t operation_count;
};

/* What differs between the versions of the format. */
struct program_format {
    unsigned version;
    size_t header_size;       /* bytes */
    size_t operation_size;    /* bytes */
    size_t page_size_minimum; /* bytes; a power of two */
    unsigned kind_count;      /* kinds of operation it has: those below this */
    uint32_t step_maximum;

    /* Of as many bytes as a header or an operation has. */
    struct program_header (*decode_header)(const uint8_t *bytes);
    struct operation (*decode_operation)(const struct program_header *header, const uint8_t *bytes);
    void (*encode_header)(const struct program_header *header, uint8_t *bytes);
    void (*encode_operation)(const struct operation *operation, uint8_t *bytes);

    bool (*has_alignment)(uint64_t alignment); /* can an operation have this alignment? */
};

/* The format of a version: 1 is format 1, any other the latest. */
const struct program_format *program_format(unsigned version);

/* The counts an operation can choose from, and the alignments it can in format 1. */
extern const uint64_t program_counts[PROGRAM_COUNT_COUNT]; /* things */
extern const uint32_t program_1_alignments[16];            /* bytes; some are not powers of two */

/* The program that size bytes at bytes mean; bytes may be NULL when size is 0. The first byte is the version.
 * Missing bytes read as 0, so the header and the last operation are always whole. Never fails. The bytes stay
 * the caller's, and must outlive the program. Cost: constant; operations are decoded on demand. */
struct program program_decode(const uint8_t *bytes, size_t size);

/* Operation number index, below program->operation_count, canonical. Cost: constant. */
struct operation program_operation(const struct program *program, size_t index);

/* Bytes that a program of this version with that many operations takes. */
size_t program_size(unsigned version, size_t operation_count);

/* Writes the canonical header to the start of a program's bytes. header must be as program_decode makes it,
 * or of version 0, which means the latest. */
void program_encode_header(const struct program_header *header, uint8_t *bytes);

/* Writes operation number index, in canonical form, to its place among the bytes of a program with this
 * header. */
void program_encode_operation(const struct program_header *header, size_t index,
                              const struct operation *operation, uint8_t *bytes);

/* Bytes the canonical encoding of a program takes. */
size_t program_encoded_size(const struct program *program);

/* Writes the canonical encoding, program_encoded_size(program) bytes, in the program's version. They may be
 * the program's own bytes. */
void program_encode(const struct program *program, uint8_t *bytes);

/* What each kind takes: enum operand, or-ed. */
extern const uint8_t operation_operands[OPERATION_KIND_COUNT];

/* Does this kind take that operand? */
static inline bool operation_takes(enum operation_kind kind, enum operand operand) {
    return (operation_operands[kind] & (unsigned)operand) != 0;
}

/* Can this kind's call be that one? */
bool operation_takes_through(enum operation_kind kind, enum through through);

/* Does this operation have a size: because its kind takes one, or its call does? */
bool operation_has_size(const struct operation *operation);

/* The word of a kind, such as "alloc"; kind is below OPERATION_KIND_COUNT. */
const char *operation_word(enum operation_kind kind);

/* The word of a size base, "" for a literal. */
const char *size_base_word(enum size_base base);

/* The word of a call a misuse goes through. */
const char *through_word(enum through through);

#endif
