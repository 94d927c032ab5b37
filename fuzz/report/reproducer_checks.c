/* The functions of a reproducer: only those its statements call. reproducer_parts.h is the contract. */
#include "fuzz/execute/bad_start.h"
#include "fuzz/report/reproducer_parts.h"

static uint64_t asked(const struct reproducer *file) {
    return file->each | file->last;
}

static bool asks(const struct reproducer *file, unsigned oracle) {
    return reproducer_asks(asked(file), oracle);
}

/* What the steps do, so that no function is written that nobody calls. */

static bool zeroes(const struct step *step) {
    return reproducer_has_payload(step) && (step->call == CALL_ZALLOC || step->call == CALL_CALLOC);
}

static bool is_wild(const struct step *step) {
    return (step->call == CALL_FREE || step->call == CALL_REALLOC || step->call == CALL_USABLE) &&
           step->slot == STEP_NO_SLOT && !step->null_pointer;
}

static bool damages(const struct step *step) {
    return step->call == CALL_DAMAGED;
}

static bool calls(const struct step *step) {
    return step->call != CALL_NONE;
}

static bool coalesces(const struct step *step) {
    return step->call == CALL_COALESCE;
}

bool reproducer_any(const struct reproducer *file, bool (*is)(const struct step *step)) {
    for (size_t i = 0; i < file->step_count; i++) {
        if (is(&file->steps[i])) {
            return true;
        }
    }
    return false;
}

/* The walk over the blocks: what of it is written depends on what is asked. */

static void write_if_asked(const struct reproducer *file, unsigned oracle, const char *text) {
    if (asks(file, oracle)) {
        fputs(text, file->stream);
    }
}

static void write_owner(const struct reproducer *file) {
    fputs("/* The slot whose block starts at an offset in first..last-1; SLOT_COUNT when there is none. */\n"
          "static size_t find_owner(size_t first, size_t last) {\n"
          "    size_t index = 0;\n"
          "    for (; index < SLOT_COUNT; index++) {\n"
          "        const size_t offset = (size_t)(slot[index] - base) - BLOCK_HEADER_SIZE;\n"
          "        if (live[index].size != 0 && offset >= first && offset < last) {\n"
          "            break;\n"
          "        }\n"
          "    }\n"
          "    return index;\n"
          "}\n\n",
          file->stream);
}

/* The part of the walk that compares with the live payloads, as far as it is asked. */
static void write_agreement(const struct reproducer *file) {
    FILE *const stream = file->stream;
    const bool live = asks(file, INVARIANT_LIVE_IS_TAKEN);
    const char *const indent = file->every ? "    " : "";
    if (file->every) {
        fputs("        if (agreement) {\n", stream);
    }
    if (live) {
        fprintf(stream, "%s        check(find_owner(passed, offset) == SLOT_COUNT, LIVE_IS_TAKEN);\n",
                indent);
    }
    fprintf(stream, "%s        const size_t owner = find_owner(offset, offset + 1);\n", indent);
    if (live) {
        fprintf(
            stream,
            "%s        check(owner == SLOT_COUNT || (block.taken && block.size == live[owner].block_size),\n"
            "%s              LIVE_IS_TAKEN);\n"
            "%s        passed = offset + 1;\n",
            indent, indent, indent);
    }
    if (asks(file, INVARIANT_TAKEN_IS_LIVE)) {
        fprintf(stream, "%s        check(owner != SLOT_COUNT || !block.taken, TAKEN_IS_LIVE);\n", indent);
    }
    if (file->every) {
        fputs("        }\n", stream);
    }
}

static void write_walk(const struct reproducer *file) {
    FILE *const stream = file->stream;
    fputs("    struct block block;\n"
          "    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {\n"
          "        block = block_read(base + offset);\n",
          stream);
    write_if_asked(file, INVARIANT_WALK_ENDS, "        check(block.size != 0, WALK_ENDS);\n");
    write_if_asked(file, INVARIANT_BLOCK_SIZE,
                   "        check(block.size >= BLOCK_SIZE_MINIMUM && block.size % BLOCK_ALIGNMENT == 0, "
                   "BLOCK_SIZE);\n");
    write_if_asked(file, INVARIANT_BLOCK_TILING,
                   "        check(block.size <= end - offset, BLOCK_TILING);\n");
    if (!file->every) {
        fputs("        if (!block_is_possible(block, end - offset)) {\n"
              "            return; /* another property's business */\n"
              "        }\n",
              stream);
    }
    write_if_asked(file, INVARIANT_FREE_MERGED,
                   "        check(block.taken || !left_is_free, FREE_MERGED);\n"
                   "        left_is_free = !block.taken;\n");
    if ((asked(file) & INVARIANT_AGREEMENT) != 0) {
        write_agreement(file);
    }
    write_if_asked(file, INVARIANT_COUNTERS,
                   "        taken_count += block.taken ? 1 : 0;\n"
                   "        taken_size += block.taken ? (size_t)block.size : 0;\n");
    fputs("    }\n", stream);
}

