/* Programs of other programs. mutate.h is the contract. All operations are equally long, and stay where they
 * are in the bytes. */
#include "fuzz/generate/mutate.h"

#include "fuzz/generate/generate.h"
#include "fuzz/generate/making.h"

#define EDITS_MAXIMUM   4u
#define DELETED_MAXIMUM ((size_t)8)  /* operations of a run */
#define REPEAT_MAXIMUM  ((size_t)16) /* operations of a run */
#define ROOM_MINIMUM    ((size_t)8)  /* operations; with less, something makes room for what is inserted */

static struct program program_of(const struct making *making) {
    return program_decode(making->bytes, making_size(making));
}

static struct operation operation_at(const struct making *making, size_t index) {
    const struct program program = program_of(making);
    return program_operation(&program, index);
}

static void put(struct making *making, size_t index, const struct operation *operation) {
    program_encode_operation(&making->header, index, operation, making->bytes);
}

static void swap(struct making *making, size_t a, size_t b) {
    const struct operation first = operation_at(making, a);
    const struct operation second = operation_at(making, b);
    put(making, a, &second);
    put(making, b, &first);
}

static void reverse(struct making *making, size_t start, size_t end) {
    while (start + 1 < end) {
        swap(making, start++, --end);
    }
}

/* Moves the operations from `middle` on in front of those from start on. */
static void move_end(struct making *making, size_t start, size_t middle) {
    reverse(making, start, middle);
    reverse(making, middle, making->count);
    reverse(making, start, making->count);
}

static size_t below(struct making *making, size_t count) {
    return random_below(&making->random, (uint32_t)count);
}

static bool allocates(enum operation_kind kind) {
    return kind == OPERATION_ALLOC || kind == OPERATION_ZALLOC || kind == OPERATION_CALLOC ||
           kind == OPERATION_ALIGNED;
}

/* Deletes a run of at most that many. Returns where it was. */
static size_t delete_some(struct making *making, size_t longest) {
    if (making->count == 0) {
        return 0;
    }
    const size_t start = below(making, making->count);
    const size_t rest = making->count - start;
    const size_t length = 1 + below(making, rest < longest ? rest : longest);
    for (size_t i = start + length; i < making->count; i++) {
        const struct operation operation = operation_at(making, i);
        put(making, i - length, &operation);
    }
    making->count -= length;
    return start;
}

static void delete_run(struct making *making) {
    (void)delete_some(making, DELETED_MAXIMUM);
}

static void make_room(struct making *making) {
    if (making->limit - making->count < ROOM_MINIMUM) {
        (void)delete_some(making, making->count);
    }
}

static void insert_at(struct making *making, size_t index) {
    const size_t end = making->count;
    making->live = 0;
    making->taken = 0;
    for (size_t i = 0; i < index; i++) {
        const struct operation operation = operation_at(making, i);
        making_note(making, &operation);
    }
    making_add_edit(making);
    move_end(making, index, end);
}

static void insert_edit(struct making *making) {
    make_room(making);
    insert_at(making, below(making, making->count + 1));
}

static void replace_run(struct making *making) {
    insert_at(making, delete_some(making, DELETED_MAXIMUM));
}

/* Another operation in the place of one, or the same with another size, slot, ... */
static void change_one(struct making *making) {
    if (making->count == 0) {
        return;
    }
    const size_t index = below(making, making->count);
    struct operation operation = operation_at(making, index);
    const bool keeps_kind = !random_once_in(&making->random, 3);
    const enum operation_kind kind = keeps_kind ? operation.kind : making_any_kind(making);
    const struct operation other = making_operation(making, kind, making_any_slot(making));
    if (keeps_kind && operation_has_size(&operation) && operation_has_size(&other) &&
        random_once_in(&making->random, 2)) {
        operation.size = other.size;
    } else {
        operation = other;
    }
    put(making, index, &operation);
}

static void swap_two(struct making *making) {
    if (making->count > 1) {
        const size_t first = below(making, making->count);
        swap(making, first, below(making, making->count));
    }
}

