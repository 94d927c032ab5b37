/* From a place in a closure to the program that leads there. close.h is the contract.
 *
 * A layout's predecessor is looked for among those one operation nearer to the empty heap; the program is
 * then made anew, in which the same payloads are in other slots. */
#include "fuzz/execute/slots.h"
#include "fuzz/search/close_state.h"
#include "src/require.h"

#define CHAIN_CAPACITY ((size_t)CLOSE_UNREACHED + CLOSE_LENGTH_MAXIMUM)
#define NO_PAYLOAD     SIZE_MAX

/* An operation, and the payload that its slot holds, or once held. */
struct link {
    struct operation operation;
    size_t offset; /* NO_PAYLOAD: none */
};

struct chain {
    size_t count;
    struct link links[CHAIN_CAPACITY];
};

struct writer {
    const struct close *close;
    struct program_header header;
    uint8_t *bytes;
    size_t count;
    struct verdict verdict; /* of what was made of them */
};

static struct alphabet alphabet;

static struct link link_of(const struct close *close, const struct operation *operation) {
    const struct executor_tables *const tables = &close->executor->tables;
    const struct slot *const slot = &tables->slots[operation->slot];
    struct link link = {*operation, NO_PAYLOAD};
    if (operation->kind == OPERATION_DOUBLE && operation->slot < ALPHABET_STALE) {
        link.offset = slot->stale_offset;
    } else if (slots_has(tables->live_bits, operation->slot)) {
        link.offset = slot->offset;
    }
    return link;
}

/* Whether an operation leads from a layout to another: the first one that does. What was sound before and no
 * longer is hangs on more than the layout, and leads nowhere. */
static bool leads_to(const struct close *close, uint64_t from, uint64_t to, struct link *link) {
    alphabet.count = 1;
    bool arrived = false;
    for (size_t i = 0; i < alphabet.count && !arrived; i++) {
        struct verdict verdict = close_start(close, from, CLOSE_FIXED, false);
        if (i == 0) {
            alphabet_fill(&alphabet, close, CLOSE_FIXED, close_first_slot(close));
        }
        *link = link_of(close, &alphabet.operations[i]);
        if (verdict_is_sound(verdict)) {
            verdict = executor_step(close->executor, &alphabet.operations[i]);
            arrived = verdict_is_sound(verdict) && close_layout(close) == to;
        }
        executor_end(close->executor, !verdict_is_sound(verdict));
    }
    return arrived;
}

/* The links from the empty heap to a layout. Returns whether each led on again. */
static bool find_chain(const struct close *close, uint64_t layout, struct chain *chain) {
    chain->count = close->depths[layout];
    for (size_t depth = chain->count; depth > 0; depth--) {
        uint64_t before = 0;
        while (close->depths[before] != depth - 1 ||
               !leads_to(close, before, layout, &chain->links[depth - 1])) {
            if (++before == close->layouts.count) {
                return false;
            }
        }
        layout = before;
    }
    return true;
}

/* Adds the operations of the place; all but the last are made. */
static void add_place(const struct close *close, const struct close_place *place, struct chain *chain) {
    const bool stale = place->length == 1 && close->alphabet != CLOSE_PLAIN;
    struct verdict verdict = close_start(close, place->layout, place->growth, stale);
    for (size_t i = 0; i < place->length && verdict_is_sound(verdict); i++) {
        alphabet_fill(&alphabet, close, place->growth, close_first_slot(close));
        const struct operation *const operation = &alphabet.operations[place->operations[i]];
        chain->links[chain->count++] = link_of(close, operation);
        if (i + 1 < place->length) {
            verdict = executor_step(close->executor, operation);
        }
    }
    executor_end(close->executor, !verdict_is_sound(verdict));
}

