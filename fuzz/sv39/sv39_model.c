/* The page table model. sv39_model.h is the contract. */
#include "fuzz/sv39/sv39_model.h"

#include <stdbool.h>

#define MIB ((uint64_t)1024 * 1024)
#define GIB (1024 * MIB)

static struct sv39_answer refused(enum sv39_error error) {
    return (struct sv39_answer){.error = error};
}

void sv39_model_init(struct sv39_model *model, size_t page_count, size_t other_count) {
    model->page_count = page_count;
    model->other_count = other_count;
    model->live_count = 0;
    model->corrupt_size = 0;
}

/* Addresses: the lower 256 GiB, and the upper. */
static bool is_canonical(uint64_t virtual_address) {
    return virtual_address < 256 * GIB || virtual_address >= 0 - 256 * GIB;
}

static bool is_corrupt(const struct sv39_model *model, uint64_t virtual_address) {
    return virtual_address - model->corrupt_start < model->corrupt_size;
}

/* The first mapping at virtual_address or above. */
static size_t find(const struct sv39_model *model, uint64_t virtual_address) {
    size_t i = 0;
    while (i < model->live_count && model->live[i].virtual_address < virtual_address) {
        i++;
    }
    return i;
}

/* Is the page of virtual_address mapped? */
static bool is_mapped(const struct sv39_model *model, uint64_t virtual_address) {
    const uint64_t start = virtual_address - virtual_address % PAGE_SIZE;
    const size_t i = find(model, start);
    return i < model->live_count && model->live[i].virtual_address == start;
}

/* How many stretches of this size have mappings. They are sorted, so equal ones follow each other. */
static size_t count_stretches(const struct sv39_model *model, uint64_t size) {
    size_t count = 0;
    for (size_t i = 0; i < model->live_count; i++) {
        const bool is_same =
            i > 0 && model->live[i].virtual_address / size == model->live[i - 1].virtual_address / size;
        count += is_same ? 0 : 1;
    }
    return count;
}

size_t sv39_model_table_count(const struct sv39_model *model) {
    return 1 + count_stretches(model, GIB) + count_stretches(model, 2 * MIB);
}

size_t sv39_model_free_count(const struct sv39_model *model) {
    return model->page_count - model->other_count - sv39_model_table_count(model);
}

static void insert(struct sv39_model *model, size_t at, struct live_mapping mapping) {
    for (size_t i = model->live_count; i > at; i--) {
        model->live[i] = model->live[i - 1];
    }
    model->live[at] = mapping;
    model->live_count++;
}

static void erase(struct sv39_model *model, size_t at) {
    model->live_count--;
    for (size_t i = at; i < model->live_count; i++) {
        model->live[i] = model->live[i + 1];
    }
}

/* The specification's five legal permissions, with U or without. */
static bool are_flags_legal(uint64_t flags) {
    switch (flags & ~SV39_USER) {
    case SV39_READ:
    case SV39_READ | SV39_WRITE:
    case SV39_EXECUTE:
    case SV39_READ | SV39_EXECUTE:
    case SV39_READ | SV39_WRITE | SV39_EXECUTE:
        return true;
    default:
        return false;
    }
}

struct sv39_answer sv39_model_map(struct sv39_model *model, uint64_t virtual_address,
                                  uint64_t physical_address, uint64_t flags) {
    if (!is_canonical(virtual_address)) {
        return refused(SV39_NOT_CANONICAL);
    }
    if (virtual_address % PAGE_SIZE + physical_address % PAGE_SIZE != 0) {
        return refused(SV39_MISALIGNED);
    }
    if (physical_address / GIB >= (uint64_t)64 * 1024 * 1024) {
        return refused(SV39_BAD_PHYSICAL);
    }
    if (!are_flags_legal(flags)) {
        return refused(SV39_BAD_FLAGS);
    }
    if (is_corrupt(model, virtual_address)) {
        return refused(SV39_CORRUPT);
    }
    if (is_mapped(model, virtual_address)) {
        return refused(SV39_ALREADY_MAPPED);
    }
    const size_t at = find(model, virtual_address);
    insert(model, at,
           (struct live_mapping){
               .virtual_address = virtual_address, .physical_address = physical_address, .flags = flags});
    if (sv39_model_table_count(model) + model->other_count > model->page_count) {
        erase(model, at);
        return refused(SV39_OUT_OF_PAGES);
    }
    return (struct sv39_answer){.error = SV39_OK};
}

struct sv39_answer sv39_model_unmap(struct sv39_model *model, uint64_t virtual_address) {
    if (!is_canonical(virtual_address)) {
        return refused(SV39_NOT_CANONICAL);
    }
    if (virtual_address % PAGE_SIZE != 0) {
        return refused(SV39_MISALIGNED);
    }
    if (is_corrupt(model, virtual_address)) {
        return refused(SV39_CORRUPT);
    }
    if (!is_mapped(model, virtual_address)) {
        return refused(SV39_NOT_MAPPED);
    }
    erase(model, find(model, virtual_address));
    return (struct sv39_answer){.error = SV39_OK};
}

struct sv39_answer sv39_model_translate(const struct sv39_model *model, uint64_t virtual_address) {
    if (!is_canonical(virtual_address)) {
        return refused(SV39_NOT_CANONICAL);
    }
    if (is_corrupt(model, virtual_address)) {
        return refused(SV39_CORRUPT);
    }
    if (!is_mapped(model, virtual_address)) {
        return refused(SV39_NOT_MAPPED);
    }
    const uint64_t offset = virtual_address % PAGE_SIZE;
    const struct live_mapping mapping = model->live[find(model, virtual_address - offset)];
    return (struct sv39_answer){
        .error = SV39_OK,
        .translation = {.physical_address = mapping.physical_address + offset, .flags = mapping.flags}};
}