/* A run again somewhere, on slots further on. */
static void repeat_run(struct making *making) {
    make_room(making);
    if (making->count == 0) {
        return;
    }
    const size_t end = making->count;
    const size_t start = below(making, end);
    const size_t length = 1 + below(making, end - start < REPEAT_MAXIMUM ? end - start : REPEAT_MAXIMUM);
    const size_t moved = below(making, 5);
    for (size_t i = start; i < start + length; i++) {
        struct operation operation = operation_at(making, i);
        if (operation_takes(operation.kind, OPERAND_SLOT)) {
            operation.slot = (uint16_t)((operation.slot + moved) & (making->header.slot_count - 1));
        }
        making_append(making, &operation);
    }
    move_end(making, below(making, end + 1), end);
}

/* What an operation allocates is freed, or resized, somewhere behind it. */
static void end_one(struct making *making) {
    make_room(making);
    const size_t end = making->count;
    if (end == 0) {
        return;
    }
    size_t index = below(making, end);
    while (index + 1 < end && !allocates(operation_at(making, index).kind)) {
        index++;
    }
    const enum operation_kind kind = random_once_in(&making->random, 3) ? OPERATION_REALLOC : OPERATION_FREE;
    const struct operation operation = making_operation(making, kind, operation_at(making, index).slot);
    making_append(making, &operation);
    move_end(making, index + 1 + below(making, end - index), end);
}

/* Another heap for the same operations, on as many slots. */
static void change_header(struct making *making) {
    struct program_header header = making_header(&making->random);
    header.slot_count = making->header.slot_count;
    making_set_header(making, &header);
}

/* Whatever the header disables is written as what it means. Returns the size. */
static size_t finish(struct making *making) {
    while (making->count == 0) { /* some edits add nothing */
        making_add_edit(making);
    }
    const struct program program = program_of(making);
    program_encode(&program, making->bytes);
    return program.size;
}

size_t mutate_program(uint64_t seed, uint8_t *bytes, size_t size, size_t capacity) {
    static void (*const mutations[])(struct making *) = {
        insert_edit, insert_edit, insert_edit, change_one, change_one, delete_run,
        delete_run,  replace_run, repeat_run,  end_one,    swap_two,   change_header,
    };
    const struct program program = program_decode(bytes, size);
    if (program.operation_count == 0) {
        return generate_program(seed, bytes, capacity);
    }
    struct program_header header = program.header;
    header.version = PROGRAM_VERSION;
    struct making making = making_start(seed, bytes, capacity);
    making.count = program.operation_count < making.limit ? program.operation_count : making.limit;
    /* An operation lies no further on in another format, so that from the last on none is overwritten before
     * it is read. */
    for (size_t i = making.count; i-- > 0;) {
        const struct operation operation = program_operation(&program, i);
        program_encode_operation(&header, i, &operation, bytes);
    }
    making_set_header(&making, &header);
    for (size_t left = 1 + below(&making, EDITS_MAXIMUM); left > 0; left--) {
        mutations[below(&making, sizeof mutations / sizeof mutations[0])](&making);
    }
    return finish(&making);
}

size_t mutate_cross(uint64_t seed, const uint8_t *first, size_t first_size, const uint8_t *second,
                    size_t second_size, uint8_t *bytes, size_t capacity) {
    const struct program one = program_decode(first, first_size);
    const struct program other = program_decode(second, second_size);
    if (one.operation_count + other.operation_count == 0) {
        return 0;
    }
    struct program_header header = one.header;
    header.version = PROGRAM_VERSION;
    struct making making = making_start(seed, bytes, capacity);
    making_set_header(&making, &header);
    const size_t kept = one.operation_count == 0 ? 0 : 1 + below(&making, one.operation_count);
    const size_t start = below(&making, other.operation_count + (kept != 0));
    for (size_t i = 0; i < kept; i++) {
        const struct operation operation = program_operation(&one, i);
        making_append(&making, &operation);
    }
    for (size_t i = start; i < other.operation_count; i++) {
        struct operation operation = program_operation(&other, i);
        operation.slot &= (uint16_t)(making.header.slot_count - 1);
        making_append(&making, &operation);
    }
    return finish(&making);
}