/* Writes an operation, and makes it if more are to come; none after one that fails. */
static void write(struct writer *writer, struct operation operation, bool make) {
    if (verdict_is_sound(writer->verdict)) {
        REQUIRE(program_size(PROGRAM_VERSION, writer->count + 1) <= CLOSE_PROGRAM_SIZE);
        program_encode_operation(&writer->header, writer->count++, &operation, writer->bytes);
        writer->verdict = make ? executor_step(writer->close->executor, &operation) : verdict_sound();
    }
}

/* Allocates a block of so many bytes into a slot; of none, nothing. */
static void write_block(struct writer *writer, size_t slot, size_t size) {
    const size_t header_size = writer->close->executor->model.policy.header_size;
    if (size != 0) {
        write(writer,
              (struct operation){.kind = OPERATION_ALLOC,
                                 .slot = (uint16_t)slot,
                                 .size = {SIZE_BASE_LITERAL, (int32_t)(size - header_size)}},
              true);
    }
}

static void write_free(struct writer *writer, size_t slot) {
    if (executor_slot_is_live(writer->close->executor, slot)) {
        write(writer, (struct operation){.kind = OPERATION_FREE, .slot = (uint16_t)slot}, true);
    }
}

/* Gives a slot what it has to have held once: a payload there, with a block in front. */
static void write_stale(struct writer *writer, const struct operation *operation) {
    if (operation->kind == OPERATION_DOUBLE && operation->slot >= ALPHABET_STALE) {
        const struct layouts *const layouts = &writer->close->layouts;
        const size_t last = ALPHABET_SLOTS - 1;
        const size_t slot = operation->slot == last ? last - 1 : last;
        write_block(writer, slot, (operation->slot - (size_t)ALPHABET_STALE) * layouts->grain_size);
        write_block(writer, operation->slot, layouts->least * layouts->grain_size);
        write_free(writer, slot);
        write_free(writer, operation->slot);
    }
}

/* The slot that now holds what a link's did; for an allocation, an empty one. */
static uint16_t slot_now(const struct writer *writer, const struct link *link) {
    const struct executor_tables *const tables = &writer->close->executor->tables;
    const bool stale = link->operation.kind == OPERATION_DOUBLE;
    if (link->offset == NO_PAYLOAD) {
        return stale ? link->operation.slot
                     : (uint16_t)slots_find(tables->live_bits, ALPHABET_STALE,
                                            close_first_slot(writer->close), false);
    }
    for (uint16_t slot = 0; slot < ALPHABET_STALE; slot++) {
        const struct slot *const other = &tables->slots[slot];
        if (slots_has(stale ? tables->stale_bits : tables->live_bits, slot) &&
            (stale ? other->stale_offset : other->offset) == link->offset) {
            return slot;
        }
    }
    return link->operation.slot;
}

size_t close_program(const struct close *close, const struct close_place *place,
                     uint8_t bytes[CLOSE_PROGRAM_SIZE]) {
    static struct chain chain;
    struct close route = *close;
    route.alphabet = close->route;
    if (!find_chain(&route, place->layout, &chain)) {
        return 0;
    }
    if (place->length != 0) {
        add_place(close, place, &chain);
    }
    struct writer writer = {.close = close, .header = close_header(close, place->growth), .bytes = bytes};
    program_encode_header(&writer.header, bytes);
    if (chain.count == 0) {
        return program_size(PROGRAM_VERSION, 0); /* the start fails */
    }
    writer.verdict = executor_start(close->executor, &writer.header);
    write_block(&writer, 0, close->front.size);
    write_stale(&writer, &chain.links[chain.count - 1].operation);
    for (size_t i = 0; i < chain.count; i++) {
        struct operation operation = chain.links[i].operation;
        if (operation_takes(operation.kind, OPERAND_SLOT)) {
            operation.slot = slot_now(&writer, &chain.links[i]);
        }
        write(&writer, operation, i + 1 < chain.count);
    }
    executor_end(close->executor, !verdict_is_sound(writer.verdict));
    return program_size(PROGRAM_VERSION, writer.count);
}