static void write_blocks(const struct reproducer *file) {
    FILE *const stream = file->stream;
    const bool live = asks(file, INVARIANT_LIVE_IS_TAKEN);
    if ((asked(file) & INVARIANT_AGREEMENT) != 0) {
        write_owner(file);
    }
    fprintf(stream,
            "/* Walks the blocks%s. */\n"
            "static void check_blocks(%s) {\n"
            "    const size_t end = page_count * PAGE_SIZE;\n",
            file->every ? "; agreement: and compares them with the live payloads" : "",
            file->every ? "bool agreement" : "void");
    write_if_asked(file, INVARIANT_FREE_MERGED, "    bool left_is_free = false;\n");
    if (live) {
        fputs("    size_t passed = 0; /* what starts before this offset has been seen */\n", stream);
    }
    write_if_asked(file, INVARIANT_COUNTERS,
                   "    size_t taken_count = 0;\n    size_t taken_size = 0; /* bytes */\n");
    write_if_asked(
        file, INVARIANT_REGION,
        "    check(heap.base == base && heap.page_size == PAGE_SIZE && heap.page_count == page_count, "
        "REGION);\n"
        "    check(kmem_head(&heap) == base && kmem_page_count(&heap) == page_count, REGION);\n");
    write_walk(file);
    if (live) {
        fprintf(stream, "    check(%sfind_owner(passed, end) == SLOT_COUNT, LIVE_IS_TAKEN);\n",
                file->every ? "!agreement || " : "");
    }
    write_if_asked(
        file, INVARIANT_COUNTERS,
        "    check(heap.taken_count == taken_count && heap.taken_size == taken_size, COUNTERS);\n");
    fputs("}\n\n", stream);
}

/* Which functions the statements call. */

static bool has_payloads(const struct reproducer *file) {
    return reproducer_any(file, reproducer_has_payload);
}

static bool has_addresses(const struct reproducer *file) {
    return has_payloads(file) || reproducer_any(file, is_wild) || reproducer_any(file, damages);
}

static bool compares(const struct reproducer *file) {
    return reproducer_any(file, calls) &&
           (asks(file, ORACLE_CONTENTS_KEPT) || asks(file, ORACLE_CONTENTS_MOVED));
}

static bool has_pattern(const struct reproducer *file) {
    return has_payloads(file) || compares(file);
}

static bool has_table(const struct reproducer *file) {
    return file->table;
}

static bool asks_inside(const struct reproducer *file) {
    return (asks(file, ORACLE_INSIDE) && reproducer_any(file, reproducer_returns_pointer)) ||
           (asks(file, ORACLE_DAMAGE_INSIDE) && reproducer_any(file, damages));
}

static bool asks_disjoint(const struct reproducer *file) {
    return asks(file, ORACLE_DISJOINT) && reproducer_any(file, reproducer_returns_pointer);
}

static bool asks_zeroed(const struct reproducer *file) {
    return asks(file, ORACLE_CONTENTS_ZEROED) && reproducer_any(file, zeroes);
}

static bool asks_blocks(const struct reproducer *file) {
    return (asked(file) & INVARIANT_ALL) != 0;
}

static bool asks_untouched(const struct reproducer *file) {
    return asks(file, ORACLE_REFUSAL_UNTOUCHED) && reproducer_any(file, reproducer_changes_nothing);
}

static bool asks_guards(const struct reproducer *file) {
    return asks(file, ORACLE_GUARDS);
}

static bool checks_contents(const struct reproducer *file) {
    return file->every && reproducer_any(file, calls);
}

static bool asks_damage(const struct reproducer *file) {
    return reproducer_any(file, damages);
}

