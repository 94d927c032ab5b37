/* Events to operations. import_build.h is the contract. */
#include "fuzz/import/import_build.h"

#include <stdarg.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)64)
/* Bytes the largest heap can give at once: all of it but a header. */
#define SIZE_LIMIT (PROGRAM_REGION_SIZE_MAXIMUM - 8)

/* The lists. */

/* Makes room for one thing more of `size` bytes in a list from malloc. Returns false iff memory ran out. */
static bool make_room(void **things, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return true;
    }
    const size_t larger_capacity = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
    void *const larger = realloc(*things, larger_capacity * size);
    if (larger == NULL) {
        return false;
    }
    *things = larger;
    *capacity = larger_capacity;
    return true;
}

void import_build_problem(struct import_build *build, const char *format, ...) {
    struct import *const import = build->import;
    void *problems = import->problems;
    if (!make_room(&problems, import->problem_count, &build->problem_capacity, sizeof *import->problems)) {
        build->failed = true;
        return;
    }
    import->problems = problems;
    struct import_problem *const problem = &import->problems[import->problem_count++];
    va_list arguments;
    va_start(arguments, format);
    problem->line = build->line;
    (void)vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    for (char *at = problem->message; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') { /* a log may hold any bytes; a message is for a terminal */
            *at = '?';
        }
    }
}

static void add_operation(struct import_build *build, enum operation_kind kind, size_t slot, uint64_t size) {
    struct import *const import = build->import;
    void *operations = import->operations;
    if (!make_room(&operations, import->operation_count, &build->operation_capacity,
                   sizeof *import->operations)) {
        build->failed = true;
        return;
    }
    import->operations = operations;
    import->operations[import->operation_count++] = (struct import_operation){
        .operation = {.kind = kind,
                      .slot = (uint16_t)slot,
                      .size = {.base = SIZE_BASE_LITERAL, .amount = (int32_t)size}},
        .line = build->line,
    };
}

/* Calls. */

/* Can a heap of any program give this? Says so when not. */
static bool check_size(struct import_build *build, uint64_t size) {
    if (size <= SIZE_LIMIT) {
        return true;
    }
    import_build_problem(build, "%llu bytes are more than the largest heap has for one payload, %zu",
                         (unsigned long long)size, (size_t)SIZE_LIMIT);
    return false;
}

/* Is this id free to be allocated? Says so when not. */
static bool check_new(struct import_build *build, struct import_text id) {
    const struct import_entry *const entry = import_ids_find(&build->ids, id);
    if (entry == NULL) {
        return true;
    }
    import_build_problem(build, "'%.*s' is live already, since line %zu: its free is missing",
                         IMPORT_SHOWN(id), entry->line);
    return false;
}

static void allocate(struct import_build *build, enum operation_kind kind, struct import_text id,
                     uint64_t size) {
    if (id.size == 0) {
        import_build_problem(build, "this call returned NULL: it gave nothing that could be followed");
        return;
    }
    if (!check_new(build, id) || !check_size(build, size)) {
        return;
    }
    const size_t slot = import_ids_take_slot(&build->ids);
    if (slot == IMPORT_NO_SLOT) {
        import_build_problem(build, "more than %zu payloads are live here; a program has no more slots",
                             PROGRAM_SLOT_COUNT_MAXIMUM);
        return;
    }
    add_operation(build, kind, slot, size);
    if (size == 0) { /* this heap gives NULL for it */
        import_ids_free_slot(&build->ids, slot);
    }
    if (!import_ids_add(&build->ids, id, size == 0 ? IMPORT_NO_SLOT : slot, build->line)) {
        build->failed = true;
    }
}

/* The entry of an id that is to be live; NULL when it is not, and that has been said. */
static struct import_entry *find_live(struct import_build *build, struct import_text id) {
    struct import_entry *const entry = import_ids_find(&build->ids, id);
    if (entry == NULL) {
        import_build_problem(build, "'%.*s' is not live: it was never allocated here, or is freed",
                             IMPORT_SHOWN(id));
    }
    return entry;
}

static void release(struct import_build *build, struct import_text id) {
    if (id.size == 0) {
        add_operation(build, OPERATION_NULL_FREE, 0, 0);
        return;
    }
    struct import_entry *const entry = find_live(build, id);
    if (entry == NULL) {
        return;
    }
    if (entry->slot == IMPORT_NO_SLOT) {
        add_operation(build, OPERATION_NULL_FREE, 0, 0);
    } else {
        add_operation(build, OPERATION_FREE, entry->slot, 0);
    }
    import_ids_free_slot(&build->ids, entry->slot);
    import_ids_remove(&build->ids, entry);
}

/* A realloc of an entry that has a payload, to a size that is not 0. */
static void move(struct import_build *build, struct import_entry *entry, const struct import_event *event) {
    const size_t slot = entry->slot;
    const bool renamed = entry != import_ids_find(&build->ids, event->new_id);
    if ((renamed && !check_new(build, event->new_id)) || !check_size(build, event->size)) {
        return;
    }
    add_operation(build, OPERATION_REALLOC, slot, event->size);
    if (renamed) {
        import_ids_remove(&build->ids, entry);
        if (!import_ids_add(&build->ids, event->new_id, slot, build->line)) {
            build->failed = true;
        }
    }
}

static void resize(struct import_build *build, const struct import_event *event) {
    if (event->id.size == 0) {
        allocate(build, OPERATION_ALLOC, event->new_id, event->size);
        return;
    }
    struct import_entry *const entry = find_live(build, event->id);
    if (entry == NULL) {
        return;
    }
    if (event->size == 0) {
        const size_t slot = entry->slot;
        if (slot == IMPORT_NO_SLOT) {
            add_operation(build, OPERATION_NULL_FREE, 0, 0);
        } else {
            add_operation(build, OPERATION_REALLOC, slot, 0);
        }
        import_ids_free_slot(&build->ids, slot);
        import_ids_remove(&build->ids, entry);
    } else if (event->new_id.size == 0) {
        import_build_problem(build, "this call returned NULL: nothing was moved");
    } else if (entry->slot == IMPORT_NO_SLOT) {
        const struct import_entry old = *entry;
        import_ids_remove(&build->ids, entry);
        const size_t problem_count = build->import->problem_count;
        allocate(build, OPERATION_ALLOC, event->new_id, event->size);
        if (build->import->problem_count != problem_count &&
            !import_ids_add(&build->ids, old.id, old.slot, old.line)) { /* it is as it was */
            build->failed = true;
        }
    } else {
        move(build, entry, event);
    }
}

void import_build_event(struct import_build *build, const struct import_event *event) {
    switch (event->kind) {
    case IMPORT_ALLOC:
        allocate(build, OPERATION_ALLOC, event->new_id, event->size);
        break;
    case IMPORT_ZALLOC:
        allocate(build, OPERATION_ZALLOC, event->new_id, event->size);
        break;
    case IMPORT_RESIZE:
        resize(build, event);
        break;
    case IMPORT_FREE:
        release(build, event->id);
        break;
    case IMPORT_NOTHING:
    case IMPORT_BROKEN:
        break;
    }
}
