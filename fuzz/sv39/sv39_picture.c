/* The page tables in lines of text. sv39_picture.h is the contract. */
#include "fuzz/sv39/sv39_picture.h"

#include <inttypes.h>

#include "src/riscv/sv39.h"

#define LINE_LIMIT 64

void sv39_picture_print_model(const struct sv39_model *model, FILE *stream) {
    const size_t tables = sv39_model_table_count(model);
    const size_t free_pages = sv39_model_free_count(model);
    (void)fprintf(stream, "  should be mapped, in %zu table%s, %zu page%s being free:\n", tables,
                  tables == 1 ? "" : "s", free_pages, free_pages == 1 ? "" : "s");
    if (model->live_count == 0) {
        (void)fprintf(stream, "    nothing\n");
    }
    for (size_t i = 0; i < model->live_count; i++) {
        const struct live_mapping live = model->live[i];
        (void)fprintf(stream, "    0x%016" PRIx64 " to 0x%" PRIx64 ", 0x%" PRIx64 "\n", live.virtual_address,
                      live.physical_address, live.flags);
    }
}

/* The physical address in an entry. */
static uint64_t address_in(uint64_t entry) {
    return (entry & SV39_PAGE_NUMBER_MASK) * 4;
}

static void print_leaf(uint64_t entry, FILE *stream) {
    static const struct {
        uint64_t bit;
        char letter;
    } letters[] = {{SV39_VALID, 'V'}, {SV39_READ, 'R'},   {SV39_WRITE, 'W'},    {SV39_EXECUTE, 'X'},
                   {SV39_USER, 'U'},  {SV39_GLOBAL, 'G'}, {SV39_ACCESSED, 'A'}, {SV39_DIRTY, 'D'}};
    uint64_t rest = entry & ~SV39_PAGE_NUMBER_MASK;
    (void)fprintf(stream, "0x%" PRIx64 " ", address_in(entry));
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        (void)fprintf(stream, "%c", (rest & letters[i].bit) != 0 ? letters[i].letter : '-');
        rest &= ~letters[i].bit;
    }
    if (rest != 0) {
        (void)fprintf(stream, " and bits 0x%" PRIx64, rest);
    }
    (void)fprintf(stream, "\n");
}

void sv39_picture_print_tables(const unsigned char *base, const unsigned char *descriptors, size_t page_count,
                               const unsigned char *root, uint64_t start, FILE *stream) {
    const uint64_t *tables[SV39_LEVEL_COUNT] = {[SV39_LEVEL_COUNT - 1] = (const void *)root};
    size_t indices[SV39_LEVEL_COUNT] = {0};
    unsigned level = SV39_LEVEL_COUNT - 1;
    unsigned line_count = 0;
    (void)fprintf(stream, "  tables, from the root, page %zu:\n", (size_t)(root - base) / PAGE_SIZE);
    /* Ends: each turn passes an entry, or leaves a table for good; a table is entered by a line. */
    for (;;) {
        if (indices[level] == SV39_ENTRY_COUNT) {
            if (level == SV39_LEVEL_COUNT - 1) {
                return;
            }
            level++;
            continue;
        }
        const size_t index = indices[level]++;
        const uint64_t entry = tables[level][index];
        if (entry == 0) {
            continue;
        }
        if (line_count++ == LINE_LIMIT) {
            (void)fprintf(stream, "    ... and more\n");
            return;
        }
        (void)fprintf(stream, "    %*s[%zu] ", 2 * (int)(SV39_LEVEL_COUNT - 1 - level), "", index);
        if (level == 0) {
            print_leaf(entry, stream);
            continue;
        }
        const uint64_t page = (address_in(entry) - start) / PAGE_SIZE; /* before page 0 it wraps */
        if (page >= page_count || (entry & ~SV39_PAGE_NUMBER_MASK) != SV39_VALID) {
            (void)fprintf(stream, "0x%" PRIx64 ", which names no table\n", entry);
            continue;
        }
        (void)fprintf(stream, "page %" PRIu64 "%s\n", page, descriptors[page] == 0 ? ", which is free" : "");
        if (descriptors[page] == 0) {
            continue;
        }
        level--;
        tables[level] = (const void *)(base + page * PAGE_SIZE);
        indices[level] = 0;
    }
}