static void write_damage(const struct reproducer *file) {
    FILE *const stream = file->stream;
    fputs("/* A header is damaged, the heap called, and all put back as it was. */\n"
          "static unsigned char saved[PAGE_LIMIT * PAGE_SIZE]; /* the region, header damaged */\n"
          "static struct kmem saved_heap;\n"
          "static bool impossible; /* no block can have the damaged header */\n\n"
          "PORT_UNCHECKED static void damage(size_t offset, uint64_t mask) {\n"
          "    const size_t end = page_count * PAGE_SIZE;\n"
          "    for (size_t i = 0; i < 8; i++) { /* a header is in the machine's order */\n"
          "        base[offset + i] ^= ((const unsigned char *)&mask)[i];\n"
          "    }\n"
          "    for (size_t i = 0; i < end; i++) {\n"
          "        saved[i] = base[i];\n"
          "    }\n"
          "    saved_heap = heap;\n"
          "    impossible = !block_is_possible(block_read(base + offset), end - offset);\n"
          "}\n\n"
          "PORT_UNCHECKED static void repair(size_t offset, uint64_t mask) {\n"
          "    const size_t end = page_count * PAGE_SIZE;\n"
          "    for (size_t i = 0; i < end; i++) {\n"
          "        base[i] = saved[i];\n"
          "    }\n"
          "    for (size_t i = 0; i < 8; i++) {\n"
          "        base[offset + i] ^= ((const unsigned char *)&mask)[i];\n"
          "    }\n"
          "    heap = saved_heap;\n"
          "    PORT_POISON(base, end);\n"
          "}\n\n",
          stream);
    write_if_asked(file, ORACLE_DAMAGE_UNTOUCHED,
                   "/* Is the region as it was when its header was damaged? */\n"
                   "PORT_UNCHECKED static inline bool is_untouched(void) {\n"
                   "    for (size_t i = 0; i < page_count * PAGE_SIZE; i++) {\n"
                   "        if (base[i] != saved[i]) {\n"
                   "            return false;\n"
                   "        }\n"
                   "    }\n"
                   "    return true;\n"
                   "}\n\n");
}

static bool asks_bad_starts(const struct reproducer *file) {
    return asks(file, ORACLE_START_REFUSED);
}

static void write_bad_starts(const struct reproducer *file) {
    FILE *const stream = file->stream;
    fputs("static void check_bad_starts(void) {\n"
          "    const size_t page_size = PAGE_SIZE;\n"
          "    struct kmem other;\n",
          stream);
#define WRITE_BAD_START(name, words, address, size, count)                                                   \
    fputs("    check(kmem_init(&other, " #address ", " #count ", " #size ", NULL) != KMEM_OK,\n"             \
          "          START_REFUSED); /* " words " */\n",                                                     \
          stream);
    BAD_START_LIST(WRITE_BAD_START)
#undef WRITE_BAD_START
    fputs("}\n\n", stream);
}

static bool shatters(const struct reproducer *file) {
    return reproducer_any(file, coalesces);
}

