/* The map from ids to slots. import_ids.h is the contract. */
#include "fuzz/import/import_ids.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/execute/slots.h"

#define FIRST_PLACE_COUNT ((size_t)64)

/* FNV-1a. */
static uint64_t hash(struct import_text id) {
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < id.size; i++) {
        value = (value ^ (unsigned char)id.start[i]) * UINT64_C(0x100000001b3);
    }
    return value;
}

/* The place of an id, or the empty one where it belongs. There is one: at most half of all are used. */
static size_t find_place(const struct import_entry *places, size_t place_count, struct import_text id) {
    size_t place = (size_t)hash(id) & (place_count - 1);
    while (places[place].id.size != 0 &&
           (places[place].id.size != id.size || memcmp(places[place].id.start, id.start, id.size) != 0)) {
        place = (place + 1) & (place_count - 1);
    }
    return place;
}

struct import_entry *import_ids_find(const struct import_ids *ids, struct import_text id) {
    if (ids->place_count == 0) {
        return NULL;
    }
    struct import_entry *const entry = &ids->places[find_place(ids->places, ids->place_count, id)];
    return entry->id.size == 0 ? NULL : entry;
}

/* Makes room for one entry more. */
static bool make_room(struct import_ids *ids) {
    if ((ids->entry_count + 1) * 2 <= ids->place_count) {
        return true;
    }
    const size_t place_count = ids->place_count == 0 ? FIRST_PLACE_COUNT : ids->place_count * 2;
    struct import_entry *const places = calloc(place_count, sizeof *places);
    if (places == NULL) {
        return false;
    }
    for (size_t i = 0; i < ids->place_count; i++) {
        if (ids->places[i].id.size != 0) {
            places[find_place(places, place_count, ids->places[i].id)] = ids->places[i];
        }
    }
    free(ids->places);
    ids->places = places;
    ids->place_count = place_count;
    return true;
}

bool import_ids_add(struct import_ids *ids, struct import_text id, size_t slot, size_t line) {
    if (!make_room(ids)) {
        return false;
    }
    ids->places[find_place(ids->places, ids->place_count, id)] =
        (struct import_entry){.id = id, .slot = slot, .line = line};
    ids->entry_count++;
    return true;
}

/* The entries after the removed one, up to the next empty place, move to where they are found without it. */
void import_ids_remove(struct import_ids *ids, struct import_entry *entry) {
    size_t place = (size_t)(entry - ids->places);
    entry->id.size = 0;
    ids->entry_count--;
    for (;;) { /* ends at an empty place */
        place = (place + 1) & (ids->place_count - 1);
        const struct import_entry moved = ids->places[place];
        if (moved.id.size == 0) {
            return;
        }
        ids->places[place].id.size = 0;
        ids->places[find_place(ids->places, ids->place_count, moved.id)] = moved;
    }
}

size_t import_ids_take_slot(struct import_ids *ids) {
    const size_t slot = slots_find(ids->taken, PROGRAM_SLOT_COUNT_MAXIMUM, 0, false);
    if (slot == PROGRAM_SLOT_COUNT_MAXIMUM) {
        return IMPORT_NO_SLOT;
    }
    slots_add(ids->taken, slot);
    ids->slot_limit = slot + 1 > ids->slot_limit ? slot + 1 : ids->slot_limit;
    return slot;
}

void import_ids_free_slot(struct import_ids *ids, size_t slot) {
    if (slot != IMPORT_NO_SLOT) {
        slots_remove(ids->taken, slot);
    }
}

void import_ids_close(struct import_ids *ids) {
    free(ids->places);
    *ids = (struct import_ids){.places = NULL};
}