/* In the order in which they are written: each uses only those above it. */
static const struct {
    bool (*is_called)(const struct reproducer *file);
    const char *text;                             /* NULL: it depends on what is asked, and */
    void (*write)(const struct reproducer *file); /* is written by this */
} functions[] = {
    {has_addresses,
     "/* The address at an offset from the region's base; it may lie outside the region. */\n"
     "static unsigned char *at(ptrdiff_t offset) {\n"
     "    return (unsigned char *)((uintptr_t)base + (uintptr_t)offset);\n"
     "}\n\n",
     NULL},
    {has_pattern,
     "/* The byte at index of a payload that operation number `serial` allocated. */\n"
     "static unsigned char pattern(uint64_t serial, size_t index) {\n"
     "    const uint64_t tag = (serial + 1) * UINT64_C(0x9e3779b97f4a7c15);\n"
     "    return (unsigned char)((tag + index / 8 * UINT64_C(0x0101010101010101)) >> index % 8 * 8);\n"
     "}\n\n",
     NULL},
    {has_payloads,
     "/* The owner writes to bytes from..to of a payload. */\n"
     "static void fill(unsigned char *payload, size_t from, size_t to, uint64_t serial) {\n"
     "    for (size_t i = from; i < to; i++) {\n"
     "        payload[i] = pattern(serial, i);\n"
     "    }\n"
     "}\n\n",
     NULL},
    {compares,
     "/* Does a payload hold what its owner wrote? */\n"
     "static bool holds(const unsigned char *payload, size_t size, uint64_t serial) {\n"
     "    for (size_t i = 0; i < size; i++) {\n"
     "        if (payload[i] != pattern(serial, i)) {\n"
     "            return false;\n"
     "        }\n"
     "    }\n"
     "    return true;\n"
     "}\n\n",
     NULL},
    {has_table,
     "/* The live payload of each slot; size 0: none. */\n"
     "static struct live {\n"
     "    size_t size; /* bytes asked for */\n"
     "    size_t block_size; /* bytes, header included */\n"
     "    uint64_t serial; /* the operation that allocated it */\n"
     "} live[SLOT_COUNT];\n\n",
     NULL},
    {asks_inside,
     "/* Do size bytes at a payload lie in the region? */\n"
     "static bool is_inside(const void *payload, size_t size) {\n"
     "    const size_t region_size = page_count * PAGE_SIZE;\n"
     "    const size_t offset = (size_t)((uintptr_t)payload - (uintptr_t)base);\n"
     "    return payload == NULL || (offset < region_size && size <= region_size - offset);\n"
     "}\n\n",
     NULL},
    {asks_disjoint,
     "/* Do size bytes at a payload overlap no live one but that of slot `index`? */\n"
     "static bool is_disjoint(const unsigned char *payload, size_t size, size_t index) {\n"
     "    for (size_t i = 0; i < SLOT_COUNT && payload != NULL; i++) {\n"
     "        if (i != index && live[i].size != 0 && payload < slot[i] + live[i].size &&\n"
     "            slot[i] < payload + size) {\n"
     "            return false;\n"
     "        }\n"
     "    }\n"
     "    return true;\n"
     "}\n\n",
     NULL},
    {asks_zeroed,
     "/* Are all bytes of a payload 0, those beyond the request too? */\n"
     "PORT_UNCHECKED static bool is_zero(const unsigned char *payload, size_t usable_size) {\n"
     "    for (size_t i = 0; i < usable_size; i++) {\n"
     "        if (payload[i] != 0) {\n"
     "            return false;\n"
     "        }\n"
     "    }\n"
     "    return true;\n"
     "}\n\n",
     NULL},
    {asks_blocks, NULL, write_blocks},
    {asks_untouched,
     "/* A hash over all headers, in order. */\n"
     "static uint64_t layout(void) {\n"
     "    const size_t end = page_count * PAGE_SIZE;\n"
     "    uint64_t hash = 0;\n"
     "    struct block block;\n"
     "    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {\n"
     "        block = block_read(base + offset);\n"
     "        if (!block_is_possible(block, end - offset)) {\n"
     "            break;\n"
     "        }\n"
     "        hash = ((hash << 5 | hash >> 59) ^ (block.size * 2 + block.taken)) *\n"
     "               UINT64_C(0x9e3779b97f4a7c15);\n"
     "    }\n"
     "    return hash;\n"
     "}\n\n",
     NULL},
    {asks_guards,
     "/* Are the bytes on both sides of the region as they were? */\n"
     "PORT_UNCHECKED static bool guards_hold(void) {\n"
     "    const unsigned char *const end = base + page_count * PAGE_SIZE;\n"
     "    for (size_t i = 0; i < GUARD_SIZE; i++) {\n"
     "        if ((base - GUARD_SIZE)[i] != DIRT || end[i] != DIRT) {\n"
     "            return false;\n"
     "        }\n"
     "    }\n"
     "    return true;\n"
     "}\n\n",
     NULL},
    {asks_damage, NULL, write_damage},
    {asks_bad_starts, NULL, write_bad_starts},
    {checks_contents,
     "/* Every live payload holds what its owner wrote. */\n"
     "static void check_contents(void) {\n"
     "    for (size_t i = 0; i < SLOT_COUNT; i++) {\n"
     "        check(holds(slot[i], live[i].size, live[i].serial), CONTENTS_KEPT);\n"
     "    }\n"
     "}\n\n",
     NULL},
    {shatters,
     "/* Cuts free blocks up, by writing headers as no operation leaves them: or kmem_coalesce would "
     "find\n"
     " * nothing to merge. The harness does the same before it.\n"
     " *\n"
     " *     before   | free .................................. |\n"
     " *     after    | free 16 | free 16 | free 16 | free .... |     as far as the block goes */\n"
     "static void shatter(void) {\n"
     "    const size_t end = kmem_size(&heap);\n"
     "    size_t offset = 0;\n"
     "    while (offset < end) {\n"
     "        struct block block = block_read(base + offset);\n"
     "        if (!block_is_possible(block, end - offset)) {\n"
     "            return;\n"
     "        }\n"
     "        for (int i = 0; i < 3 && !block.taken && block.size >= 2 * BLOCK_SIZE_MINIMUM; i++) {\n"
     "            block_write(base + offset, BLOCK_SIZE_MINIMUM, false);\n"
     "            block.size -= BLOCK_SIZE_MINIMUM;\n"
     "            offset += BLOCK_SIZE_MINIMUM;\n"
     "            block_write(base + offset, block.size, false);\n"
     "        }\n"
     "        offset += (size_t)block.size;\n"
     "    }\n"
     "}\n\n",
     NULL},
};

void reproducer_write_checks(const struct reproducer *file) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (!functions[i].is_called(file)) {
            continue;
        }
        if (functions[i].text != NULL) {
            fputs(functions[i].text, file->stream);
        } else {
            functions[i].write(file);
        }
    }
}
